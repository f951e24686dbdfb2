"""Looking at files in OBS until their uploads are finished."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from ims_airflow.exceptions import (
    AccessDeniedError,
    InvalidInputError,
    NotFoundError,
    RequestRejectedError,
    UnusableAnswerError,
)
from ims_airflow.protocol import obs, obs_listing
from ims_airflow.protocol.image_file import Expectation, FoundFiles, denied, unfit
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.obs import Bucket, StoredObject
from ims_airflow.protocol.obs_folder import Folder
from ims_airflow.protocol.obs_range import read_range
from ims_airflow.protocol.polling import PollPolicy
from ims_airflow.protocol.validation import raise_for
from ims_airflow.protocol.waiting import Log, Watch

_WILDCARDS = frozenset("*?[")
_MOMENT = 1.0  # seconds between an answer that nobody uploads and the belief that the file is whole


class ImageFileWatch(Watch[FoundFiles]):
    """Looks for one file, or for all files of a pattern, until all of them are finished uploads.

    Trouble has no budget of its own here: nothing is lost by waiting until the sensor's timeout.

    :param url: the file; ``*``, ``?`` and ``[…]`` in its key make it a pattern.
    :param region: of the IMS call, empty when unknown.
    """

    def __init__(
        self,
        url: ImageUrl,
        *,
        region: str,
        policy: PollPolicy,
        started: float,
        log: Log,
        expectation: Expectation | None = None,
    ) -> None:
        super().__init__(policy=policy, budget=float("inf"), started=started, log=log)
        self._url = url
        self._region = region
        self._expectation = expectation or Expectation()
        self._bucket: Bucket | None = None
        self.folder: Folder | None = None  # where others wait, too, with whom answers are shared
        self._seen: dict[str, tuple[str, float]] = {}  # what each object looked like, and since when
        self._said: dict[str, str] = {}

    @property
    def what(self) -> str:
        """What it is, for messages."""
        return f"object {self._url}"

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and folder of the file. A pattern is a place of its own: it lists anyway."""
        key = self._url.key
        return self._url.bucket, key if self._many else key[: key.rfind("/") + 1]

    @property
    def _fresh(self) -> float:
        # Less than an interval, so that of several that watch the same one at least lists anew.
        return 0.9 * (self.policy.fixed or 0.0)

    @property
    def _many(self) -> bool:
        return not _WILDCARDS.isdisjoint(self._url.key)

    def ask(self, now: float) -> Flow[FoundFiles | None]:
        """Ask for the files, and once they are there, whether they are finished and fit for IMS.

        :raises AccessDeniedError: naming the permission that is missing.
        :raises NotFoundError: the bucket does not exist.
        :raises InvalidInputError: object or bucket is of a kind that IMS refuses.
        """
        keys = yield from self._keys(now)
        found = []
        for key in keys:
            file = yield from self._head(key)
            if file is not None:
                found.append(file)
        if not found:
            return None
        bucket = yield from self._ask_bucket()
        raise_for(
            f"image file {self._url}", [one for file in found for one in unfit(file, bucket, self._region)]
        )
        waiting = [file for file in found if not self._is_settled(file, now)]
        if not waiting and len(found) == len(keys):
            waiting = yield from self._uploading(found, now)
        if waiting or len(found) < len(keys):
            return None
        return FoundFiles(tuple(found), bucket, self._many)

    def memo(self) -> dict[str, Any]:
        """Return what another process needs to go on with this watch, empty when there is nothing."""
        return {
            **super().memo(),
            **({"seen": {k: list(v) for k, v in self._seen.items()}} if self._seen else {}),
        }

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped."""
        super().recall(memo)
        self._seen = {key: (look, since) for key, (look, since) in memo.get("seen", {}).items()}

    def _keys(self, now: float) -> Flow[list[str]]:
        if not self._many:
            return (yield from self._own_key(now))
        prefix = _literal_start(self._url.key)
        try:
            listed = yield from obs_listing.list_objects(
                self._url.bucket, prefix, attempts=1, fresh=self._fresh
            )
        except NotFoundError as error:
            raise self._no_bucket(error) from error
        except AccessDeniedError as error:
            raise denied(error, "obs:bucket:ListBucket", f"the listing of {self._url.bucket!r}") from error
        keys = [file.key for file in listed if fnmatchcase(file.key, self._url.key)]
        if not keys:
            self._tell(self._url.key, "matches nothing yet")
        return keys

    def _own_key(self, now: float) -> Flow[list[str]]:
        key = self._url.key
        if self.folder is None or not (yield from self.folder.lacks(key, now, self._fresh)):
            return [key]
        self._absent(key)
        return []

    def _absent(self, key: str) -> None:
        self._seen.pop(key, None)
        self._tell(key, "is not there yet")

    def _head(self, key: str) -> Flow[StoredObject | None]:
        url = ImageUrl(self._url.bucket, key)
        try:
            return (yield from obs.head_object(url, attempts=1))
        except NotFoundError:
            yield from self._ask_bucket()  # an answer to HEAD has no body to tell bucket from key
            self._absent(key)
            return None
        except AccessDeniedError as error:
            if (yield from self._is_denied(url)):
                raise denied(error, "obs:object:GetObject", f"object {url}") from error
            return None
        except RequestRejectedError as error:
            if error.status != 400:
                raise
            raise InvalidInputError(
                f"image_url: OBS cannot show {url} ({error}). An object that is encrypted with a key of "
                "one's own (SSE-C) looks like this, and IMS cannot read it"
            ) from error

    def _is_denied(self, url: ImageUrl) -> Flow[bool]:
        """Ask once more in a way that is answered with a reason: to HEAD wrong keys look like no permission.

        :raises AuthenticationError: the keys are wrong.
        """
        try:
            yield from read_range(url, 0, 1, "", attempts=1)
        except (AccessDeniedError, NotFoundError, RequestRejectedError, UnusableAnswerError):
            return True
        return False

    def _ask_bucket(self) -> Flow[Bucket]:
        if self._bucket is None:
            try:
                self._bucket = yield from obs.head_bucket(self._url.bucket, attempts=1, fresh=self._fresh)
            except NotFoundError as error:
                raise self._no_bucket(error) from error
            except AccessDeniedError as error:
                raise denied(error, "obs:bucket:HeadBucket", f"bucket {self._url.bucket!r}") from error
        return self._bucket

    def _is_settled(self, file: StoredObject, now: float) -> bool:
        look = f"{file.size} {file.etag} {file.last_modified} {file.version_id}"
        before, since = self._seen.get(file.key, ("", now))
        if before != look:
            if before:
                self._tell(file.key, f"has changed: {file.size} bytes, ETag {file.etag}")
            since = now
        self._seen[file.key] = (look, since)
        left = self._expectation.quiet(file) - (now - since)
        lacks = self._expectation.unmet(file) or ("must stay unchanged for a while" if left > 0 else "")
        if lacks:
            self._tell(file.key, lacks)
        return not lacks

    def _uploading(self, found: list[StoredObject], now: float) -> Flow[list[StoredObject]]:
        if not self._expectation.check_uploads:
            return []
        busy = yield from self._busy_keys(now, self._fresh)
        if self.folder is not None and self._fresh > _MOMENT and busy.isdisjoint(file.key for file in found):
            # An answer that others got may be older than this file. If it is our own, nothing is asked again.
            busy = yield from self._busy_keys(now, _MOMENT)
        return [file for file in found if file.key in busy]

    @property
    def _upload_prefix(self) -> str:
        if self._many:
            return _literal_start(self._url.key)
        return self.folder.prefix if self.folder is not None and self.folder.crowded else self._url.key

    def _busy_keys(self, now: float, fresh: float) -> Flow[set[str]]:
        prefix = self._upload_prefix
        last = "" if self._many else self._url.key
        try:
            uploads = yield from obs_listing.list_uploads(
                self._url.bucket, prefix, last, attempts=1, fresh=fresh
            )
        except AccessDeniedError as error:
            what = f"the open uploads of bucket {self._url.bucket!r}"
            raise denied(error, "obs:bucket:ListBucketMultipartUploads", what) from error
        except (NotFoundError, RequestRejectedError) as error:
            # The bucket is there, so this server has no such call: an upload in pieces stays unseen.
            self._tell("", f"cannot be searched for open uploads: {error}")
            return set()
        busy = set()
        for upload in uploads:
            if not self._many and upload.key != self._url.key:
                continue
            age = 0.0 if upload.initiated is None else now - upload.initiated
            if age < self._expectation.abandoned_after:
                busy.add(upload.key)
                self._tell(upload.key, f"is being uploaded (multipart upload {upload.upload_id} is open)")
            elif upload.key in self._seen and upload.upload_id not in self._said:
                self._said[upload.upload_id] = "abandoned"
                self.log.warning(
                    "%s:%s has a multipart upload %s that counts as abandoned: open for %.0f s",
                    self._url.bucket,
                    upload.key,
                    upload.upload_id,
                    age,
                )
        return busy

    def _no_bucket(self, error: NotFoundError) -> NotFoundError:
        return NotFoundError(
            f"bucket {self._url.bucket!r} does not exist",
            status=error.status,
            code=error.code or "NoSuchBucket",
            request_id=error.request_id,
            remedy="Check its name, and the Connection's region or obs_endpoint.",
        )

    def _tell(self, key: str, state: str) -> None:
        self.last_seen = f"{key or 'the bucket'} {state}"
        if self._said.get(key) != state:
            self.log.info("%s:%s %s", self._url.bucket, key, state)
            self._said[key] = state


def _literal_start(pattern: str) -> str:
    """Return what every match of a pattern begins with."""
    return pattern[
        : min((pattern.index(sign) for sign in _WILDCARDS if sign in pattern), default=len(pattern))
    ]
