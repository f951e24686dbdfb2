"""qcow2, versions 2 and 3. Source: QEMU, ``docs/interop/qcow2.txt``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ims_airflow.inspection import oslo
from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, warning
from ims_airflow.inspection.header import Anatomy, backing, damaged, encrypted, numbers
from ims_airflow.inspection.reading import Reading
from ims_airflow.inspection.refcounts import Refcounts, last_counted
from ims_airflow.protocol.plain_text import one_line

_LAYOUT = ">4xIQIIQIIQQIIQ"
_FEATURES = ">QQQI"  # version 3, behind the rest of the header
_FEATURES_AT = 72
_CIPHERS = {1: "AES", 2: "LUKS"}
_DIRTY, _CORRUPT, _ZSTD, _EXTENDED_L2 = 1 << 0, 1 << 1, 1 << 3, 1 << 4
_KNOWN = (1 << 5) - 1


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of the header that matter here, under the names of the specification."""

    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int
    incompatible_features: int = 0
    refcount_order: int = 4

    @property
    def sound(self) -> bool:
        """Whether the numbers are in the bounds that QEMU sets for them."""
        return 9 <= self.cluster_bits <= 21 and self.refcount_order <= 6

    @property
    def end_of_tables(self) -> int:
        """The byte behind the last table that the header itself points to."""
        return max(
            self.l1_table_offset + 8 * self.l1_size,
            self.refcount_table_offset + (self.refcount_table_clusters << self.cluster_bits),
            self.snapshots_offset + 40 * self.nb_snapshots,
            self.backing_file_offset + self.backing_file_size,
        )


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell what a qcow2 header says, and from the refcounts where the file should end."""
    header = _header(head)
    findings = [*_missing_parts(header, head), *_features(header, head), *_extras(header)]
    if not header.sound:
        return Anatomy(header.size, 0, (*findings, damaged("cluster size or refcounts out of bounds")))
    needed = header.end_of_tables
    if needed <= size:
        counts = Refcounts(
            table=header.refcount_table_offset,
            entries=header.refcount_table_clusters << header.cluster_bits - 3,
            cluster=1 << header.cluster_bits,
            order=header.refcount_order,
        )
        needed = max(needed, (yield from last_counted(counts, size)))
    return Anatomy(header.size, needed, tuple(findings))


def _header(head: bytes) -> Header:
    fields = numbers(_LAYOUT, head)
    if fields[0] < 3:
        return Header(*fields)
    incompatible, _, _, order = numbers(_FEATURES, head, _FEATURES_AT)
    return replace(Header(*fields), incompatible_features=incompatible, refcount_order=order)


def _missing_parts(header: Header, head: bytes) -> list[Finding]:
    inspector = oslo.fed(oslo.QcowInspector, head)
    if inspector is None:
        return [damaged("it cannot be read")]
    findings = []
    if oslo.violation(inspector.check_backing_file):
        end = header.backing_file_offset + min(header.backing_file_size, 1023)
        name = head[header.backing_file_offset : end].decode("utf-8", "replace")
        findings.append(backing(f"it has the backing file {one_line(name, 200)!r}"))
    # In version 2 other things may stand where version 3 has its features.
    if header.version > 2 and oslo.violation(inspector.check_data_file):
        findings.append(backing("its data lie in an external data file"))
    return findings


def _features(header: Header, head: bytes) -> list[Finding]:
    inspector = oslo.fed(oslo.QcowInspector, head)
    if inspector is None or not oslo.violation(inspector.check_unknown_features):
        return []
    if header.version == 3 and not header.incompatible_features & ~_KNOWN:
        return [
            warning(
                "extended-l2",
                "The file uses extended L2 entries, which only QEMU 5.2 and newer reads. "
                "Convert it with `qemu-img convert -o extended_l2=off`.",
            )
        ]
    what = f"version {header.version}" if header.version > 3 else "features that nobody knows"
    return [error(WRONG_FILE, f"The file is a qcow2 of {what}. Convert it with `qemu-img convert`.")]


def _extras(header: Header) -> list[Finding]:
    features, count = header.incompatible_features, header.nb_snapshots
    cipher = _CIPHERS.get(header.crypt_method, f"method {header.crypt_method}")
    found = (
        (header.crypt_method != 0, encrypted(cipher)),
        (features & _CORRUPT, damaged("QEMU has marked the file as corrupt")),
        (
            features & _DIRTY,
            warning("not-closed", "The file was not closed properly. Run `qemu-img check -r all` on it."),
        ),
        (
            features & _ZSTD,
            warning(
                "zstd-compression",
                "The file is compressed with zstd, which only QEMU 5.1 and newer reads. "
                "Convert it with `qemu-img convert -c -o compression_type=zlib`.",
            ),
        ),
        (
            count,
            warning(
                "snapshots",
                f"The file holds {count} internal snapshot{'s' if count != 1 else ''}, which take space and "
                "do not come along: the image shows the current state. `qemu-img convert` leaves them out.",
            ),
        ),
    )
    return [finding for present, finding in found if present]
