"""How far into a file its tables point: what lies behind its end has been cut off."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ims_airflow.inspection.header import table
from ims_airflow.inspection.reading import Reading, Wanted

# The most that is read of the two levels, in bytes. The first level of a 100 GB disk is 13 KiB in a VMDK and
# 400 KiB in the small clusters of a qcow.
_FIRST, _SECOND = 1024 * 1024, 64 * 1024


@dataclass(frozen=True, slots=True)
class Tables:
    """Two levels of tables: the first points to tables of the second, these to the disk's data.

    :param first: byte at which the first level's table begins.
    :param entries: its entries.
    :param second: entries of a table of the second level.
    :param layout: of an entry, as in :mod:`struct`, byte order first.
    :param unit: bytes that a pointer counts in.
    :param end: given an entry of the second level, returns the byte behind its data.
    """

    first: int
    entries: int
    second: int
    layout: str
    unit: int
    end: Callable[[int], int]


def reach(tables: Tables) -> Reading[int]:
    """Return the byte behind the last one that tables point to, as far as two reads of them tell.

    Files grow at their end. So what matters is in the table that was added last, together with those that
    were made in one go with it.
    """
    width = struct.calcsize(tables.layout)
    first_end = tables.first + tables.entries * width
    top = yield Wanted(tables.first, min(tables.entries * width, _FIRST))
    starts = {entry * tables.unit for entry in table(tables.layout, top) if entry > 1}
    if not starts:
        return first_end
    length = tables.second * width
    end = max(starts) + length
    start = max(starts)
    while start - length in starts and end - (start - length) <= _SECOND:
        start -= length
    found = yield Wanted(start, min(end - start, _SECOND))
    # Two formats spell "all zeros, nothing stored" as the pointer 1.
    ends = [tables.end(entry) for entry in table(tables.layout, found) if entry > 1]
    return max(first_end, end, *ends)
