"""The fields of a trigger form for image imports, ready for the ``params`` of any DAG.

A form made of these refuses what IMS would refuse, in the browser and over REST, before a run exists.
"""

from __future__ import annotations

from typing import Any, TypedDict, Unpack

from airflow.sdk import Param

_CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"


class DataImageDefaults(TypedDict, total=False):
    """What a form shows at first, by field."""

    bucket: str
    key: str
    name: str
    min_disk: int
    os_type: str
    description: str
    tags: list[str]


class ImageFilesDefaults(TypedDict, total=False):
    """What a form for several files shows at first, by field."""

    bucket: str
    keys: list[str]
    min_disk: int
    os_type: str
    tags: list[str]


def data_image_params(**defaults: Unpack[DataImageDefaults]) -> dict[str, Param]:
    """Return the fields of a form that asks for one image.

    They are ``bucket``, ``key``, ``name``, ``min_disk``, ``os_type``, ``description`` and ``tags``, for
    templates such as ``{{ params.bucket }}:{{ params.key }}``. Each call makes fresh ones: change, add and
    leave out what you like.

    :param defaults: what the form shows at first. Bucket, key and name have to be given where a DAG runs on a
        schedule.
    """
    return {
        "bucket": _bucket(**_given(defaults, "bucket")),
        "key": _key(**_given(defaults, "key")),
        "name": _name(**_given(defaults, "name")),
        "min_disk": _min_disk(defaults.get("min_disk", 40)),
        "os_type": _os_type(defaults.get("os_type", "Linux")),
        "description": _description(defaults.get("description", "")),
        "tags": _tags(defaults.get("tags", [])),
    }


def image_files_params(**defaults: Unpack[ImageFilesDefaults]) -> dict[str, Param]:
    """Return the fields of a form that asks for one image of each of several files.

    They are ``bucket``, ``keys`` (a list), ``min_disk``, ``os_type`` and ``tags``.

    :param defaults: what the form shows at first.
    """
    return {
        "bucket": _bucket(**_given(defaults, "bucket")),
        "keys": _keys(**_given(defaults, "keys")),
        "min_disk": _min_disk(defaults.get("min_disk", 40)),
        "os_type": _os_type(defaults.get("os_type", "Linux")),
        "tags": _tags(defaults.get("tags", [])),
    }


def whole(pattern: str) -> str:
    """Return the pattern of a text that is this from its beginning to its end, for fields of your own.

    A bare ``$`` would let a line break through at the end.
    """
    return rf"^(?:{pattern})$(?!\n)"


_KEY = whole(r"(?!/)(?!(?:.*/)?\.{1,2}(?:/|$))[^ \x00-\x1f\x7f-\x9f]+")


def _given(defaults: Any, name: str) -> dict[str, Any]:
    # A Param without a default must be filled in; one whose default is None may be left empty.
    return {"default": defaults[name]} if name in defaults else {}


def _bucket(**default: Any) -> Param:
    return Param(
        **default,
        type="string",
        title="Bucket",
        description="The OBS bucket that the file is uploaded to: class STANDARD, in the image's region.",
        examples=["my-images"],
        pattern=whole(r"(?!.*\.\.)(?!\d{1,3}(?:\.\d{1,3}){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        minLength=3,
        maxLength=63,
    )


def _key(**default: Any) -> Param:
    return Param(
        **default,
        type="string",
        title="Object key",
        description="Name of the image file in the bucket, folders included, such as images/data.qcow2. "
        "No spaces.",
        examples=["images/data.qcow2", "exports/2026-01-31/data.vhd"],
        pattern=_KEY,
        minLength=1,
        maxLength=1024,
    )


def _keys(**default: Any) -> Param:
    return Param(
        **default,
        type="array",
        title="Object keys",
        description="The image files in the bucket, one per line, folders included, such as "
        "images/data.qcow2. Each becomes an image of the file's name.",
        items={"type": "string", "pattern": _KEY, "maxLength": 1024},
        minItems=1,
        maxItems=50,
        uniqueItems=True,
    )


def _name(**default: Any) -> Param:
    letters = rf"A-Za-z0-9._{_CHINESE}"
    return Param(
        **default,
        type="string",
        title="Image name",
        description="1 to 128 letters, digits, Chinese characters, hyphens, dots, underscores, and spaces "
        "inside.",
        pattern=whole(rf"[{letters}-](?:[{letters} -]*[{letters}-])?"),
        examples=["data", "data 2026-01-31", "数据盘"],
        minLength=1,
        maxLength=128,
    )


def _min_disk(default: int) -> Param:
    return Param(
        default,
        type="integer",
        title="Disk size (GB)",
        description="Size of disks made from the image: 40 to 2048 GB, at least the file's virtual size.",
        minimum=40,
        maximum=2048,
    )


def _os_type(default: str) -> Param:
    return Param(
        default,
        type="string",
        title="Operating system",
        description="System of the servers that the disk is for.",
        enum=["Linux", "Windows"],
    )


def _description(default: str) -> Param:
    return Param(
        default,
        type=["string", "null"],
        title="Description",
        description="At most 1024 characters, without < and >.",
        pattern=r"^[^<>\r]*$",
        maxLength=1024,
    )


def _tags(default: list[str]) -> Param:
    part = rf"A-Za-z0-9_{_CHINESE}-"
    return Param(
        default,
        type=["array", "null"],
        title="Tags",
        description="One key.value per line, such as team.storage, at most 10. Key: 1 to 36 letters, digits, "
        "hyphens, underscores, Chinese characters. Value: up to 43 of these and dots.",
        items={"type": "string", "pattern": whole(rf"[{part}]{{1,36}}(?:\.[.{part}]{{0,43}})?")},
        maxItems=10,
        uniqueItems=True,
    )
