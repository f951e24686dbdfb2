"""Which format a file is of, by its content."""

from __future__ import annotations

from collections.abc import Callable

from ims_airflow.inspection.formats import luks, qcow, qcow2, qed, raw, vdi, vhd, vhdx, vmdk, vmdk_descriptor
from ims_airflow.inspection.header import Examine
from ims_airflow.inspection.reading import Reading, Wanted

_Test = Callable[[bytes], bool]


def _mark(mark: bytes, offset: int = 0) -> _Test:
    return lambda head: head.startswith(mark, offset)


def _qcow_of_newer_version(head: bytes) -> bool:
    return head.startswith(b"QFI\xfb") and not head.startswith(b"QFI\xfb\0\0\0\x01")


# In the order of trust: a mark in the first bytes is worth more than one that data of a disk can show, too.
_TESTS: tuple[tuple[str, _Test], ...] = (
    ("qcow2", _qcow_of_newer_version),
    ("qcow", _mark(b"QFI\xfb\0\0\0\x01")),
    ("vmdk", _mark(vmdk.SPARSE)),
    ("vmdk", _mark(vmdk.ESX_SPARSE + b"\x01\0\0\0")),
    ("vhdx", _mark(b"vhdxfile")),
    ("vhd", _mark(vhd.COOKIE)),
    ("qed", _mark(b"QED\0")),
    ("luks", _mark(b"LUKS\xba\xbe")),
    ("vdi", _mark(b"\x7f\x10\xda\xbe", 64)),
    ("vmdk", vmdk_descriptor.is_descriptor),
    # Sector 16 of a CD; ISO 9660, or UDF without it.
    ("iso", lambda head: head[32769:32774] in {b"CD001", b"NSR02", b"NSR03"}),
)

EXAMINE: dict[str, Examine] = {
    "qcow2": qcow2.examine,
    "qcow": qcow.examine,
    "vmdk": vmdk.examine,
    "vhdx": vhdx.examine,
    "vhd": vhd.examine,
    "qed": qed.examine,
    "luks": luks.examine,
    "vdi": vdi.examine,
    "iso": raw.examine_iso,
    "raw": raw.examine,
}


def recognise(head: bytes, size: int) -> Reading[tuple[str, ...]]:
    """Return the formats that the content shows, the likeliest first, ``raw`` when it shows none.

    :param head: the first bytes.
    :param size: bytes of the file.
    """
    found = tuple(dict.fromkeys(name for name, test in _TESTS if test(head)))
    if found:
        return found
    end = yield Wanted(size - vhd.FOOTER, vhd.FOOTER)  # of a fixed VHD only the end tells
    return ("vhd",) if end.startswith(vhd.COOKIE) else ("raw",)
