"""What the body of a data image request must keep, with the codes that IMS answers.

Source: IMS API reference, 使用外部镜像文件制作数据镜像, 镜像标签数据格式 and 错误码. Written from the
pages, on purpose without the client's own rules: client and emulator shall not share a mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow.emulator import refusals
from ims_airflow.emulator.wire import Refused

_NAME = re.compile(r"[A-Za-z0-9_. \u4e00-\u9fff-]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TAG_KEY = re.compile(r"[A-Za-z0-9_\u4e00-\u9fff-]{1,36}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.\u4e00-\u9fff-]{0,43}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MOST_TAGS = 10


@dataclass(frozen=True, slots=True)
class Submission:
    """A request that keeps the rules.

    :param image_url: ``bucket:key``.
    :param min_disk: GB.
    """

    name: str
    image_url: str
    min_disk: int
    os_type: str
    description: str
    cmk_id: str
    tags: Mapping[str, str]
    enterprise_project_id: str

    @property
    def bucket(self) -> str:
        """The bucket of the file."""
        return self.image_url.partition(":")[0]

    @property
    def key(self) -> str:
        """The key of the file."""
        return self.image_url.partition(":")[2]


def read_submission(body: bytes, *, os_type_required: bool) -> Submission:
    """Read a request.

    :raises Refused: it breaks a rule; the first one is told.
    """
    given = _object(body)
    return Submission(
        name=_name(given.get("name")),
        image_url=_image_url(given.get("image_url")),
        min_disk=_min_disk(given.get("min_disk")),
        os_type=_os_type(given.get("os_type"), required=os_type_required),
        description=_description(given.get("description")),
        cmk_id=_text(given.get("cmk_id")),
        tags=_tags(given),
        enterprise_project_id=_enterprise_project(given.get("enterprise_project_id")),
    )


def check_tag(key: object, value: object) -> tuple[str, str]:
    """Return a tag that keeps the rules.

    :raises Refused: it does not.
    """
    good = isinstance(key, str) and isinstance(value, str)
    if not good or not _TAG_KEY.fullmatch(str(key)) or not _TAG_VALUE.fullmatch(str(value)):
        raise refusals.ims("IMG.0115", "The image tag is invalid.")
    return str(key), str(value)


def malformed() -> Refused:
    """Refuse a body that is no JSON object of the expected shape."""
    return refusals.ims("IMG.0001", "The request message format is invalid.")


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        raise refusals.ims("IMG.0007", "The request body is empty.")
    try:
        given = json.loads(body)
    except ValueError:
        raise malformed() from None
    if not isinstance(given, dict):
        raise malformed()
    return given


def _name(name: object) -> str:
    if name is None or name == "":
        raise refusals.ims("IMG.0013", "The image name is not specified.")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.strip():
        raise refusals.ims("IMG.0003", "The image name format is invalid.")
    if len(name) > 128:
        raise refusals.ims("IMG.0002", "The image name contains more than 128 characters.")
    return name


def _image_url(url: object) -> str:
    if not isinstance(url, str) or ":" not in url:
        raise refusals.ims("IMG.0017", "The URL format is incorrect.")
    bucket, _, key = url.partition(":")
    if not bucket:
        raise refusals.ims("IMG.0068", "The specified bucket name is empty.")
    if not _BUCKET.fullmatch(bucket):
        raise refusals.ims("IMG.0109", "The bucket name contains invalid characters.")
    if not key or key.startswith("/"):
        raise refusals.ims("IMG.0017", "The URL format is incorrect.")
    if " " in key:
        raise refusals.ims("IMG.0175", "The folder name and image file name cannot contain spaces.")
    return url


def _min_disk(size: object) -> int:
    if not isinstance(size, int) or isinstance(size, bool) or not 40 <= size <= 2048:
        raise refusals.ims("IMG.0055", "The memory or disk size is invalid.")
    return size


def _os_type(os_type: object, *, required: bool) -> str:
    if os_type is None and not required:
        return "Linux"
    if os_type not in {"Linux", "Windows"}:
        raise refusals.ims("IMG.0056", "The OS type is invalid.")
    return str(os_type)


def _description(text: object) -> str:
    if text is None:
        return ""
    if not isinstance(text, str) or any(char in text for char in "\r\n<>"):
        raise refusals.ims("IMG.0054", "The image description format is invalid.")
    if len(text) > 1024:
        raise refusals.ims("IMG.0004", "The description contains more than 1024 characters.")
    return text


def _text(value: object) -> str:
    if value is not None and not isinstance(value, str):
        raise malformed()
    return value or ""


def _enterprise_project(value: object) -> str:
    if value is None or value == "0":
        return "0"
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise refusals.ims("IMG.0155", "Failed to check the enterprise project ID validity.")
    return value


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    plain, pairs = given.get("tags"), given.get("image_tags")
    if plain and pairs:  # the pages say "not both", and not which code tells so
        raise refusals.ims("IMG.0115", "The image tag is invalid.")
    rows = plain or pairs or []
    if not isinstance(rows, list):
        raise malformed()
    read = [check_tag(*_pair(row, dotted=bool(plain))) for row in rows]
    tags = dict(read)
    if len(tags) != len(read):
        raise refusals.ims("IMG.0115", "The image tag is invalid.")
    if len(tags) > MOST_TAGS:
        raise refusals.ims("IMG.0116", "The number of tags exceeds the quota.")
    return tags


def _pair(row: object, *, dotted: bool) -> tuple[object, object]:
    if dotted:
        if not isinstance(row, str):
            raise malformed()
        key, _, value = row.partition(".")  # at the first dot; the value may hold more
        return key, value
    if not isinstance(row, dict):
        raise malformed()
    return row.get("key"), row.get("value", "")
