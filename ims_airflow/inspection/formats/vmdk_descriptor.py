"""The text that describes a VMDK: beside its extents in a file of its own, or embedded in the only one."""

from __future__ import annotations

import re

from ims_airflow.inspection.finding import WRONG_FILE, Finding, error
from ims_airflow.inspection.header import Anatomy, backing
from ims_airflow.protocol.plain_text import one_line

_FIRST_LINE = b"# disk descriptorfile"
_CREATE_TYPE = re.compile(rb'^\s*createtype\s*=\s*"([^"\n]{1,64})"', re.IGNORECASE | re.MULTILINE)
_PARENT = re.compile(rb"^\s*parentcid\s*=\s*([0-9a-f]{1,8})", re.IGNORECASE | re.MULTILINE)
_EXTENT = re.compile(
    rb'^\s*(?:rw|rdonly|noaccess)\s+([0-9]{1,16})\s+[a-z]+(?:\s+"([^"\n]{0,255})")?',
    re.IGNORECASE | re.MULTILINE,
)
_NO_PARENT = b"ffffffff"
_SECTOR = 512


def is_descriptor(head: bytes) -> bool:
    """Whether a file begins like a descriptor."""
    start = head[:4096]
    return start.lower().startswith(_FIRST_LINE) or (
        b"\0" not in start and start.isascii() and _CREATE_TYPE.search(start) is not None
    )


def anatomy(text: bytes) -> Anatomy:
    """Tell what a descriptor in a file of its own says: the disk's data are always somewhere else."""
    text = text.partition(b"\0")[0]
    extents = [(int(sectors), name) for sectors, name in _EXTENT.findall(text)]
    disk = sum(sectors for sectors, _ in extents) * _SECTOR
    return Anatomy(disk if extents else None, 0, (_no_data(text, extents), *parent(text)))


def parent(text: bytes) -> list[Finding]:
    """Return a finding when the disk is the difference from another one."""
    found = _PARENT.search(text.partition(b"\0")[0])
    if found is None or found[1].lower() == _NO_PARENT:
        return []
    return [backing("it holds the difference from a parent disk")]


def _no_data(text: bytes, extents: list[tuple[int, bytes]]) -> Finding:
    kind = _CREATE_TYPE.search(text)
    names = [one_line(name.decode("utf-8", "replace"), 100) for _, name in extents if name]
    others = f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""
    what = f"of a {one_line(kind[1].decode('utf-8', 'replace'))} VMDK" if kind else "of a VMDK"
    return error(
        WRONG_FILE,
        f"The file is only the descriptor {what}, its data lie in other files{others}. "
        "Make one file of them: `qemu-img convert -O qcow2` on this descriptor.",
    )
