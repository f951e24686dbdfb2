"""QED. Source: QEMU, ``docs/interop/qed_spec.txt``; ``oslo.utils`` tells no more than the name."""

from __future__ import annotations

from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, warning
from ims_airflow.inspection.header import Anatomy, backing, damaged, numbers
from ims_airflow.inspection.reach import Tables, reach
from ims_airflow.inspection.reading import Reading

_LAYOUT = "<4xIIIQ16xQQ"
_BACKING_FILE, _NEED_CHECK, _KNOWN = 1 << 0, 1 << 1, 0x7


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell what a QED header says."""
    cluster, table_clusters, _, features, l1_offset, disk = numbers(_LAYOUT, head)
    findings = _features(features)
    if cluster & cluster - 1 or not 4096 <= cluster <= 1 << 26 or table_clusters not in {1, 2, 4, 8, 16}:
        return Anatomy(disk, 0, (*findings, damaged("cluster or table size out of bounds")))
    entries = cluster * table_clusters // 8
    needed = l1_offset + cluster * table_clusters
    if needed <= size:
        covered = -(-disk // (entries * cluster))  # entries of the first table that this disk can use
        tables = Tables(l1_offset, min(covered, entries), entries, "<Q", 1, lambda entry: entry + cluster)
        needed = max(needed, (yield from reach(tables)))
    return Anatomy(disk, needed, tuple(findings))


def _features(features: int) -> list[Finding]:
    found = (
        (features & _BACKING_FILE, backing("it has a backing file")),
        (
            features & _NEED_CHECK,
            warning("not-closed", "The file was not closed properly. Run `qemu-img check -r all` on it."),
        ),
        (
            features & ~_KNOWN,
            error(WRONG_FILE, "The file is a QED with features that nobody knows. Convert it to qcow2."),
        ),
    )
    return [finding for present, finding in found if present]
