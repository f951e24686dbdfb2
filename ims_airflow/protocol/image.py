"""A private image, as the image list shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow.exceptions import UnusableAnswerError

ACTIVE = "active"
# queued: metadata made, waiting for the file; saving: file on its way to back-end storage (IMS API
# reference, "Querying Images").
IN_PROGRESS = frozenset({"queued", "saving"})
BROKEN = frozenset({"killed", "deleted"})


@dataclass(frozen=True, slots=True)
class Image:
    """One row of ``GET /v2/cloudimages``.

    :param min_disk: GB, None where the row does not say.
    :param created_at: as given (``2018-09-06T14:03:27Z``).
    :param data_origin: ``file,<bucket>:<key>`` for an image from OBS.
    :param size: bytes, None where the row does not say.
    :param protected: whether IMS refuses to delete it, None where the row does not say.
    :param image_type: ``private``, ``shared``, ``gold`` or ``market`` (``__imagetype``).
    :param virtual_env_type: ``DataImage`` for a data image.
    :param tags: every tag as a ``(key, value)`` pair; empty also where the row shows none.
    """

    image_id: str
    name: str = ""
    status: str = ""
    min_disk: int | None = None
    os_type: str = ""
    created_at: str = ""
    data_origin: str = ""
    disk_format: str = ""
    size: int | None = None
    tags: frozenset[tuple[str, str]] = frozenset()
    protected: bool | None = None
    image_type: str = ""
    virtual_env_type: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into XCom."""
        return {
            "image_id": self.image_id,
            "image_name": self.name,
            "image_status": self.status,
            "min_disk": self.min_disk,
            "os_type": self.os_type,
            "disk_format": self.disk_format,
            "image_size": self.size,
            "created_at": self.created_at,
            "data_origin": self.data_origin,
        }


def parse_image(row: Mapping[str, Any]) -> Image:
    """Read one row of the image list.

    :raises UnusableAnswerError: the row has no id.
    """
    image_id = row.get("id")
    if not isinstance(image_id, str) or not image_id:
        raise UnusableAnswerError("a row of the image list has no id")
    return Image(
        image_id=image_id,
        name=_text(row.get("name")),
        status=_text(row.get("status")).lower(),
        min_disk=_number(row.get("min_disk")),
        os_type=_text(row.get("__os_type")),
        created_at=_text(row.get("created_at")),
        data_origin=_text(row.get("__data_origin")),
        disk_format=_text(row.get("disk_format")),
        size=_number(row.get("__image_size")),
        tags=frozenset(read_tags(row.get("tags"))),
        protected=_flag(row.get("protected")),
        image_type=_text(row.get("__imagetype")),
        virtual_env_type=_text(row.get("virtual_env_type")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _flag(value: object) -> bool | None:
    """Read a boolean, or its name: other fields of the same row spell theirs as texts."""
    return {"true": True, "false": False}.get(str(value).lower())


def read_tags(value: object) -> list[tuple[str, str]]:
    """Read tags in each of the spellings that IMS uses somewhere: ``k=v``, ``k.v`` and ``{key, value}``."""
    found = []
    for tag in value if isinstance(value, list) else []:
        if isinstance(tag, dict):
            found.append((_text(tag.get("key")), _text(tag.get("value"))))
        elif isinstance(tag, str):
            key, _, rest = tag.partition("=") if "=" in tag else tag.partition(".")
            found.append((key, rest))
    return found
