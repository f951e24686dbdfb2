"""A small but valid disk image for the demo, written without any tool.

Layout of the file, after QEMU's ``docs/interop/qcow2.txt``, one cluster each: header, refcount table,
refcount block, L1 table, L2 table, then the data.
"""

from __future__ import annotations

import struct
from pathlib import Path

_MAGIC = b"QFI\xfb"
_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
_REFCOUNT_TABLE, _REFCOUNT_BLOCK, _L1, _L2, _DATA = (number * _CLUSTER for number in range(1, 6))
_COPIED = 1 << 63  # "refcount is exactly one", which QEMU wants on every table entry
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_L2_COVERS = _CLUSTER // 8 * _CLUSTER  # bytes of virtual disk behind one L2 table


def write_qcow2(path: Path, *, virtual_size: int = 1024**3, data: bytes = b"") -> None:
    """Write a qcow2 image (version 3) that is sparse but for some bytes at its start.

    :param virtual_size: bytes, a multiple of 512.
    :param data: what the virtual disk begins with; at most 512 MiB.
    """
    clusters = -(-len(data) // _CLUSTER)
    l1_entries = -(-virtual_size // _L2_COVERS)
    used = _DATA // _CLUSTER + clusters
    if clusters > _CLUSTER // 8 or l1_entries > _CLUSTER // 8:
        raise ValueError("one L2 table and one cluster of L1 table are all that this writer makes")
    with path.open("wb") as file:
        for cluster in (
            _header(virtual_size, l1_entries),
            struct.pack(">Q", _REFCOUNT_BLOCK),
            struct.pack(f">{used}H", *[1] * used),
            struct.pack(">Q", _L2 | _COPIED),
            b"".join(struct.pack(">Q", _DATA + n * _CLUSTER | _COPIED) for n in range(clusters)),
        ):
            file.write(cluster.ljust(_CLUSTER, b"\0"))
        file.write(data.ljust(clusters * _CLUSTER, b"\0"))


def _header(virtual_size: int, l1_entries: int) -> bytes:
    return _HEADER.pack(
        _MAGIC,
        3,  # version
        0,  # offset of a backing file's name: none
        0,  # its length
        _CLUSTER_BITS,
        virtual_size,
        0,  # encryption: none
        l1_entries,
        _L1,
        _REFCOUNT_TABLE,
        1,  # clusters of refcount table
        0,  # snapshots
        0,  # their offset
        0,  # features that a reader must know
        0,  # features that a reader may ignore
        0,  # features that a reader may reset
        4,  # refcounts of 2**4 bits
        _HEADER.size,
    )


def qcow2_virtual_size(path: Path) -> int | None:
    """Return the virtual size of a qcow2 file in bytes, None for any other file."""
    with path.open("rb") as file:
        head = file.read(32)
    if len(head) < 32 or not head.startswith(_MAGIC):
        return None
    size: int = struct.unpack_from(">Q", head, 24)[0]
    return size
