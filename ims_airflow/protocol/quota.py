"""How many more private images the account may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow.exceptions import UnusableAnswerError
from ims_airflow.protocol.errors import json_object
from ims_airflow.protocol.message import Call, Flow, Service
from ims_airflow.protocol.validation import is_int


@dataclass(frozen=True, slots=True)
class Quota:
    """The quota of private images.

    :param used: images that count.
    :param limit: images that there may be; below zero means that nothing limits them.
    """

    used: int
    limit: int

    @property
    def left(self) -> int | None:
        """Images that may still be created, None when nothing limits them."""
        return None if self.limit < 0 else max(self.limit - self.used, 0)


def show_quota(*, attempts: int = 4) -> Flow[Quota]:
    """Ask for the quota of private images (``GET /v1/cloudimages/quota``).

    Source: IMS API reference, 查询镜像配额. Needs the permission ``ims:quotas:get``.

    :raises UnusableAnswerError: the answer holds no such quota.
    """
    response = yield Call(Service.IMS, "GET", "/v1/cloudimages/quota", attempts=attempts)
    quotas = json_object(response, "the answer about the image quota").get("quotas")
    resources = quotas.get("resources") if isinstance(quotas, dict) else None
    # Newer regions add rows for shared images and for the members that they are shared with.
    rows = [row for row in resources or () if isinstance(row, dict) and row.get("type") == "image"]
    return _quota(rows[0] if rows else {})


def _quota(row: Mapping[str, Any]) -> Quota:
    used, limit = row.get("used"), row.get("quota")
    if not is_int(used) or not is_int(limit):
        raise UnusableAnswerError("the answer about the image quota holds no row of type image")
    return Quota(used, limit)
