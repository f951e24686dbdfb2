"""Whether an image file in OBS is there and fit for IMS: what the upload check asks."""

from __future__ import annotations

from ims_airflow.exceptions import AccessDeniedError, NotFoundError
from ims_airflow.protocol import obs
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs import STANDARD, Bucket, StoredObject
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.validation import Violation, raise_for
from ims_airflow.protocol.waiting import Log, Watch

SOURCE = "IMS API reference, 使用外部镜像文件制作数据镜像"


class ImageFileWatch(Watch[StoredObject]):
    """Looks for an image file until it is there and not empty.

    Trouble has no budget of its own here: nothing is lost by waiting until the sensor's timeout.

    :param region: where IMS will run, empty when unknown.
    """

    def __init__(self, url: ImageUrl, *, region: str, policy: PollPolicy, started: float, log: Log) -> None:
        super().__init__(f"object {url}", policy=policy, budget=float("inf"), started=started, log=log)
        self._url = url
        self._region = region
        self._said = ""

    def ask(self, now: float) -> Flow[StoredObject | None]:  # noqa: ARG002
        """Ask for the object, and once it is there, whether IMS can take it.

        :raises AccessDeniedError: naming the permission that is missing.
        :raises NotFoundError: the bucket does not exist.
        :raises InvalidInputError: object or bucket is of a kind that IMS refuses.
        """
        found = yield from self._ask_object()
        if found is None:
            return None
        bucket = yield from self._ask_bucket()
        raise_for(f"image file {self._url}", unfit(found, bucket, self._region))
        return found

    def _ask_object(self) -> Flow[StoredObject | None]:
        try:
            found = yield from obs.head_object(self._url, attempts=1)
        except NotFoundError:
            yield from self._ask_bucket()  # an answer to HEAD has no body to tell bucket from key
            self._tell("is not there yet")
            return None
        except AccessDeniedError as error:
            raise denied(error, "obs:object:GetObject", f"object {self._url}") from error
        if found.size == 0:
            self._tell("is empty")
            return None
        return found

    def _ask_bucket(self) -> Flow[Bucket]:
        try:
            return (yield from obs.head_bucket(self._url.bucket, attempts=1))
        except NotFoundError as error:
            raise NotFoundError(
                f"bucket {self._url.bucket!r} does not exist",
                status=error.status,
                code=error.code or "NoSuchBucket",
                request_id=error.request_id,
                remedy="Check its name, and the Connection's region or obs_endpoint.",
            ) from error
        except AccessDeniedError as error:
            raise denied(error, "obs:bucket:HeadBucket", f"bucket {self._url.bucket!r}") from error

    def _tell(self, state: str) -> None:
        if state != self._said:
            self.log.info("%s %s", self.what, state)
            self._said = state


def unfit(found: StoredObject, bucket: Bucket, region: str) -> list[Violation]:
    """Return what would make IMS refuse this file."""
    url, violations = f"{found.bucket}:{found.key}", []
    if found.storage_class != STANDARD:
        rule = f"the object must be of class STANDARD, it is {found.storage_class}"
        violations.append(Violation("image_url", url, rule, SOURCE))
    if bucket.storage_class != STANDARD:
        rule = f"the bucket must be of class STANDARD, it is {bucket.storage_class}"
        violations.append(Violation("image_url", url, rule, SOURCE))
    if region and bucket.region and bucket.region != region:
        rule = f"the bucket must lie in the region of the IMS call, {region}, not {bucket.region} (IMG.0058)"
        violations.append(Violation("image_url", url, rule, SOURCE))
    return violations


def denied(error: AccessDeniedError, permission: str, what: str) -> AccessDeniedError:
    """Word a refusal of OBS, which itself gives no reason to a HEAD request."""
    return AccessDeniedError(
        f"no access to {what}",
        status=error.status,
        code=error.code,
        request_id=error.request_id,
        remedy=f"Grant {permission}. Without obs:bucket:ListBucket a missing object also looks like this.",
    )
