"""qcow2's refcounts: which clusters of the file are in use, and so where it must not end before."""

from __future__ import annotations

from dataclasses import dataclass

from ims_airflow.inspection.header import table
from ims_airflow.inspection.reading import Reading, Wanted

_TABLE = 4 * 1024  # bytes: counts 1 TB of file with the usual clusters
_BLOCK = 32 * 1024  # bytes: counts 1 GB behind the file's end with the usual clusters
_OFFSET = (1 << 64) - 512  # of a refcount block in an entry of the table


@dataclass(frozen=True, slots=True)
class Refcounts:
    """Where they lie.

    :param table: byte at which the refcount table begins.
    :param entries: its entries.
    :param cluster: bytes of a cluster, and of a refcount block.
    :param order: a refcount has ``1 << order`` bits.
    """

    table: int
    entries: int
    cluster: int
    order: int

    @property
    def per_block(self) -> int:
        """Clusters that one refcount block counts."""
        return self.cluster * 8 >> self.order

    def position(self, number: int) -> int:
        """Return the byte of a block in which a cluster's refcount begins, rounded up."""
        return -(-((number % self.per_block) << self.order) // 8)


def last_counted(counts: Refcounts, size: int) -> Reading[int]:
    """Return the byte up to which a file of this size should go at least, 0 when nothing is missing.

    Only what is counted behind the file's end matters: the table from there on, and of its blocks the one in
    which the end falls and the last one.
    """
    beyond = -(-size // counts.cluster)  # the first cluster of which the file holds nothing
    first = beyond // counts.per_block
    if first >= counts.entries:
        return 0
    data = yield Wanted(counts.table + 8 * first, min(8 * (counts.entries - first), _TABLE))
    blocks = [entry & _OFFSET for entry in table(">Q", data)]
    used = [index for index, block in enumerate(blocks) if block]
    for index in {used[-1], 0} & set(used) if used else ():
        found = yield from _last_in_block(counts, blocks[index], (first + index) * counts.per_block, beyond)
        if found:
            return found
    return 0


def _last_in_block(counts: Refcounts, block: int, number: int, beyond: int) -> Reading[int]:
    """Return the byte that the last counted cluster of a block begins behind, 0 when there is none."""
    start = counts.position(beyond) if number <= beyond else 0
    wanted = min(counts.cluster - start, _BLOCK)
    data = yield Wanted(block + start, wanted)
    if len(data) < wanted:
        return block + start + wanted  # the block itself has been cut off
    used = len(data.rstrip(b"\0"))
    return (number + ((start + used - 1) * 8 >> counts.order)) * counts.cluster + 1 if used else 0
