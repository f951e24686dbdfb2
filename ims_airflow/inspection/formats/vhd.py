"""VHD, also called VPC. Source: Microsoft, "Virtual Hard Disk Image Format Specification".

Its footer, big-endian, ends every file; a dynamic disk has a copy at the beginning. ``oslo.utils`` sees that
copy only, and reads from it the size that the disk had at first (byte 40), not the one that it has (48).
"""

from __future__ import annotations

from ims_airflow.inspection.finding import WRONG_FILE, error
from ims_airflow.inspection.header import Anatomy, backing, damaged, numbers
from ims_airflow.inspection.reading import Reading, Wanted

COOKIE = b"conectix"
FOOTER = 512  # bytes
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4
_LARGEST_GEOMETRY = 65535 * 16 * 255  # sectors; above it the geometry says nothing
# Programs that mean the size they write. Of the others QEMU believes the geometry, as Virtual PC does.
_EXACT = {b"win ", b"qem2", b"d2v ", b"tap\0", b"CTXS"}
_NO_END = (
    "The file is truncated: the footer that ends every VHD is missing. Upload it again, in full, "
    "or create it again."
)


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell what the footer at the beginning or, for a fixed disk, at the end says."""
    end = yield Wanted(size - FOOTER, FOOTER)
    ended = end.startswith(COOKIE)
    footer = head[:FOOTER] if head.startswith(COOKIE) else end
    kind, disk = _disk(footer)
    if kind == _FIXED:
        return Anatomy(disk, disk + FOOTER)
    findings = [] if ended else [error(WRONG_FILE, _NO_END)]
    if kind == _DIFFERENCING:
        findings.append(backing("it holds the difference from a parent disk"))
    elif kind != _DYNAMIC:
        findings.append(damaged(f"unknown disk type {kind}"))
    return Anatomy(disk, _end_of_tables(head), tuple(findings))


def _end_of_tables(head: bytes) -> int:
    """Return the byte behind the block table of a dynamic disk, and behind the footer that comes after it."""
    (header,) = numbers(">Q", head, 16)
    if not head.startswith(b"cxsparse", header):
        return header + 1024 + FOOTER
    table, entries = numbers(">Q4xI", head, header + 16)
    return table + 4 * entries + FOOTER


def _disk(footer: bytes) -> tuple[int, int]:
    """Return the disk type and the virtual size."""
    current, cylinders, heads, sectors, kind = numbers(">48xQHBBI", footer)
    geometry = cylinders * heads * sectors
    exact = footer[28:32] in _EXACT or geometry == _LARGEST_GEOMETRY
    return kind, current // 512 * 512 if exact else geometry * 512
