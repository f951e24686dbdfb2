"""Looks into an image file: what it is, how large its disk is, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ims_airflow.inspection.file_rules import (
    BY_NAME,
    disk_findings,
    extension,
    name_findings,
    size_findings,
    smallest_disk,
)
from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, ordered, warning
from ims_airflow.inspection.formats.recognition import EXAMINE, recognise
from ims_airflow.inspection.header import Anatomy, HeaderCutError
from ims_airflow.inspection.reading import HEAD, Effort, Reading, Wanted, frugal, read_file, read_object
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs import StoredObject


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an image file is.

    :param format: qcow2, vmdk, vhd, vhdx, vdi, qed, qcow, raw, iso, luks, zvhd or zvhd2.
    :param virtual_size: bytes of the disk in it, None when nobody can tell.
    :param size: bytes of the file.
    :param findings: the worst first.
    :param effort: what it cost to look.
    """

    format: str
    virtual_size: int | None
    size: int
    findings: tuple[Finding, ...] = ()
    effort: Effort = field(default_factory=Effort, compare=False)

    @property
    def min_disk(self) -> int | None:
        """The smallest ``min_disk`` in GB that holds the disk, None when there is none or nobody knows."""
        return smallest_disk(self.virtual_size)


def inspect(name: str, size: int, *, min_disk: int | None = None) -> Reading[Inspection]:
    """Look into a file, reading at most 4 MiB of it in a few stretches, mostly less than 128 KiB.

    :param name: its name or key; only the extension counts.
    :param size: bytes.
    :param min_disk: GB that are going to be asked for, None when that is not known yet.
    """
    effort = Effort()
    return (yield from frugal(_inspect(name, size, min_disk, effort), size, effort))


def inspect_file(path: Path, *, min_disk: int | None = None) -> Inspection:
    """Look into a local file or block device.

    :param min_disk: GB that are going to be asked for, None when that is not known yet.
    :raises OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)  # a block device has no other size
    return read_file(path, inspect(path.name, size, min_disk=min_disk))


def inspect_object(stored: StoredObject, *, min_disk: int | None = None) -> Flow[Inspection]:
    """Look into an object in OBS.

    :param stored: what HEAD told of it.
    :param min_disk: GB that are going to be asked for, None when that is not known yet.
    :raises ImsAirflowError: it cannot be read, or has changed since.
    """
    url = ImageUrl(stored.bucket, stored.key)
    return (yield from read_object(url, stored.etag, inspect(stored.key, stored.size, min_disk=min_disk)))


def _inspect(name: str, size: int, min_disk: int | None, effort: Effort) -> Reading[Inspection]:
    head = yield Wanted(0, HEAD)
    shown = yield from recognise(head, size)
    content = shown[0]
    try:
        anatomy = yield from EXAMINE[content](head, size)
    except HeaderCutError:
        anatomy = Anatomy(None, 0, (_cut_header(content),))
    by_name = content == "raw" and extension(name) in BY_NAME
    disk_format = extension(name) if by_name else content
    virtual_size = None if by_name else anatomy.virtual_size
    findings = [
        *size_findings(size, disk_format),
        *(_cut(size, anatomy.needed) if size else ()),
        *anatomy.findings,
        *_several(shown),
        *(name_findings(name, content) if size else ()),
        *disk_findings(virtual_size, min_disk),
    ]
    return Inspection(disk_format, virtual_size, size, ordered(findings), effort)


def _cut(size: int, needed: int) -> list[Finding]:
    if needed <= size:
        return []
    rule = f"The file is truncated: it has {size} bytes, its headers point to {needed} at least."
    return [error(WRONG_FILE, f"{rule} Upload it again, in full.")]


def _cut_header(content: str) -> Finding:
    rule = f"The file begins like a {content}, but its header is truncated or damaged."
    return error(WRONG_FILE, f"{rule} Upload it again, in full, or create it again.")


def _several(shown: tuple[str, ...]) -> list[Finding]:
    if len(shown) < 2:
        return []
    rule = f"The file can be read as {' and as '.join(shown)}. It is taken for {shown[0]}."
    return [warning("ambiguous-format", rule)]
