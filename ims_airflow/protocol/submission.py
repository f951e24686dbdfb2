"""Submitting once, although answers get lost, workers die and IMS knows no idempotency key.

What protects the submission is a record that outlives the worker. It is written before the request is sent,
and says what may have happened since:

    (nothing)   nothing was ever sent
    sent        a request may be on its way or accepted: never send again before having looked
    refused     the last request provably had no effect: send
    accepted    follow its job_id, or where that is lost the image that was found

The marker is a text that travels as an image tag, so that the image can be recognised. It is fresh for
every intent, never derived from run and task ids alone: a cleared task wants a new image. A second tag names
the DAG, for those who tidy up. Where a request leaves room for one tag only, the marker has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, get_args

from ims_airflow.exceptions import ImsAirflowError, JobTimeoutError, ThrottledError
from ims_airflow.protocol import ims
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.ids import IMAGE_PREFIX
from ims_airflow.protocol.image import BROKEN, Image
from ims_airflow.protocol.job_time import iso_epoch
from ims_airflow.protocol.message import Flow, Pause
from ims_airflow.protocol.polling import backoff
from ims_airflow.protocol.running_rules import SETTLING
from ims_airflow.protocol.waiting import CALM, FORGIVABLE, Deadline, Log, Surroundings

MARKER_TAG = "ims_airflow_marker"
DAG_TAG = "ims_airflow_dag"
CLOCK_SKEW = 30.0  # seconds by which this machine's clock may be ahead of the cloud's
FORGOTTEN_AFTER = 3600.0  # seconds after which IMS may have dropped a finished job; nothing published says
NAME_WINDOW = 3600.0  # seconds after the request within which a row without a visible marker can be ours


State = Literal["sent", "refused", "accepted"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a submission.

    :param fingerprint: of the request and where it went; another request is another submission.
    :param marker: value of the image tag :data:`MARKER_TAG`.
    :param sent_at: epoch seconds of the last request.
    :param doubted_at: epoch seconds since which it is looked for, once IMS no longer knows its job.
    :param refusals: how often in a row IMS asked to slow down.
    """

    fingerprint: str
    marker: str
    state: State = "refused"
    sent_at: float = 0.0
    doubted_at: float = 0.0
    refusals: int = 0
    job_id: str = ""
    image_id: str = ""

    @property
    def looked_for_since(self) -> float:
        """Epoch seconds from which the settling window counts."""
        return max(self.sent_at, self.doubted_at)

    @property
    def target(self) -> str:
        """What to follow: a job id, ``image:<image_id>``, or empty."""
        if self.state != "accepted":
            return ""
        return self.job_id or (f"{IMAGE_PREFIX}{self.image_id}" if self.image_id else "")


class Memory(Protocol):
    """Where the record is kept. Outlives the worker."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved, None when there is nothing."""

    def save(self, record: Mapping[str, Any]) -> None:
        """Keep a JSON-able mapping."""

    def forget(self) -> None:
        """Remove it."""


