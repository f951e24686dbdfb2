"""The rules of IMS about an image file: name, format, size, and the disk that it must fit on.

Sources: IMS user guide, 通过外部镜像文件创建数据盘镜像 (formats, 128 GB) and 快速导入 (1 TB, raw and zvhd2);
IMS API reference, 使用外部镜像文件制作数据镜像 (min_disk).
"""

from __future__ import annotations

import re

from ims_airflow.inspection.finding import (
    FILE_TOO_LARGE,
    WRONG_DISK_SIZE,
    WRONG_FILE,
    Finding,
    error,
    note,
    warning,
)
from ims_airflow.protocol.data_image_rules import LARGEST_DISK, SMALLEST_DISK

# The GB of the pages are taken for GiB: EVS makes disks in GiB, as the OpenStack below it does, so a disk of
# 40 "GB" holds 40 * 1024**3 bytes.
GB = 1024**3
LARGEST_FILE = 128 * GB
LARGEST_QUICK_FILE = 1024 * GB

# Formats that a file's extension promises. Others promise nothing: .img is used for raw and for qcow2.
_PROMISED: dict[str, frozenset[str]] = {
    **{name: frozenset({name}) for name in ("qcow2", "qcow", "vmdk", "vhdx", "vdi", "qed", "iso", "luks")},
    **{name: frozenset({"vhd"}) for name in ("vhd", "vpc")},
    **{name: frozenset({"raw"}) for name in ("raw", "dd")},
}
# How VMware and QEMU name the files that hold the data of a VMDK but no header.
_VMDK_DATA = re.compile(r"-(flat|f\d+|rdm|rdmp)\.vmdk$", re.IGNORECASE)
BY_NAME = frozenset({"zvhd", "zvhd2"})  # Huawei Cloud's own formats, of which no description is public


def extension(name: str) -> str:
    """Return the extension of a file's name in lower case, without the dot, empty when it has none."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return base.rpartition(".")[2].lower() if "." in base.strip(".") else ""


def name_findings(name: str, content: str) -> list[Finding]:
    """Compare what a name promises with what the content is.

    :param content: the format that the content shows.
    """
    ending = extension(name)
    if ending in BY_NAME:
        return _zvhd_findings(ending, content)
    if content in _PROMISED.get(ending, {content}):
        return []
    if content != "raw":
        rule = f"The file is named .{ending}, its content is {content}. Give it the name of its format."
        return [warning(WRONG_FILE, rule)]
    if _VMDK_DATA.search(name):
        rule = "The file holds data of a VMDK whose descriptor is another file. Convert the two to one qcow2."
    else:
        rule = (
            f"The file is named .{ending}, but does not begin as such a file does. It is damaged or misnamed."
        )
    return [error(WRONG_FILE, rule)]


def _zvhd_findings(ending: str, content: str) -> list[Finding]:
    if content != "raw":
        rule = f"The file is named .{ending}, its content is {content}. Give it the name of its format."
        return [warning(WRONG_FILE, rule)]
    rule = f"Nobody but Huawei Cloud reads {ending}: whether the disk in it fits into min_disk is not known."
    return [note("virtual-size-unknown", rule)]


def size_findings(size: int, disk_format: str) -> list[Finding]:
    """Compare the file's size with what IMS takes.

    :param size: bytes of the file.
    """
    if size == 0:
        return [error(WRONG_FILE, "The file is empty. Upload it again.")]
    if size > LARGEST_QUICK_FILE:
        return [error(FILE_TOO_LARGE, f"The file has {gigabytes(size)} GB. IMS takes no file above 1 TB.")]
    if size > LARGEST_FILE:
        return [
            error(FILE_TOO_LARGE, f"The file has {gigabytes(size)} GB, above 128 GB. {_way(disk_format)}")
        ]
    if size > 128 * 1000**3:
        rule = (
            "The file has more than 128 * 1000**3 bytes. The page does not tell whether its 128 GB are those."
        )
        return [warning(FILE_TOO_LARGE, rule)]
    return []


def _way(disk_format: str) -> str:
    quick = "quick import (POST /v2/cloudimages/quickimport/action), which takes up to 1 TB"
    if disk_format in {"raw", "zvhd2"}:
        return f"Bring it in by {quick}."
    return f"Compress it (`qemu-img convert -c -O qcow2`), or convert it to raw or zvhd2 and use {quick}."


def smallest_disk(virtual_size: int | None) -> int | None:
    """Return the smallest ``min_disk`` in GB that holds a disk, None when there is none or nobody knows.

    :param virtual_size: bytes.
    """
    if virtual_size is None or virtual_size > LARGEST_DISK * GB:
        return None
    return max(SMALLEST_DISK, -(-virtual_size // GB))


def disk_findings(virtual_size: int | None, min_disk: int | None) -> list[Finding]:
    """Compare the size of the disk in the file with ``min_disk``.

    :param virtual_size: bytes.
    :param min_disk: GB, None when it is not known yet.
    """
    fits = smallest_disk(virtual_size)
    found = []
    if min_disk is not None and not SMALLEST_DISK <= min_disk <= LARGEST_DISK:
        found.append(f"min_disk is {min_disk} GB. It must be from {SMALLEST_DISK} to {LARGEST_DISK} GB.")
    elif min_disk is not None and fits is not None and min_disk < fits:
        found.append(f"{_disk(virtual_size)}, min_disk is {min_disk} GB. Set min_disk to {fits} or more.")
    if virtual_size is not None and fits is None:
        found.append(f"{_disk(virtual_size)}, and min_disk ends at {LARGEST_DISK} GB.")
    return [error(WRONG_DISK_SIZE, rule) for rule in found]


def _disk(virtual_size: int | None) -> str:
    return f"The disk in the file has {gigabytes(virtual_size or 0)} GB"


def gigabytes(size: int) -> str:
    """Word a number of bytes in GB, with as many digits as it needs and at most three."""
    return f"{size / GB:.3f}".rstrip("0").rstrip(".")
