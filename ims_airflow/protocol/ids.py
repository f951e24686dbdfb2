"""Ids: of jobs, of images, and of the Connection. Cheap to import, because arguments are judged by them."""

from __future__ import annotations

import re
from typing import Literal

from ims_airflow.exceptions import InvalidInputError

DEFAULT_CONN_ID = "huaweicloud_ims_default"
IMAGE_PREFIX = "image:"  # of a job_id that stands for an adopted image

# The two spellings of the job query, under the vendor's names. ShowJob is the one that every known client
# uses; newer pages of the vendor point to ShowJobProgress, which lacks some error fields.
JobQuery = Literal["ShowJob", "ShowJobProgress"]
JOB_PATHS: dict[JobQuery, str] = {
    "ShowJob": "/v1/{project_id}/jobs/",
    "ShowJobProgress": "/v1/cloudimages/job/",
}

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def is_id(value: object) -> bool:
    """Whether this is an id that is safe as a part of a path."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def checked_id(field: str, value: str) -> str:
    """Return an id that is safe as a part of a path.

    :raises InvalidInputError: it is empty or holds other characters than ids have.
    """
    if not is_id(value):
        raise InvalidInputError(
            f"{field}: {value!r} is not an id (letters, digits, '-' and '_', at most 128)"
        )
    return value


def checked_job_id(job_id: object) -> str:
    """Return a job_id as a template rendered it.

    :raises InvalidInputError: it is not one.
    """
    if not isinstance(job_id, str) or not job_id.strip():
        raise InvalidInputError(
            f"job_id: {job_id!r} is not a job id. It is what ImsCreateDataImageOperator returns; "
            "None often means that the upstream task pushed no XCom"
        )
    job_id = job_id.strip()
    checked_id("job_id", job_id.removeprefix(IMAGE_PREFIX))
    return job_id
