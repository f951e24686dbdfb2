"""VHDX. Source: Microsoft, [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format".

A table at 192 KiB tells where the regions of metadata and of block addresses (BAT) lie, mostly some MiB into
the file. ``oslo.utils`` reads all that is between.
"""

from __future__ import annotations

import uuid

from ims_airflow.inspection.header import Anatomy, HeaderCutError, backing, damaged, numbers, table
from ims_airflow.inspection.reading import Reading, Wanted

_REGIONS_AT = 192 * 1024
_REGION_TABLE = int.from_bytes(b"regi", "little")
_SHORT_TABLE = 4 * 1024  # bytes: room for more entries than any program writes
_ITEMS = 64 * 1024  # bytes from the metadata region's start to the first item, as a rule
_METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e").bytes_le
_BAT = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08").bytes_le
_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b").bytes_le
_DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8").bytes_le
_HAS_PARENT = 1 << 1
_PRESENT = {6, 7}  # states of a block that lies in the file, in full or in part
_CHUNK = 4 * 1024**3  # bytes of the disk, with the usual sectors of 512 bytes
_LONGEST_BAT = 64 * 1024  # bytes of it that are read
_ADDRESS = -1 << 20  # a block address is a number of MiB


def examine(head: bytes, size: int) -> Reading[Anatomy]:  # noqa: ARG001
    """Tell what the metadata say, and from the BAT where the last block ends."""
    regions = yield from _regions()
    metadata, metadata_length = regions[_METADATA]
    items = yield from _items(metadata)
    block, flags = numbers("<II", items[_PARAMETERS])
    (disk,) = numbers("<Q", items[_DISK_SIZE])
    findings = [backing("it holds the difference from a parent disk")] if flags & _HAS_PARENT else []
    if not 1 << 20 <= block <= 1 << 28:
        findings.append(damaged("block size out of bounds"))
        return Anatomy(disk, 0, tuple(findings))
    bat, bat_length = regions[_BAT]
    needed = max(metadata + metadata_length, bat + bat_length)
    if needed <= size:
        needed = max(needed, (yield from _end_of_blocks(bat, disk, block)))
    return Anatomy(disk, needed, tuple(findings))


def _regions() -> Reading[dict[bytes, tuple[int, int]]]:
    """Return offset and length of each region by its id."""
    data = yield Wanted(_REGIONS_AT, _SHORT_TABLE)
    signature, _, count = numbers("<III", data)
    if signature != _REGION_TABLE:
        raise HeaderCutError
    entries = (16 + 32 * number for number in range(min(count, (len(data) - 16) // 32)))
    found = {data[at : at + 16]: numbers("<QI", data, at + 16) for at in entries}
    if not {_METADATA, _BAT} <= found.keys():
        raise HeaderCutError
    return {key: (offset, length) for key, (offset, length) in found.items()}


def _items(metadata: int) -> Reading[dict[bytes, bytes]]:
    """Return the first bytes of each item of the metadata by its id."""
    data = yield Wanted(metadata, _SHORT_TABLE)
    if data[:8] != b"metadata":
        raise HeaderCutError
    (count,) = numbers("<H", data, 10)
    entries = (32 + 32 * number for number in range(min(count, (len(data) - 32) // 32)))
    places = {data[at : at + 16]: numbers("<I", data, at + 16)[0] for at in entries}
    if not {_PARAMETERS, _DISK_SIZE} <= places.keys():
        raise HeaderCutError
    yield Wanted(metadata + _ITEMS, _SHORT_TABLE)  # they lie side by side: one read serves them all
    items = {}
    for key in (_PARAMETERS, _DISK_SIZE):
        items[key] = yield Wanted(metadata + places[key], 8)
    return items


def _end_of_blocks(bat: int, disk: int, block: int) -> Reading[int]:
    blocks = -(-disk // block)
    entries = blocks + blocks * block // _CHUNK  # behind each chunk's blocks stands one for its bitmap
    data = yield Wanted(bat, min(8 * entries, _LONGEST_BAT))
    ends = [(entry & _ADDRESS) + block for entry in table("<Q", data) if entry & 7 in _PRESENT]
    return max(ends, default=0)
