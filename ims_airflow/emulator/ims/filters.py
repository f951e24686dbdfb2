"""Which rows ``GET /v2/cloudimages`` returns. Source: IMS API reference, 查询镜像列表."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ims_airflow.emulator import refusals
from ims_airflow.emulator.ims.images import Image, row
from ims_airflow.emulator.settings import Settings
from ims_airflow.emulator.wire import Refused

PAGE = 500
SORT_KEYS = frozenset(
    {"created_at", "updated_at", "name", "container_format", "disk_format", "status", "id", "size"}
)

_EQUAL = frozenset(
    """
    __imagetype __isregistered __image_source_type __os_type __os_bit __platform __system__cmkid __root_origin
    architecture container_format disk_format id min_disk min_ram name owner protected status
    virtual_env_type visibility
    """.split()
)
_TIMES: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}
_TIME = re.compile(r"(?P<op>[a-z]+):(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")

Row = Mapping[str, Any]


def page_of(
    images: list[Image], args: Mapping[str, str], settings: Settings
) -> tuple[list[dict[str, Any]], str]:
    """Return one page of the rows that match, and the marker of the next page or empty.

    :param images: those that are in the list.
    :raises Refused: a filter has a value that it cannot have.
    """
    rows = [row(image, settings) for image in images if matches(image, args, settings)]
    key, direction = args.get("sort_key", "created_at"), args.get("sort_dir", "desc")
    if key not in SORT_KEYS or direction not in {"asc", "desc"}:
        raise _invalid()
    rows.sort(key=lambda one: (str(one.get(key, "")), one["id"]), reverse=direction == "desc")
    if marker := args.get("marker"):
        ids = [one["id"] for one in rows]
        if marker not in ids:
            raise refusals.ims("IMG.0027", "The image ID in the request does not exist.")
        rows = rows[ids.index(marker) + 1 :]
    most = _limit(args)
    return rows[:most], rows[most - 1]["id"] if most and len(rows) > most else ""


def matches(image: Image, args: Mapping[str, str], settings: Settings) -> bool:
    """Whether an image passes all filters of a query."""
    shown = row(image, settings)
    return all(
        (
            *(_text(shown.get(name, "")) == args[name] for name in _EQUAL & args.keys()),
            _in_enterprise_project(shown, args),
            _has_tag(image, args, settings),
            *(_in_time(shown, name, args[name]) for name in ("created_at", "updated_at") if name in args),
        )
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_enterprise_project(shown: Row, args: Mapping[str, str]) -> bool:
    wanted = args.get("enterprise_project_id", "all_granted_eps")
    return wanted in {"all_granted_eps", shown["enterprise_project_id"]}


def _has_tag(image: Image, args: Mapping[str, str], settings: Settings) -> bool:
    if "tag" not in args or settings.tag_filter == "ignored":
        return True
    key, _, value = args["tag"].partition("=")
    return image.tags.get(key) == value


def _in_time(shown: Row, name: str, wanted: str) -> bool:
    found = _TIME.fullmatch(wanted)
    if found is None or found["op"] not in _TIMES:
        raise _invalid()
    return _TIMES[found["op"]](datetime.fromisoformat(shown[name]), datetime.fromisoformat(found["time"]))


def _limit(args: Mapping[str, str]) -> int:
    text = args.get("limit", str(PAGE))
    if not text.isdecimal():
        raise _invalid()
    return min(int(text), PAGE)


def _invalid() -> Refused:
    return refusals.ims("IMG.0001", "The request message format is invalid.")
