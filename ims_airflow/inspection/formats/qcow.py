"""qcow, version 1. Source: QEMU, ``block/qcow.c``; ``oslo.utils`` takes it for a wrong qcow2."""

from __future__ import annotations

from ims_airflow.inspection.header import Anatomy, backing, damaged, encrypted, numbers
from ims_airflow.inspection.reach import Tables, reach
from ims_airflow.inspection.reading import Reading

_LAYOUT = ">8xQI4xQBB2xIQ"
_COMPRESSED = 1 << 63


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell what a qcow header says."""
    backing_offset, _, disk, cluster_bits, l2_bits, crypt_method, l1_offset = numbers(_LAYOUT, head)
    findings = []
    if backing_offset:
        findings.append(backing("it has a backing file"))
    if crypt_method:
        findings.append(encrypted("AES"))
    if not (9 <= cluster_bits <= 16 and 6 <= l2_bits <= 13):  # QEMU's bounds
        return Anatomy(disk, 0, (*findings, damaged("cluster size out of bounds")))
    tables = Tables(
        first=l1_offset,
        entries=-(-disk >> cluster_bits + l2_bits) if disk else 0,
        second=1 << l2_bits,
        layout=">Q",
        unit=1,
        end=lambda entry: _end(entry, cluster_bits),
    )
    needed = tables.first + 8 * tables.entries
    if needed <= size:
        needed = yield from reach(tables)
    return Anatomy(disk, needed, tuple(findings))


def _end(entry: int, cluster_bits: int) -> int:
    if not entry & _COMPRESSED:
        return entry + (1 << cluster_bits)
    shift = 63 - cluster_bits  # above it stands the length of the compressed data
    return (entry & (1 << shift) - 1) + (entry >> shift & (1 << cluster_bits) - 1)
