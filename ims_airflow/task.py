"""What a running Airflow task gives us: a memory that survives it, its deadline, and its way to fail."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from ims_airflow.exceptions import ImsAirflowError, JobNotFollowedError
from ims_airflow.protocol.origin import Origin
from ims_airflow.protocol.waiting import Deadline, Surroundings

if TYPE_CHECKING:
    from airflow.sdk import Context

RETENTION = timedelta(days=90)  # of what is remembered; longer than anybody waits with clearing a task
# Airflow's own errors, whose words hold no secrets.
_PLAIN = (
    AirflowFailException,
    AirflowNotFoundException,  # of a Connection
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
SURROUNDINGS = Surroundings(clock=time.time, chance=random.random)


class TaskMemory:
    """One entry of the task state store, which outlives retries, crashes and clears (XCom does not).

    :param context: of the running task. Without a store in it nothing is remembered beyond this object.
    :param key: names the entry.
    """

    def __init__(self, context: Context, key: str) -> None:
        self._store: Any = cast("Mapping[str, Any]", context).get("task_state_store")
        self._key = key
        self._fallback: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved, None when there is nothing."""
        found = self._fallback if self._store is None else self._store.get(self._key)
        return found if isinstance(found, Mapping) else None

    def save(self, record: Mapping[str, Any]) -> None:
        """Keep a JSON-able mapping."""
        if self._store is None:
            self._fallback = dict(record)
        else:
            self._store.set(self._key, dict(record), retention=RETENTION)

    def forget(self) -> None:
        """Remove it."""
        self._fallback = None
        if self._store is not None:
            self._store.delete(self._key)


def origin(context: Context) -> Origin | None:
    """Return which task instance is running, None outside of Airflow."""
    ti = cast("Mapping[str, Any]", context).get("ti")
    if ti is None:
        return None
    map_index = getattr(ti, "map_index", None)
    return Origin(ti.dag_id, ti.run_id, ti.task_id, -1 if map_index is None else map_index)


def attempt_started(context: Context, now: float) -> float:
    """Return when this try of the task began, in epoch seconds, across all its deferrals."""
    memory = TaskMemory(context, "ims_attempt")
    number = getattr(cast("Mapping[str, Any]", context).get("ti"), "try_number", None)
    stored = memory.load()
    if stored and stored.get("try_number") == number and isinstance(stored.get("started"), int | float):
        return float(stored["started"])
    if isinstance(number, int):
        memory.save({"try_number": number, "started": now})
    return now


def deadline(started: float, timeout: float | None, execution_timeout: timedelta | None) -> Deadline | None:
    """Return the earlier of the two time limits. Airflow itself ignores ``execution_timeout`` while deferred.

    :param started: epoch seconds.
    :param timeout: seconds.
    """
    limits = [] if timeout is None else [Deadline(started + timeout, "timeout")]
    if execution_timeout is not None:
        limits.append(Deadline(started + execution_timeout.total_seconds(), "execution_timeout"))
    return min(limits, key=lambda limit: limit.at, default=None)


def push(context: Context, key: str, value: object) -> None:
    """Push an XCom, if there is somebody to push it to."""
    ti = cast("Mapping[str, Any]", context).get("ti")
    if ti is not None:
        ti.xcom_push(key=key, value=value)


@contextmanager
def airflow_errors(*final: type[ImsAirflowError]) -> Iterator[None]:
    """Let retryable errors be retried by Airflow, and fail the task at once for those that no retry can help.

    :param final: classes of errors that no retry can help here, whatever they say themselves.
    """
    try:
        yield
    except ImsAirflowError as error:
        if error.retryable and not isinstance(error, final):
            raise
        raise AirflowFailException(str(error)) from error


@contextmanager
def telling(tell: Callable[[BaseException], None]) -> Iterator[None]:
    """Tell why a task ends badly. A deferral and a reschedule are no end.

    :param tell: is called with an error whose words can be shown: our own, or what Airflow itself says; of
        any other it gets to know the name.
    """
    try:
        yield
    except AirflowRescheduleException:
        raise
    except (Exception, AirflowTaskTimeout) as error:
        tell(_showable(error))
        raise


def _showable(error: BaseException) -> BaseException:
    found: BaseException | None = error
    while found is not None and not isinstance(found, ImsAirflowError):
        found = found.__cause__
    if found is not None or isinstance(error, _PLAIN):
        return found or error
    return JobNotFollowedError(f"an unexpected {type(error).__name__} ended the task; its log says more")