class Submission:
    """One task's submission, across all tries of that task.

    :param request: validated.
    :param scope: where the request goes (region, endpoint); a part of what makes it the same request.
    :param memory: where the record is kept.
    :param new_marker: returns a fresh marker.
    :param dag_tag: value of the image tag :data:`DAG_TAG`; empty for no such tag.
    :param settling: seconds after the request until an image that nobody sees counts as not there.
    :param budget: seconds for which the image list may be unable to answer.
    :param deadline: when to give up waiting.
    """

    def __init__(
        self,
        request: DataImageRequest,
        memory: Memory,
        *,
        scope: str = "",
        new_marker: Callable[[], str],
        dag_tag: str = "",
        surroundings: Surroundings,
        log: Log,
        settling: float = SETTLING,
        budget: float = 900.0,
        deadline: Deadline | None = None,
    ) -> None:
        self.request = request
        self.fingerprint = f"{request.fingerprint()}@{scope}"
        self._memory = memory
        self._new_marker = new_marker
        self._dag_tag = dag_tag
        self._clock = surroundings.clock
        self._chance = surroundings.chance
        self._log = log
        self._settling = settling
        self._budget = budget
        self._trouble = CALM
        self._deadline = deadline

    def run(self) -> Flow[str]:
        """Return what to follow: a ``job_id``, or ``image:<image_id>`` for an adopted image.

        May be run again from the start at any time, in any process: the record tells it where it was.

        :raises JobTimeoutError: the deadline passed before the request was accepted.
        :raises ImsAirflowError: IMS refuses the request, or could not be asked.
        """
        record = self._recall()
        while not record.target:
            if record.state == "sent":
                record = yield from self._look_for_lost(record)
                continue
            try:
                record = yield from self._send(record)
            except ThrottledError as error:
                record = self._save(replace(record, state="refused", refusals=record.refusals + 1))
                seconds = backoff(record.refusals, self._chance(), retry_after=error.retry_after)
                self._log.warning("IMS asks to slow down, sending again in %.0f s: %s", seconds, error)
                yield self._pause(seconds, str(error))
        return record.target

    @property
    def target(self) -> str:
        """What this very request has led to so far: a job id, ``image:<image_id>``, or empty."""
        stored = parse_record(self._memory.load())
        return stored.target if stored is not None and stored.fingerprint == self.fingerprint else ""

    @property
    def sent_at(self) -> float | None:
        """When this very request was last sent, in epoch seconds; None before that."""
        stored = parse_record(self._memory.load())
        return stored.sent_at or None if stored and stored.fingerprint == self.fingerprint else None

    def job_unknown(self) -> bool:
        """Take note that IMS does not know the job: the next :meth:`run` looks for its image instead.

        :returns: False for a young job. That one must not be given up; something else is wrong.
        """
        stored = parse_record(self._memory.load())
        if stored is None or self._clock() - stored.sent_at < FORGOTTEN_AFTER:
            return False
        self._log.warning("IMS does not know %s any more; looking for its image", stored.target)
        self._save(replace(stored, state="sent", doubted_at=self._clock(), job_id="", image_id=""))
        return True

    def discard(self) -> None:
        """Forget the submission: the next run of the task starts a new one."""
        self._memory.forget()

    def _recall(self) -> Record:
        stored = parse_record(self._memory.load())
        if stored is None:
            return Record(self.fingerprint, self._new_marker())
        if stored.fingerprint != self.fingerprint:
            self._log.warning(
                "The request has changed since the last try: submitting anew. What the old one may have made "
                "(%s, tag %s=%s) is left to the cloud",
                stored.target or "nothing known",
                MARKER_TAG,
                stored.marker,
            )
            return Record(self.fingerprint, self._new_marker())
        if stored.target:
            self._log.info("Reattaching to %s (marker %s), no new request", stored.target, stored.marker)
        return stored

    def _save(self, record: Record) -> Record:
        self._memory.save(asdict(record))
        return record

    def _send(self, record: Record) -> Flow[Record]:
        record = self._save(replace(record, state="sent", sent_at=self._clock()))
        request = self.request.with_tag(MARKER_TAG, record.marker)
        if self._dag_tag:
            request = request.with_tag(DAG_TAG, self._dag_tag)
        self._log.info(
            "Submitting data image %r from %s (marker %s)", request.name, request.image_url, record.marker
        )
        try:
            job_id = yield from ims.create_data_image(request)
        except ImsAirflowError as error:
            if error.outcome_unknown:
                self._log.warning(
                    "No usable answer to the request, it may have been accepted all the same: looking for "
                    "its image before anything else. %s",
                    error,
                )
                return record
            if error.retryable:
                self._save(replace(record, state="refused"))
            else:
                self._memory.forget()
            raise
        self._log.info("IMS accepted the request: job_id %s", job_id)
        return self._save(replace(record, state="accepted", job_id=job_id))

    def _look_for_lost(self, record: Record) -> Flow[Record]:
        over = self._clock() - record.looked_for_since >= self._settling
        try:
            image = yield from self._find(record, over=over)
        except FORGIVABLE as error:
            self._log.warning("The image list could not be asked: %s", error)
            self._trouble = self._trouble.met(error, self._clock(), "the image list", self._budget)
            yield self._pause(self._until_next_look(record), "the image list could not be asked")
            return record
        self._trouble = self._trouble.ended(self._clock())
        if image is not None:
            self._log.warning(
                "Adopting image %s (%s, created %s): it carries what was submitted, only the job_id is lost",
                image.image_id,
                image.status,
                image.created_at,
            )
            return self._save(replace(record, state="accepted", image_id=image.image_id))
        if over:
            self._log.warning(
                "No image with marker %s after %.0f s: the request counts as not accepted. If its job died "
                "before the image appeared, nobody can tell",
                record.marker,
                self._clock() - record.sent_at,
            )
            return self._save(replace(record, state="refused"))
        yield self._pause(self._until_next_look(record), "looking for the image of a lost answer")
        return record

    def _find(self, record: Record, *, over: bool) -> Flow[Image | None]:
        marked = yield from ims.list_images(
            {"__imagetype": "private", "tag": f"{MARKER_TAG}={record.marker}"}
        )
        for image in marked:
            if self._is_ours(image, record):
                return image
        if not over:
            return None
        # Rows need not show their tags, and a filter need not know them yet: the last look is by name.
        named = yield from ims.list_images(
            {"__imagetype": "private", "virtual_env_type": "DataImage", "name": self.request.name}
        )
        ours = [image for image in named if self._is_ours(image, record)]
        return min(ours, key=lambda image: image.created_at, default=None)

    def _is_ours(self, image: Image, record: Record) -> bool:
        """Whether a row is this submission's image: by its marker, or where it shows no tags by its looks."""
        if image.status in BROKEN:
            return False
        marked = self.request.with_tag(MARKER_TAG, record.marker).has_tag(MARKER_TAG, record.marker)
        if image.tags and marked:
            return (MARKER_TAG, record.marker) in image.tags
        created = iso_epoch(image.created_at)
        return (
            image.name == self.request.name
            and image.data_origin == f"file,{self.request.image_url}"
            and created is not None
            and record.sent_at - CLOCK_SKEW <= created <= record.sent_at + NAME_WINDOW
        )

    def _until_next_look(self, record: Record) -> float:
        """Look often at first, ever less often later, and once when the window is over."""
        elapsed = max(self._clock() - record.looked_for_since, 0.0)
        usual, left = max(self._settling / 18, elapsed / 2), self._settling - elapsed
        return min(usual, left) if left > 0 else usual

    def _pause(self, seconds: float, reason: str) -> Pause:
        if self._deadline is not None:
            left = self._deadline.at - self._clock()
            if left <= 0:
                message = f"the request was not accepted in time ({self._deadline.name}): {reason}"
                raise JobTimeoutError(message, deadline=self._deadline.name)
            seconds = min(seconds, left)
        return Pause(seconds, reason)


def parse_record(stored: Mapping[str, Any] | None) -> Record | None:
    """Read a stored record; one that is not ours counts as none."""
    if not isinstance(stored, Mapping):
        return None
    texts = {name: stored.get(name, "") for name in ("fingerprint", "marker", "job_id", "image_id")}
    state, refusals = stored.get("state"), stored.get("refusals", 0)
    sent_at, doubted_at = stored.get("sent_at", 0.0), stored.get("doubted_at", 0.0)
    numbers = all(isinstance(number, int | float) for number in (sent_at, doubted_at, refusals))
    if not (all(isinstance(text, str) for text in texts.values()) and numbers and texts["marker"]):
        return None
    if state not in STATES or (state == "accepted" and not (texts["job_id"] or texts["image_id"])):
        return None
    return Record(
        **texts, state=state, sent_at=float(sent_at), doubted_at=float(doubted_at), refusals=int(refusals)
    )
