"""PATCH of an image: a JSON patch over its name, description, minimum disk and protection."""

from __future__ import annotations

import json
from typing import Any

from ims_airflow.emulator import refusals
from ims_airflow.emulator.ims.images import Image
from ims_airflow.emulator.ims.rules import malformed

_ATTRIBUTES: dict[str, tuple[str, type]] = {
    "/name": ("name", str),
    "/__description": ("description", str),
    "/min_disk": ("min_disk", int),
    "/protected": ("protected", bool),  # an attribute of OpenStack's own API
}


def patch_image(image: Image, body: bytes, now: float) -> None:
    """Change an image.

    :raises Refused: the patch is malformed, or replaces what was never set (``IMG.0035``; then ``add``
        is meant).
    """
    try:
        changes = json.loads(body)
    except ValueError:
        raise malformed() from None
    if not isinstance(changes, list) or not all(isinstance(one, dict) for one in changes):
        raise malformed()
    for change in changes:
        _apply(image, change)
    image.updated_at = now


def _apply(image: Image, change: dict[str, Any]) -> None:
    known, value = _ATTRIBUTES.get(str(change.get("path"))), change.get("value")
    if known is None or change.get("op") not in {"add", "replace"}:
        raise malformed()
    attribute, kind = known
    if change["op"] == "replace" and getattr(image, attribute) == "":
        raise refusals.ims("IMG.0035", "An attribute conflict occurred during the modification.")
    if type(value) is not kind:  # to Python, True is an integer too
        raise malformed()
    setattr(image, attribute, value)
