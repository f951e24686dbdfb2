"""VDI of VirtualBox. Source: QEMU, ``block/vdi.c``."""

from __future__ import annotations

from ims_airflow.inspection import oslo
from ims_airflow.inspection.header import Anatomy, backing, damaged, numbers
from ims_airflow.inspection.reading import Reading

_IMAGE_TYPE_AT, _DATA_AT, _BLOCKS_AT = 0x4C, 0x158, 0x178
_OWN_TYPES = {1, 2}  # dynamic and static; undo and differencing images need another file


def examine(head: bytes, size: int) -> Reading[Anatomy]:  # noqa: ARG001
    """Tell what a VDI header says. All blocks lie behind one another, so it also says where the file ends."""
    yield from ()  # the head says it all
    (image_type,) = numbers("<I", head, _IMAGE_TYPE_AT)
    (data,) = numbers("<I", head, _DATA_AT)
    block, extra, _, allocated = numbers("<IIII", head, _BLOCKS_AT)
    inspector = oslo.fed(oslo.VDIInspector, head)
    if inspector is None:
        return Anatomy(None, 0, (damaged("it cannot be read"),))
    findings = () if image_type in _OWN_TYPES else (backing("it holds the difference from another image"),)
    return Anatomy(inspector.virtual_size, data + allocated * (block + extra), findings)
