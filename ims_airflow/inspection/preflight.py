"""Everything that can be checked before a submit, in one flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ims_airflow.exceptions import (
    AccessDeniedError,
    ApiError,
    AuthenticationError,
    ImsAirflowError,
    NotFoundError,
)
from ims_airflow.inspection.environment import (
    STORAGE_CLASS,
    check_bucket,
    check_name,
    check_quota,
    cmk_id_findings,
    key_findings,
    object_findings,
)
from ims_airflow.inspection.file_rules import disk_findings
from ims_airflow.inspection.finding import WRONG_FILE, Finding, error, ordered
from ims_airflow.inspection.inspection import Inspection, inspect_object
from ims_airflow.inspection.report import Report, report
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs import StoredObject, head_object

UNREADABLE = "unreadable"


def preflight(
    url: ImageUrl,
    *,
    region: str = "",
    min_disk: int | None = None,
    name: str | None = None,
    cmk_id: str | None = None,
) -> Flow[Report]:
    """Look into an image file in OBS and at what surrounds it; report all findings at once.

    :param url: the file. Its key may hold spaces here: that becomes a finding.
    :param region: where IMS will be called, empty when that is not known.
    :param min_disk: GB that are going to be asked for, None when that is not known yet.
    :param name: of the image to be, None when that is not known yet.
    :param cmk_id: of the KMS key that is to encrypt the image.
    :raises AuthenticationError: the keys are wrong.
    :raises ImsAirflowError: retryable ones, when the object could not be looked at just now.
    """
    stored, findings = yield from _head(url)
    inspection = None
    if stored is not None:
        findings += object_findings(stored)
        inspection, troubles = yield from _look_into(stored, min_disk)
        findings += troubles
    if inspection is None:
        findings += disk_findings(None, min_disk)
    findings += [*key_findings(url.key), *cmk_id_findings(cmk_id)]
    findings += yield from check_bucket(url.bucket, region)
    if name:
        findings += yield from check_name(name)
    findings += yield from check_quota()
    return report(str(url), inspection, tuple(findings), stored)


def with_findings(found: Report, rules: Sequence[str]) -> Report:
    """Return a report with broken rules of the request added, as errors."""
    others = [error("invalid-request", rule) for rule in rules]
    return replace(found, findings=ordered((*found.findings, *others)))


def _head(url: ImageUrl) -> Flow[tuple[StoredObject | None, list[Finding]]]:
    try:
        return (yield from head_object(url)), []
    except NotFoundError:
        return None, [
            error(WRONG_FILE, "There is no such object. Check image_url, and that the upload is done.")
        ]
    except AccessDeniedError:
        rule = (
            "No access to the object: grant obs:object:GetObject. "
            "Without obs:bucket:ListBucket a missing object also looks like this."
        )
        return None, [error(WRONG_FILE, rule)]
    except AuthenticationError:
        raise
    except ApiError as trouble:  # an object that is encrypted with a key of its own (SSE-C) answers so
        if trouble.retryable:
            raise
        return None, [error(WRONG_FILE, f"The object cannot be looked at. {trouble}")]


def _look_into(stored: StoredObject, min_disk: int | None) -> Flow[tuple[Inspection | None, list[Finding]]]:
    try:
        return (yield from inspect_object(stored, min_disk=min_disk)), []
    except AuthenticationError:
        raise
    except ImsAirflowError as trouble:
        if trouble.retryable:
            raise
        code = STORAGE_CLASS if getattr(trouble, "code", "") == "InvalidObjectState" else UNREADABLE
        return None, [error(code, f"The object cannot be read. {trouble}")]
