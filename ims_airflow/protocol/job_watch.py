"""Following one job, or one image whose job id is lost, to a usable image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ims_airflow.exceptions import (
    ImageNotUsableError,
    JobFailedError,
    NotFoundError,
    ServiceError,
)
from ims_airflow.protocol import course, ims, narration, timing
from ims_airflow.protocol.duration import duration
from ims_airflow.protocol.error_codes import job_failure
from ims_airflow.protocol.ids import IMAGE_PREFIX, JobQuery, checked_id
from ims_airflow.protocol.image import ACTIVE, BROKEN, IN_PROGRESS, Image
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.message import Flow
from ims_airflow.protocol.pace import Pace
from ims_airflow.protocol.polling import ADAPTIVE, PollPolicy
from ims_airflow.protocol.waiting import Log, Trouble, Watch

# An unknown job_id has no documented answer; right after the submit it may just not be known everywhere yet.
UNKNOWN_GRACE = 60.0
QUERY_TROUBLE = "IMG.0023"
# After SUCCESS the image list may lag behind the job; nobody says how far.
SETTLE_GRACE = 120.0
SETTLE_WAIT = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job that succeeded, and its image.

    :param image: None where it was not asked for.
    :param trouble: seconds during which nobody could tell how the job fares.
    :param seconds: spent in the queue and in the job, None for what nobody can tell.
    """

    job: Job
    image: Image | None
    looks: int = 0
    trouble: float = 0.0
    seconds: Mapping[str, float | None] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what goes into XCom."""
        image = self.image.as_dict() if self.image else {}
        seconds = {"upload_check": None, "queue": None, "job": None, **self.seconds}
        rest = {"polls": self.looks, "trouble_seconds": round(self.trouble), "seconds": seconds}
        return {**image, **self.job.as_dict(), **rest}


class Listener(Protocol):
    """Who is told how a job fares."""

    def tell(self, job: Job, now: float, spoke: bool) -> None:
        """Hear what a look has found, unless it was a success, or IMS does not know the job.

        :param spoke: whether it was worth a line of log.
        """


class JobWatch(Watch[Outcome]):
    """Looks at a job until its image can be used.

    :param job_id: the job, or ``image:<image_id>`` for an adopted image whose job id is lost: then the
        image's own status is followed.
    :param query: which of the two job query APIs to use.
    :param verify_image: whether SUCCESS alone is not enough, and the image must be active.
    :param submitted: epoch seconds at which the request was sent, None where that is not known.
    :param listener: is told what was found.
    """

    __slots__ = (
        "_course",
        "_done",
        "_done_at",
        "_listener",
        "_query",
        "_unknown_since",
        "_verify",
        "image_id",
        "job_id",
    )

    def __init__(
        self,
        job_id: str,
        *,
        started: float,
        log: Log,
        policy: PollPolicy | None = None,
        budget: float = 900.0,
        query: JobQuery = "ShowJob",
        verify_image: bool = True,
        submitted: float | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.image_id = job_id.removeprefix(IMAGE_PREFIX) if job_id.startswith(IMAGE_PREFIX) else ""
        self.job_id = job_id
        checked_id("job_id", self.image_id or job_id)
        super().__init__(policy=policy or ADAPTIVE, budget=budget, started=started, log=log)
        self._query = query
        self._verify = verify_image
        self._course = course.begun(submitted)
        self._listener = listener
        self._done: Job | None = None
        self._done_at = 0.0
        self._unknown_since: float | None = None

    @property
    def what(self) -> str:
        """What it is, for messages."""
        return f"image {self.image_id}" if self.image_id else f"job {self.job_id}"

    @property
    def pace(self) -> Pace:
        """What is known of its progress."""
        return course.pace(self._course)

    def ask(self, now: float) -> Flow[Outcome | None]:
        """Ask about the job, and once that succeeded, about its image.

        :raises JobFailedError: the job ended with FAIL.
        :raises ImageNotUsableError: it succeeded without a usable image.
        """
        job = self._done
        if job is None:
            job = yield from self._ask_job(now)
            self.answered(now)
        if job is None:
            return None
        if not job.is_known and job.status != self._course["status"]:
            self.log.warning("%s has the unknown status %r, following it on", self.what, job.status)
        changed = course.look(self._course, job, now)
        if not job.is_success:
            course.keep_pace(self._course, self.pace.seen(job.progress, now - self.started))
            self._tell(job, now, changed)
            return None
        if self._done is None:
            self._done, self._done_at = job, self._done_at or now
        if not self._verify:
            return self._outcome(job, None)
        return (yield from self._ask_image(job, now))

    def memo(self) -> dict[str, Any]:
        """Return what another process needs to go on with this watch."""
        unknown = {} if self._unknown_since is None else {"unknown_since": self._unknown_since}
        done = {} if self._done is None else {"done_at": self._done_at}
        counts = {"looks": self.looks, "troubled": self.trouble.total}
        return {**super().memo(), **unknown, **done, **counts, **self._course}

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped."""
        self.trouble = Trouble(total=memo["troubled"]) if memo.get("troubled") else self.trouble
        super().recall(memo)
        self._unknown_since = memo.get("unknown_since")
        self._done_at = memo.get("done_at", 0.0)
        self.looks = memo.get("looks", 0)
        self._course = course.resumed(self._course, memo)

    def seen(self) -> str:
        """Say what the last look has found."""
        return self.last_seen or course.state(self._course)

    def wait(self, now: float, chance: float) -> float:
        """Return the seconds until the next look; short ones once only the image is awaited."""
        usual = super().wait(now, chance)
        return usual if self._done is None or self.trouble.failures else min(usual, SETTLE_WAIT)

    def _ask_job(self, now: float) -> Flow[Job | None]:
        if self.image_id:
            return (yield from self._ask_adopted(now))
        try:
            job = ims.read_job((yield ims.job_call(self.job_id, self._query, attempts=1)), self.job_id)
        except NotFoundError as error:
            if not self._still_unknown(now, UNKNOWN_GRACE):
                raise
            self.last_seen = "IMS does not know it"
            self.log.warning("IMS does not know %s (yet): %s", self.what, error)
            return None
        except ServiceError as error:
            # Unknown job and trouble with the query share this code; only time tells them apart.
            if error.code == QUERY_TROUBLE and not self._still_unknown(now, 0.9 * self.budget):
                raise NotFoundError(
                    f"IMS could not find {self.what} for {now - (self._unknown_since or now):.0f} s: perhaps "
                    "there is no such job",
                    status=error.status,
                    code=error.code,
                    request_id=error.request_id,
                    remedy="Check job_id, and that project_id and region are those of the submit.",
                ) from error
            raise
        self._unknown_since = None
        if job.is_failed:
            if self._listener is not None:
                self._listener.tell(job, now, True)
            raise failure(job)
        return job

    def _ask_adopted(self, now: float) -> Flow[Job | None]:
        image = yield from ims.show_image(self.image_id, attempts=1)
        if image is None:
            if not self._still_unknown(now, UNKNOWN_GRACE):
                raise JobFailedError(f"{self.what} has disappeared from the image list", retryable=True)
            return None
        self._unknown_since = None
        if image.status in BROKEN:
            raise JobFailedError(f"{self.what} ended as {image.status!r}", retryable=False)
        status = "SUCCESS" if image.status == ACTIVE else "RUNNING"
        return Job(
            job_id=self.job_id,
            status=status,
            job_type="",
            begin_time=image.created_at,
            end_time="",
            image_id=image.image_id,
            image_name=image.name,
            progress=None,
            current_task=image.status,
            error_code="",
            fail_reason="",
        )

    def _ask_image(self, job: Job, now: float) -> Flow[Outcome | None]:
        if not job.image_id:
            raise ImageNotUsableError(f"{self.what} ended with SUCCESS, but its answer names no image_id")
        image = yield from ims.show_image(job.image_id, attempts=1)
        if image is not None and image.status == ACTIVE:
            return self._outcome(job, image)
        state = f"has status {image.status!r}" if image else "is not in the image list"
        passing = image is None or image.status in IN_PROGRESS
        self.last_seen = f"{job.status}, but its image {state}"
        if passing and now - self._done_at < SETTLE_GRACE:
            return None
        raise ImageNotUsableError(
            f"{self.what} ended with SUCCESS, but image {job.image_id} {state}"
            + (f" {SETTLE_GRACE:.0f} s later" if passing else "")
        )

    def _still_unknown(self, now: float, grace: float) -> bool:
        if self._unknown_since is None:
            self._unknown_since = now
        return now - self._unknown_since < grace

    def _tell(self, job: Job, now: float, changed: bool) -> None:
        self.last_seen = ""  # the course knows, and is rarely asked
        line = narration.line(self._course, job, now, changed=changed, started=self.started)
        if line:
            self.log.info("%s", line)
        if self._listener is not None:
            self._listener.tell(job, now, line is not None)
        if lasted := narration.stalled(self._course, now, started=self.started):
            self.log.warning("%s has not moved for %s", self.what, duration(lasted))

    def _outcome(self, job: Job, image: Image | None) -> Outcome:
        # An adopted image has no job whose queue could be seen.
        seen = course.begun(self._course["submitted"]) if self.image_id else self._course
        seconds = timing.seconds(seen, job, self._done_at)
        return Outcome(job, image, self.looks, self.trouble.total, seconds)


def failure(job: Job) -> JobFailedError:
    """Word the verdict of a job that ended with FAIL: code, reason, what to do about it."""
    retryable, remedy = job_failure(job.error_code)
    text = f"IMS job {job.job_id} ended with {job.status}"
    if job.error_code:
        text += f" {job.error_code}"
    text += f": {job.fail_reason}" if job.fail_reason else ". IMS gave no reason"
    if remedy:
        text = f"{text.rstrip('.')}. What to do: {remedy}"
    return JobFailedError(text, error_code=job.error_code, retryable=retryable)
