"""The tag calls. Source: IMS API reference, 镜像标签."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims_airflow.emulator import refusals
from ims_airflow.emulator.ims.images import Image
from ims_airflow.emulator.ims.rules import MOST_TAGS, check_tag, malformed
from ims_airflow.emulator.wire import Reply, json_reply


def list_tags(image: Image) -> Reply:
    """Show the tags of one image."""
    return json_reply({"tags": [{"key": key, "value": value} for key, value in image.tags.items()]})


def list_all_tags(images: list[Image]) -> Reply:
    """Show all tags of the project, each key with its values."""
    found: dict[str, dict[str, None]] = {}
    for image in images:
        for key, value in image.tags.items():
            found.setdefault(key, {})[value] = None
    return json_reply({"tags": [{"key": key, "values": list(values)} for key, values in found.items()]})


def add_tag(image: Image, body: Mapping[str, Any]) -> Reply:
    """Set one tag; a key that is there gets the new value."""
    _set(image, [body.get("tag")])
    return Reply(204)


def change_tags(image: Image, body: Mapping[str, Any]) -> Reply:
    """Set or delete several tags. Deleting what is not there is fine."""
    rows, action = body.get("tags"), body.get("action")
    if not isinstance(rows, list) or action not in {"create", "delete"}:
        raise malformed()
    if action == "create":
        _set(image, rows)
    for row in rows if action == "delete" else []:
        image.tags.pop(row.get("key", "") if isinstance(row, dict) else "", None)
    return Reply(204)


def delete_tag(image: Image, key: str) -> Reply:
    """Delete one tag."""
    if image.tags.pop(key, None) is None:
        raise refusals.ims("IMG.0115", "The image tag is invalid.", 404)
    return Reply(204)


def find_by_tags(images: list[Image], body: Mapping[str, Any]) -> Reply:
    """Find images by tags and name, or count them. ``limit`` and ``offset`` are texts here."""
    found = [image for image in images if _matches(image, body)]
    if body.get("action") == "count":
        return json_reply({"total_count": len(found)})
    limit, offset = str(body.get("limit", "10")), str(body.get("offset", "0"))
    if body.get("action") != "filter" or not limit.isdecimal() or not offset.isdecimal():
        raise malformed()
    page = found[int(offset) : int(offset) + min(int(limit), 1000)]
    return json_reply({"resources": [_resource(image) for image in page], "total_count": len(found)})


def _set(image: Image, rows: list[Any]) -> None:
    if not all(isinstance(row, dict) for row in rows):
        raise malformed()
    tags = image.tags | dict(check_tag(row.get("key"), row.get("value", "")) for row in rows)
    if len(tags) > MOST_TAGS:
        raise refusals.ims("IMG.0116", "The number of tags exceeds the quota.")
    image.tags = tags


def _matches(image: Image, body: Mapping[str, Any]) -> bool:
    return all(
        (
            all(_has(image, tag) for tag in _rows(body, "tags")),
            any(_has(image, tag) for tag in _rows(body, "tags_any")) or not body.get("tags_any"),
            not (body.get("not_tags") and all(_has(image, tag) for tag in _rows(body, "not_tags"))),
            not any(_has(image, tag) for tag in _rows(body, "not_tags_any")),
            not (body.get("without_any_tag") and image.tags),
            all(_named(image, match) for match in _rows(body, "matches")),
        )
    )


def _rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = body.get(name) or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise malformed()
    return rows


def _has(image: Image, tag: Mapping[str, Any]) -> bool:
    values = tag.get("values") or []
    key = tag.get("key")
    return key in image.tags and (not values or image.tags[key] in values)


def _named(image: Image, match: Mapping[str, Any]) -> bool:
    value = str(match.get("value", ""))
    if match.get("key") == "resource_name":
        return value in image.name  # fuzzy, unlike the list's filter
    if match.get("key") == "resource_id":
        return value == image.image_id
    raise malformed()


def _resource(image: Image) -> dict[str, Any]:
    return {
        "resource_id": image.image_id,
        "resource_name": image.name,
        "resource_detail": {"status": image.status, "create_time": int(image.created_at * 1000)},
        "tags": [{"key": key, "value": value} for key, value in image.tags.items()],
    }
