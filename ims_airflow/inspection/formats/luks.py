"""LUKS: an encrypted disk without any other format around it. IMS takes none."""

from __future__ import annotations

from ims_airflow.inspection import oslo
from ims_airflow.inspection.header import Anatomy, encrypted, numbers
from ims_airflow.inspection.reading import Reading

_SECTOR = 512


def examine(head: bytes, size: int) -> Reading[Anatomy]:
    """Tell how large the encrypted disk is: what is left of the file behind the header."""
    yield from ()  # the head says it all
    (version,) = numbers(">H", head, 6)
    inspector = oslo.fed(oslo.LUKSInspector, head)
    # Version 2 keeps the offset elsewhere; it is 16 MiB at most, so the file's size is a good guess.
    offset = inspector.header_items["payload_offset"] * _SECTOR if inspector and version == 1 else 0
    return Anatomy(max(size - offset, 0), offset, (encrypted(f"LUKS version {version}"),))
