"""PATCH of an image: a JSON patch over its name, description and minimum disk."""

from __future__ import annotations

import json
from typing import Any

from ims_airflow.emulator import refusals
from ims_airflow.emulator.ims.images import Image
from ims_airflow.emulator.ims.rules import malformed

_ATTRIBUTES = {"/name": "name", "/__description": "description", "/min_disk": "min_disk"}


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
    attribute, value = _ATTRIBUTES.get(str(change.get("path"))), change.get("value")
    if attribute is None or change.get("op") not in {"add", "replace"}:
        raise malformed()
    if change["op"] == "replace" and getattr(image, attribute) == "":
        raise refusals.ims("IMG.0035", "An attribute conflict occurred during the modification.")
    if not isinstance(value, int if attribute == "min_disk" else str):
        raise malformed()
    setattr(image, attribute, value)
