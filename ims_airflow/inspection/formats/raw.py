"""Files that are a disk as it is, and ISO images, which are one to QEMU."""

from __future__ import annotations

from ims_airflow.inspection import oslo
from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, warning
from ims_airflow.inspection.header import Anatomy, numbers
from ims_airflow.inspection.reading import Reading

_SECTOR = 512
_PARTITIONS_AT, _PROTECTIVE = 446, 0xEE

# What is no disk but would be taken for one: where its mark stands, and what to do about it.
_UNPACK = "Unpack it first"
_STRANGERS: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"\x1f\x8b\x08", "a gzip archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", _UNPACK),
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (257, b"ustar", "a tar archive, such as an OVA", _UNPACK),
    (0, b"WithoutFreeSpace", "a Parallels disk", "Convert it to qcow2"),
    (0, b"WithouFreSpacExt", "a Parallels disk", "Convert it to qcow2"),
    (0, b"MSWIM\x00\x00\x00", "a WIM archive", "Install it on a disk first"),
)


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell how large the disk is: as large as the file, in whole sectors."""
    yield from ()  # the head says it all
    findings = [
        error(WRONG_FILE, f"The file is {what}, not a disk. {remedy}.")
        for offset, mark, what, remedy in _STRANGERS
        if head.startswith(mark, offset)
    ]
    findings += _beyond(_end_of_partitions(head), size)
    return Anatomy(-(-size // _SECTOR) * _SECTOR, 0, tuple(findings))


def examine_iso(head: bytes, size: int) -> Reading[Anatomy]:  # noqa: ARG001
    """Tell how large an ISO image is. Its own idea of that differs by some padding, so the file counts."""
    yield from ()  # as above
    rule = (
        "The file is an ISO image. IMS makes system images from those, never data disk images. "
        "Copy its files to a disk, and bring that in."
    )
    return Anatomy(-(-size // _SECTOR) * _SECTOR, 0, (error(WRONG_FILE, rule),))


def _beyond(end: int, size: int) -> list[Finding]:
    if end <= size:
        return []
    rule = (
        f"The partition table goes up to byte {end}, the file has {size} bytes: it seems to be truncated. "
        "IMS would take it all the same. Compare it with its source."
    )
    return [warning("truncated", rule)]


def _end_of_partitions(head: bytes) -> int:
    """Return the byte behind the last partition, and behind the backup of a GPT, 0 without a table."""
    inspector = oslo.fed(oslo.GPTInspector, head)
    if inspector is None or oslo.violation(inspector.check_mbr_partitions):
        return 0  # file systems begin with something like a partition table, too
    rows = [numbers("<4xB3xII", head, _PARTITIONS_AT + 16 * row) for row in range(4)]
    ends = [start + length for kind, start, length in rows if kind not in {0, _PROTECTIVE}]
    if head.startswith(b"EFI PART", _SECTOR):
        ends.append(numbers("<Q", head, _SECTOR + 32)[0] + 1)
    return max(ends, default=0) * _SECTOR
