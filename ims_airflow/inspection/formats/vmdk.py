"""VMDK. Source: VMware, "Virtual Disk Format 1.1"; QEMU, ``block/vmdk.c``."""

from __future__ import annotations

from dataclasses import dataclass, field

from ims_airflow.inspection import oslo
from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, warning
from ims_airflow.inspection.formats import vmdk_descriptor
from ims_airflow.inspection.header import Anatomy, damaged, numbers
from ims_airflow.inspection.reach import Tables, reach
from ims_airflow.inspection.reading import Reading, Wanted

SPARSE, ESX_SPARSE = b"KDMV", b"COWD"
_SECTOR = 512
_LAYOUT = "<4xIIQQQQIQQQ"
_AT_END = (1 << 64) - 1  # instead of a place for the grain directory: look into the footer
_FOOTER = 3 * _SECTOR  # bytes: a marker, the footer itself, the marker of the stream's end
_COMPRESSED = 1 << 16
_LONGEST_DESCRIPTOR = 1024 * 1024  # bytes, QEMU's bound
_NO_FOOTER = (
    "The file is truncated: the footer that ends a streamOptimized VMDK is missing. "
    "Upload it again, in full, or export it again."
)


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a sparse extent; sizes and places in sectors."""

    version: int
    flags: int
    capacity: int
    grain: int
    descriptor: int
    descriptor_size: int
    table_entries: int
    spare_directory: int = field(repr=False)
    directory: int = 0
    overhead: int = 0

    @property
    def compressed(self) -> bool:
        """Whether grains are compressed, each with a length of its own."""
        return bool(self.flags & _COMPRESSED)

    @property
    def sound(self) -> bool:
        """Whether the numbers are in the bounds that QEMU sets for them."""
        return 1 <= self.version <= 3 and 0 < self.table_entries <= 512 and 0 < self.grain <= 1 << 16


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell what the header or the descriptor says."""
    if head.startswith(ESX_SPARSE):
        (sectors,) = numbers("<12xI", head)
        return Anatomy(sectors * _SECTOR, 0, (_stray_extent(),))
    if not head.startswith(SPARSE):
        text = head if size <= len(head) else (yield Wanted(0, _LONGEST_DESCRIPTOR))
        return vmdk_descriptor.anatomy(text)
    return (yield from _examine_sparse(head, size))


def _examine_sparse(head: bytes, size: int) -> Reading[Anatomy]:
    header, footer = Header(*numbers(_LAYOUT, head)), b""
    findings = []
    if header.directory == _AT_END:
        footer = yield Wanted(size - _FOOTER, _FOOTER)
        found = _footer(footer)
        if found is None:
            return Anatomy(header.capacity * _SECTOR, 0, (error(WRONG_FILE, _NO_FOOTER),))
        header = found
    findings += yield from _embedded_descriptor(header, head, footer)
    disk = header.capacity * _SECTOR
    if not header.sound:
        return Anatomy(disk, 0, (*findings, damaged("version, grain or table size out of bounds")))
    needed = max(header.overhead * _SECTOR, (header.descriptor + header.descriptor_size) * _SECTOR)
    if needed <= size:
        needed = max(needed, (yield from _end_of_grains(header)))
    return Anatomy(disk, needed, tuple(findings))


def _footer(data: bytes) -> Header | None:
    """Read the footer, a copy of the header that knows where the grain directory is."""
    if len(data) < _FOOTER or not data.startswith(SPARSE, _SECTOR):
        return None
    return Header(*numbers(_LAYOUT, data, _SECTOR))


def _embedded_descriptor(header: Header, head: bytes, footer: bytes) -> Reading[list[Finding]]:
    if header.descriptor == 0:
        return [_stray_extent()]
    end = (header.descriptor + header.descriptor_size) * _SECTOR
    if end > len(head):
        head = yield Wanted(0, min(end, _LONGEST_DESCRIPTOR))
    text = head[header.descriptor * _SECTOR : end]
    if not text.strip(b"\0"):  # QEMU leaves room for a descriptor in the extents of a split disk
        return [_stray_extent()]
    inspector = oslo.fed(oslo.VMDKInspector, head)
    if inspector is None:
        return [damaged("its descriptor is not where it must be")]
    objections = [oslo.violation(inspector.check_descriptor)]
    if footer:
        inspector.region("footer").capture(footer, 0)
        objections.append(oslo.violation(inspector.check_footer))
    return [
        *vmdk_descriptor.parent(text),
        *(
            warning("unsafe-vmdk", f"The VMDK is unusual: {objection}.")
            for objection in objections
            if objection
        ),
    ]


def _stray_extent() -> Finding:
    return error(
        WRONG_FILE,
        "The file is one extent of a VMDK that is split over several files; its descriptor is in another "
        "one. Make one file of them: `qemu-img convert -O qcow2` on the file with the descriptor.",
    )


def _end_of_grains(header: Header) -> Reading[int]:
    tables = -(-header.capacity // (header.grain * header.table_entries))
    grain = 1 if header.compressed else header.grain
    end = yield from reach(
        Tables(
            first=header.directory * _SECTOR,
            entries=tables,
            second=header.table_entries,
            layout="<I",
            unit=_SECTOR,
            end=lambda entry: (entry + grain) * _SECTOR,
        )
    )
    return (yield from _end_of_compressed(header, end - _SECTOR)) if header.compressed else end


def _end_of_compressed(header: Header, last: int) -> Reading[int]:
    """Return where the last grain ends, which begins with its place on the disk and its length."""
    data = yield Wanted(last, 12)
    if len(data) < 12:
        return last + 12
    place, length = numbers("<QI", data)
    # Something else can stand there: tables may lie behind the last grain.
    plausible = place < header.capacity and length <= 2 * header.grain * _SECTOR
    return last + -(-(12 + length) // _SECTOR) * _SECTOR if plausible else last
