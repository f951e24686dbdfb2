"""The rules of a data image request, field by field.

Source: IMS API reference, 使用外部镜像文件制作数据镜像 and 镜像属性.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ims_airflow.protocol.data_image_tags import CHINESE, image_tag_violations, tag_violations
from ims_airflow.protocol.image_url import image_url_violations
from ims_airflow.protocol.validation import Violation, is_int, is_uuid

SOURCE = "IMS API reference, 使用外部镜像文件制作数据镜像"
ATTRIBUTES = "IMS API reference, 镜像属性"
OS_TYPES = ("Windows", "Linux")
SMALLEST_DISK, LARGEST_DISK = 40, 2048  # GB
LONGEST_DESCRIPTION = 1024  # characters

REQUIRED = ("name", "image_url", "min_disk", "os_type")
OPTIONAL = ("description", "cmk_id", "tags", "image_tags", "enterprise_project_id")

_NAME = re.compile(rf"[A-Za-z0-9._ {CHINESE}-]{{1,128}}")
_NOT_IN_DESCRIPTION = re.compile(r"[\r<>\ud800-\udfff]")


def field_violations(field: str, value: object) -> list[Violation]:
    """Return every rule that one field breaks by itself.

    :param field: under the API's name.
    :param value: None means absent.
    """
    if value is not None:
        return _RULES[field](value)
    return [Violation(field, value, "is required", SOURCE)] if field in REQUIRED else []


def combined_violations(fields: Mapping[str, Any]) -> list[Violation]:
    """Return every rule that fields break together."""
    if fields.get("tags") and fields.get("image_tags"):
        rule = "excludes tags: a request uses one of the two spellings"
        return [Violation("image_tags", fields["image_tags"], rule, SOURCE)]
    return []


def _name(value: object) -> list[Violation]:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        rule = "must have 1 to 128 letters, digits, '-', '.', '_', spaces or Chinese characters"
        return [Violation("name", value, rule, ATTRIBUTES)]
    if value != value.strip(" "):
        return [Violation("name", value, "must not begin or end with a space", ATTRIBUTES)]
    return []


def _min_disk(value: object) -> list[Violation]:
    if is_int(value) and SMALLEST_DISK <= value <= LARGEST_DISK:
        return []
    rule = f"must be a whole number of GB from {SMALLEST_DISK} to {LARGEST_DISK}"
    return [Violation("min_disk", value, rule, SOURCE)]


def _os_type(value: object) -> list[Violation]:
    if isinstance(value, str) and value in OS_TYPES:
        return []
    return [Violation("os_type", value, f"must be {' or '.join(OS_TYPES)}, spelled so", SOURCE)]


def _description(value: object) -> list[Violation]:
    if not isinstance(value, str):
        return [Violation("description", value, "must be text", SOURCE)]
    found = []
    if len(value) > LONGEST_DESCRIPTION:
        rule = f"must have at most {LONGEST_DESCRIPTION} characters, it has {len(value)}"
        found.append(Violation("description", value, rule, SOURCE))
    if _NOT_IN_DESCRIPTION.search(value):
        rule = "must not hold carriage returns, '<' or '>'"
        found.append(Violation("description", value, rule, SOURCE))
    return found


def _cmk_id(value: object) -> list[Violation]:
    return [] if is_uuid(value) else [Violation("cmk_id", value, "must be the UUID of a KMS key", SOURCE)]


def _enterprise_project_id(value: object) -> list[Violation]:
    if value == "0" or is_uuid(value):
        return []
    rule = 'must be "0" (the default project) or the UUID of an enterprise project'
    return [Violation("enterprise_project_id", value, rule, SOURCE)]


_RULES: dict[str, Callable[[object], list[Violation]]] = {
    "name": _name,
    "image_url": image_url_violations,
    "min_disk": _min_disk,
    "os_type": _os_type,
    "description": _description,
    "cmk_id": _cmk_id,
    "tags": tag_violations,
    "image_tags": image_tag_violations,
    "enterprise_project_id": _enterprise_project_id,
}
