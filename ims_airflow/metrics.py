"""Counters, timers and spans, sent to wherever Airflow sends its own.

Airflow puts its prefix before the names, ``airflow.`` unless configured otherwise. Nothing is imported before
it is used, and where metrics and traces are off nothing happens. Numbers are sent when a leg of following
ends, not at each look: a triggerer with thousands of jobs has better things to do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import cache
from typing import Any, TypeVar

from ims_airflow.exceptions import JobFailedError, JobNotFollowedError
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_watch import JobWatch, Outcome
from ims_airflow.protocol.submission import Memory
from ims_airflow.protocol.waiting import Watch

T = TypeVar("T")

# counters
SUBMITS = "ims_airflow.submits"  # requests for an image that IMS accepted
ADOPTIONS = "ims_airflow.adoptions"  # images of lost answers that were found again
JOB_POLLS = "ims_airflow.job.polls"  # times a job was asked about
UPLOAD_POLLS = "ims_airflow.upload.polls"  # times a file was asked about
# By whoever sees a job at its end, so again where a retry, or a second triggerer, looks again.
SUCCEEDED = "ims_airflow.jobs.succeeded"
FAILED = "ims_airflow.jobs.failed"
# timers
TROUBLE = "ims_airflow.trouble"  # how long a service could not answer, where it could not
DURATION = "ims_airflow.job.duration"  # from the begin to the end of a job, by the cloud's clock
# spans
SUBMIT_SPAN = "ims_airflow.submit"
FOLLOW_SPAN = "ims_airflow.follow"


class CountedMemory:
    """The memory of a submission; counts what is written into it.

    :param memory: where the record is kept.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved, None when there is nothing."""
        return self._memory.load()

    def save(self, record: Mapping[str, Any]) -> None:
        """Keep a record. That of an accepted request is written once: with its job, or with its image."""
        self._memory.save(record)
        if record.get("state") == "accepted":
            _count(SUBMITS if record.get("job_id") else ADOPTIONS)

    def forget(self) -> None:
        """Remove it."""
        self._memory.forget()


@contextmanager
def following(watch: Watch[Any]) -> Iterator[None]:
    """Count the looks at something, the trouble with it and a bad end, within a span.

    :param watch: what is looked at.
    """
    leg = begin(watch)
    try:
        yield
    except BaseException as error:
        end(watch, leg, error)
        raise
    end(watch, leg, None)


def begin(watch: Watch[Any]) -> AbstractContextManager[Any]:
    """Begin what :func:`following` does, for those who cannot keep a block open; return the span."""
    watch.begin_leg()
    opened = span(FOLLOW_SPAN, subject=watch.what)
    opened.__enter__()
    return opened


def end(watch: Watch[Any], opened: AbstractContextManager[Any], error: BaseException | None) -> None:
    """End what :func:`begin` has begun.

    :param error: what has ended it, None for a good end.
    """
    looks, trouble = watch.leg()
    if isinstance(error, JobNotFollowedError):
        trouble += time.time() - (watch.trouble.since or time.time())
    if isinstance(error, JobFailedError):
        _count(FAILED)
    _count(JOB_POLLS if isinstance(watch, JobWatch) else UPLOAD_POLLS, looks)
    if trouble:
        _time(TROUBLE, trouble)
    _current_span().set_attributes(
        {"polls": looks, "trouble_seconds": trouble, "error": type(error).__name__ if error else ""}
    )
    opened.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)


def found(result: T) -> T:
    """Take note of what a look has found; return it as it was given, None for not yet."""
    if isinstance(result, Outcome):
        _succeeded(result.job)
    return result


def span(name: str, **attributes: str) -> AbstractContextManager[Any]:
    """Open a span below that of the task or trigger; it goes nowhere where tracing is off."""
    from airflow.sdk.observability import trace  # noqa: PLC0415
    from opentelemetry.trace import use_span  # noqa: PLC0415

    opened = trace.get_tracer("ims_airflow").start_span(name, attributes=attributes)
    if not opened.is_recording():
        return _UNTRACED
    # Whatever an exception says, a span that leaves the house shall not.
    return use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False)


_UNTRACED: AbstractContextManager[None] = nullcontext()


def _current_span() -> Any:
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    return get_current_span()


@cache
def enable_in_triggerer() -> None:
    """Set the metrics of the SDK up, once for the process: a triggerer of 3.3 does so for the core's only."""
    from airflow.sdk.observability import stats  # noqa: PLC0415
    from airflow.sdk.observability.metrics.stats_utils import get_stats_factory  # noqa: PLC0415

    # None of these names has an older one, and to look that up a file is read.
    stats.initialize(factory=get_stats_factory(), export_legacy_names=False)


def _succeeded(job: Job) -> None:
    _count(SUCCEEDED)
    try:
        seconds = datetime.fromisoformat(job.end_time) - datetime.fromisoformat(job.begin_time)
    except ValueError:  # an adopted image has no job, and a spelling may be unknown
        return
    _time(DURATION, seconds.total_seconds())


def _count(name: str, number: int = 1) -> None:
    if number:
        _send("incr", name, number)


def _time(name: str, seconds: float) -> None:
    _send("timing", name, timedelta(seconds=seconds))


def _send(kind: str, name: str, value: Any) -> None:
    from airflow.sdk.observability import stats  # noqa: PLC0415

    try:
        getattr(stats, kind)(name, value)
    except Exception as error:  # noqa: BLE001  # Airflow makes its backend here, with whatever is configured
        _warn(type(error).__name__)


@cache
def _warn(reason: str) -> None:
    """Say once why nothing is counted: no import fails for that."""
    logging.getLogger(__name__).warning("Metrics cannot be sent: %s", reason)
