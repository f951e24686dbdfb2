"""What makes a file in OBS a finished upload that IMS can take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ims_airflow.exceptions import AccessDeniedError
from ims_airflow.protocol.obs import STANDARD, Bucket, StoredObject
from ims_airflow.protocol.validation import Violation

SOURCE = "IMS API reference, 使用外部镜像文件制作数据镜像"
APPENDABLE_QUIET = 60.0  # seconds for which an object that can grow must not have grown


@dataclass(frozen=True, slots=True)
class Expectation:
    """When an upload counts as finished.

    :param expected_size: bytes, None for any.
    :param min_size: bytes.
    :param expected_etag: without quotes, empty for any.
    :param stable_for: seconds without a change of size, ETag, time or version.
    :param check_uploads: whether open multipart uploads of the same key are looked for.
    :param abandoned_after: seconds after which an open multipart upload counts as abandoned.
    """

    expected_size: int | None = None
    min_size: int = 1
    expected_etag: str = ""
    stable_for: float = 0.0
    check_uploads: bool = True
    abandoned_after: float = 24 * 3600.0

    def unmet(self, found: StoredObject) -> str:
        """Say what an object still lacks, empty when nothing."""
        if found.size == 0:
            return "is empty"
        if found.size < self.min_size:
            return f"has {found.size} bytes, fewer than min_size={self.min_size}"
        if self.expected_size is not None and found.size != self.expected_size:
            return f"has {found.size} bytes, not expected_size={self.expected_size}"
        if self.expected_etag and found.etag.lower() != self.expected_etag.strip('"').lower():
            return f"has the ETag {found.etag}, not expected_etag={self.expected_etag}"
        return ""

    def quiet(self, found: StoredObject) -> float:
        """Return the seconds for which this object must not have changed."""
        return max(self.stable_for, APPENDABLE_QUIET) if found.appendable else self.stable_for


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The finished uploads.

    :param many: whether a pattern was looked for, so that the answer is a list.
    """

    files: tuple[StoredObject, ...]
    bucket: Bucket
    many: bool = False

    def value(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Return what goes into XCom."""
        rows = [{**file.as_dict(), "region": self.bucket.region or None} for file in self.files]
        return rows if self.many else rows[0]


def unfit(found: StoredObject, bucket: Bucket, region: str) -> list[Violation]:
    """Return what would make IMS refuse this file.

    :param region: of the IMS call, empty when unknown.
    """
    rules = []
    if found.storage_class != STANDARD:
        rules.append(f"the object must be of class STANDARD, it is {found.storage_class}")
    if bucket.storage_class != STANDARD:
        rules.append(f"the bucket must be of class STANDARD, it is {bucket.storage_class}")
    if region and bucket.region and bucket.region != region:
        rules.append(
            f"the bucket must lie in the region of the IMS call, {region}, not {bucket.region} (IMG.0058)"
        )
    if found.customer_key:
        rules.append("the object must not be encrypted with a key of one's own (SSE-C): IMS cannot read it")
    return [Violation("image_url", found.url, rule, SOURCE) for rule in rules]


def denied(error: AccessDeniedError, permission: str, what: str) -> AccessDeniedError:
    """Word a refusal of OBS, which itself gives no reason to a HEAD request."""
    return AccessDeniedError(
        f"no access to {what}",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        remedy=f"Grant {permission}. Without obs:bucket:ListBucket a missing object also looks like this.",
    )
