"""Waiting for image files in OBS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Unpack

from ims_airflow.arguments import WatchSensorArguments, WatchTriggerArguments
from ims_airflow.links.console import ObsObjectLink
from ims_airflow.protocol.data_image import literal_violations
from ims_airflow.protocol.image_file import Expectation, FoundFiles
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.running_rules import running_violations
from ims_airflow.protocol.validation import Violation, called, raise_for, whole_number
from ims_airflow.sensors.base import WatchSensor
from ims_airflow.task import SURROUNDINGS, attempt_started, push, telling
from ims_airflow.upstream import UPLOAD_CHECK_KEY

if TYPE_CHECKING:
    from airflow.sdk import Context, XComArg

    from ims_airflow.protocol.image_file_watch import ImageFileWatch
    from ims_airflow.protocol.polling import PollPolicy
    from ims_airflow.triggers.obs import ObsImageFileTrigger


class ObsImageFileSensor(WatchSensor[FoundFiles]):
    """Waits until an image file lies in OBS, whole and fit for IMS.

    The file must exist and hold more than nothing, no multipart upload of it may be open, and an
    appendable object must have stopped to grow. File and bucket must be of class STANDARD, in the region of
    the IMS call, and readable for IMS. A missing permission, a missing bucket and an unfit file fail the task
    at once; network trouble and a service in trouble are waited out.

    Three or more deferred sensors for single files of one folder share its listing; each notices its file
    up to one interval later for that; without the permission obs:bucket:ListBucket each asks for its own.

    Returns a mapping with at least ``bucket``, ``key``, ``size`` (bytes), ``etag``, ``last_modified``,
    ``storage_class``, ``version_id`` and ``region``, and ``image_url`` as the operators take it. For a
    pattern it returns a list of them, ready for dynamic task mapping. How long the upload was waited for
    stands in the XCom ``ims_upload_check``, and in its ``fail_reason`` why the check failed.

    :param image_url: ``bucket:key``, as IMS spells it (templated). ``*``, ``?`` and ``[…]`` in the key make
        it a pattern: the sensor then waits until something matches and all matches are finished.
    :param expected_size: bytes that the file must have (templated).
    :param min_size: bytes that it must have at least (templated).
    :param expected_etag: ETag that it must have (templated); of a file uploaded in one piece that is its MD5.
    :param stable_for: seconds for which size, ETag, time and version must not have changed.
    :param check_uploads: whether open multipart uploads are looked for; needs the permission
        obs:bucket:ListBucketMultipartUploads.
    :param abandoned_after: seconds after which an open multipart upload counts as abandoned.
    :param kwargs: as of :class:`~ims_airflow.sensors.base.WatchSensor` and any Airflow sensor.
    """

    template_fields: Sequence[str] = (
        "image_url",
        "expected_size",
        "min_size",
        "expected_etag",
        "ims_conn_id",
        "region",
    )
    operator_extra_links = (ObsObjectLink(),)
    pushed_xcoms: ClassVar[tuple[str, ...]] = (UPLOAD_CHECK_KEY,)
    ui_color = "#e8f0fd"

    def __init__(
        self,
        *,
        image_url: str | XComArg,
        expected_size: int | str | XComArg | None = None,
        min_size: int | str | XComArg = 1,
        expected_etag: str | XComArg | None = None,
        stable_for: float = 0.0,
        check_uploads: bool = True,
        abandoned_after: float = Expectation().abandoned_after,
        **kwargs: Unpack[WatchSensorArguments],
    ) -> None:
        super().__init__(**kwargs)
        self.image_url = image_url
        self.expected_size = expected_size
        self.min_size = min_size
        self.expected_etag = expected_etag
        self.stable_for = stable_for
        self.check_uploads = check_uploads
        self.abandoned_after = abandoned_after
        raise_for(called(self), [*literal_violations({"image_url": image_url}), *self._running_violations()])

    def _running_violations(self) -> list[Violation]:
        judged = "expected_size min_size expected_etag stable_for abandoned_after region".split()
        return running_violations({name: getattr(self, name) for name in judged})

    if TYPE_CHECKING:

        @property
        def output(self) -> Any:
            """The file, for the next task; of a pattern, a list of the files."""

    @property
    def _subject(self) -> str:
        return str(parse_image_url(self.image_url))

    @property
    def _expectation(self) -> Expectation:
        smallest = whole_number("min_size", self.min_size)
        return Expectation(
            expected_size=whole_number("expected_size", self.expected_size),
            min_size=1 if smallest is None else smallest,
            expected_etag=str(self.expected_etag or ""),
            stable_for=self.stable_for,
            check_uploads=self.check_uploads,
            abandoned_after=self.abandoned_after,
        )

    def _watch(self, policy: PollPolicy, started: float, region: str) -> ImageFileWatch:
        from ims_airflow.protocol.image_file_watch import ImageFileWatch

        return ImageFileWatch(
            parse_image_url(self.image_url),
            region=region,
            policy=policy,
            started=started,
            log=self.log,
            expectation=self._expectation,
        )

    def _trigger(self, **kwargs: Unpack[WatchTriggerArguments]) -> ObsImageFileTrigger:
        from ims_airflow.triggers.obs import ObsImageFileTrigger

        longest = self.max_wait.total_seconds() if self.max_wait else self.timeout
        kwargs["poll_interval"] = self.poke_interval
        return ObsImageFileTrigger(
            self._subject,
            expectation=asdict(self._expectation),
            longest_interval=longest if self.exponential_backoff else None,
            **kwargs,
        )

    def _result(self, found: FoundFiles) -> Any:
        return found.value()

    def _told(self, context: Context, value: Any) -> Any:
        from ims_airflow.protocol.upload_check import upload_check_report

        now = SURROUNDINGS.clock()
        report = upload_check_report(self._subject, value, started=attempt_started(context, now), ended=now)
        with suppress(Exception):  # the file is there, whoever gets to know how long it took
            push(context, UPLOAD_CHECK_KEY, report)
        return value

    def execute(self, context: Context) -> Any:
        """Wait for the file, and show why where it fails."""
        with self._telling(context):
            return super().execute(context)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> Any:
        """Take what the trigger found."""
        with self._telling(context):
            return super().execute_complete(context, event)

    def _telling(self, context: Context) -> AbstractContextManager[None]:
        def tell(error: BaseException) -> None:
            with suppress(Exception):  # the error itself is what the task ends with
                from ims_airflow.protocol.upload_check import failed_upload_check_report

                now = SURROUNDINGS.clock()
                started = attempt_started(context, now)
                report = failed_upload_check_report(str(self.image_url), error, started=started, ended=now)
                push(context, UPLOAD_CHECK_KEY, report)

        return telling(tell)
