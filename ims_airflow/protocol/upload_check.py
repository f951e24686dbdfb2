"""How long an upload was waited for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ims_airflow.protocol.job_time import iso_time
from ims_airflow.protocol.plain_text import one_line


def upload_check_report(image_url: str, found: object, *, started: float, ended: float) -> dict[str, Any]:
    """Return what later tasks and the page get to know of an upload check.

    :param image_url: what was waited for; of the files that a pattern found, size and ETag are not told.
    :param found: what the sensor returns.
    :param started: epoch seconds at which the waiting began.
    :param ended: epoch seconds at which it ended.
    """
    file = found if isinstance(found, Mapping) else {}
    return {
        "image_url": image_url,
        "size": file.get("size"),
        "etag": file.get("etag"),
        "started_at": iso_time(started),
        "ended_at": iso_time(ended),
        "seconds": round(max(ended - started, 0.0), 1),
    }


def failed_upload_check_report(
    image_url: str, error: BaseException, *, started: float, ended: float
) -> dict[str, Any]:
    """Return what the page gets to know of an upload check that ended badly.

    :param error: why; its words must be fit to be shown.
    """
    report = upload_check_report(image_url, None, started=started, ended=ended)
    return {**report, "fail_reason": one_line(str(error), 2000)}
