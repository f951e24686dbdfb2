"""The wait loop: look, decide, pause, until there is a result, a verdict or the deadline.

Three outcomes never get mixed. A verdict (final error) passes through. Trouble (a retryable error) is
forgiven as long as it lasts less than its budget. The deadline has an error of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from ims_airflow.exceptions import (
    ImsAirflowError,
    JobNotFollowedError,
    JobTimeoutError,
    ServiceError,
    ThrottledError,
    TransportError,
    UnusableAnswerError,
)
from ims_airflow.protocol.duration import duration
from ims_airflow.protocol.message import Flow, Pause
from ims_airflow.protocol.pace import NO_PACE, Pace
from ims_airflow.protocol.polling import PollPolicy, backoff

R = TypeVar("R")

# What may pass by itself. A job's own verdict is never among it, whether a new submission helps or not.
FORGIVABLE = (TransportError, UnusableAnswerError, ThrottledError, ServiceError)


class Log(Protocol):
    """What this package needs of a logger."""

    def info(self, message: str, /, *args: object) -> None:
        """Log a line."""

    def warning(self, message: str, /, *args: object) -> None:
        """Log a line that a person should see."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a wait takes from outside.

    :param clock: returns epoch seconds.
    :param chance: returns a random number in [0, 1).
    """

    clock: Callable[[], float] = field(repr=False)
    chance: Callable[[], float] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When to stop waiting.

    :param at: epoch seconds.
    :param name: the argument that set it: ``timeout`` or ``execution_timeout``.
    """

    at: float
    name: str = "timeout"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Forgivable errors in a row. While all is well, all watches share :data:`CALM`.

    :param since: epoch seconds of the first of them, None while all is well.
    :param total: seconds of trouble that were lived through.
    """

    since: float | None = None
    failures: int = 0
    total: float = 0.0
    retry_after: float | None = None

    def met(self, error: ImsAirflowError, now: float, what: str, budget: float) -> Trouble:
        """Return the trouble after one more error.

        :param budget: seconds that it may last.
        :raises JobNotFollowedError: the budget is used up.
        """
        since = now if self.since is None else self.since
        failures = self.failures + 1
        lasted = now - since
        if lasted >= budget:
            raise JobNotFollowedError(
                f"{what} could not be asked about for {lasted:.0f} s (the budget is {budget:.0f} s), "
                f"{failures} times in a row. It may well be going on. Last answer: {error}"
            ) from error
        return Trouble(since, failures, self.total, getattr(error, "retry_after", None))

    def ended(self, now: float) -> Trouble:
        """Return what is left of it after an answer."""
        return self if self.since is None else Trouble(total=self.total + max(now - self.since, 0.0))


CALM = Trouble()


class Watch(ABC, Generic[R]):
    """Something that is looked at until it is done.

    :param policy: when to look again.
    :param budget: seconds of trouble to forgive.
    :param started: epoch seconds from which the policy counts.
    """

    # Some watches are kept in thousands, and are smaller so.
    __slots__ = (
        "_looks_before",
        "_trouble_before",
        "budget",
        "last_seen",
        "log",
        "looks",
        "policy",
        "started",
        "trouble",
    )

    def __init__(self, *, policy: PollPolicy, budget: float, started: float, log: Log) -> None:
        self.policy = policy
        self.started = started
        self.budget = budget
        self.trouble = CALM
        self.looks = 0
        self.last_seen = ""
        self.log = log
        self.begin_leg()

    @property
    @abstractmethod
    def what(self) -> str:
        """What it is, for messages."""

    @property
    def pace(self) -> Pace:
        """What is known of its progress."""
        return NO_PACE

    @abstractmethod
    def ask(self, now: float) -> Flow[R | None]:
        """Ask once; None means not yet."""

    def look(self, now: float) -> Flow[R | None]:
        """Ask once and forgive trouble: None means not yet, or nobody could tell.

        :param now: epoch seconds.
        :raises JobNotFollowedError: trouble outlasted its budget.
        """
        self.looks += 1
        try:
            found = yield from self.ask(now)
        except FORGIVABLE as error:
            if self.trouble.since is None:
                self.log.warning("Cannot ask about %s just now, keeping at it: %s", self.what, error)
            self.last_seen = f"no answer, {error}"
            self.trouble = self.trouble.met(error, now, self.what, self.budget)
            return None
        self.answered(now)
        return found

    def answered(self, now: float) -> None:
        """Note that the service answered, and say so after trouble."""
        before = self.trouble
        if before.failures:
            self.trouble = before.ended(now)
            lasted = self.trouble.total - before.total
            self.log.warning(
                "%s answers again after %.0f s of trouble (%d failures)", self.what, lasted, before.failures
            )

    def begin_leg(self) -> None:
        """Count from here on for :meth:`leg`."""
        self._looks_before, self._trouble_before = self.looks, self.trouble.total

    def leg(self) -> tuple[int, float]:
        """Return the looks, and the seconds of trouble that has passed, since :meth:`begin_leg`."""
        return self.looks - self._looks_before, self.trouble.total - self._trouble_before

    def memo(self) -> dict[str, Any]:
        """Return what another process needs to go on with this watch, empty when there is nothing."""
        since = self.trouble.since
        return {} if since is None else {"since": since, "failures": self.trouble.failures}

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped."""
        if "since" in memo:
            self.trouble = Trouble(memo["since"], int(memo.get("failures", 1)), self.trouble.total)

    def seen(self) -> str:
        """Say what the last look has found, for the message when time is up; empty for nothing."""
        return self.last_seen

    def wait(self, now: float, chance: float) -> float:
        """Return the seconds until the next look.

        :param chance: a random number in [0, 1).
        """
        usual = self.policy.wait(now - self.started, chance, self.pace, self.looks)
        if not self.trouble.failures:
            return usual
        pause = backoff(self.trouble.failures, chance, retry_after=self.trouble.retry_after)
        return pause if self.policy.fixed is None else max(pause, usual)


def follow(watch: Watch[R], surroundings: Surroundings, deadline: Deadline | None) -> Flow[R]:
    """Look until there is a result.

    :raises JobTimeoutError: the deadline passed first.
    :raises JobNotFollowedError: trouble outlasted its budget.
    """
    while True:
        found, pause = yield from step(watch, surroundings, deadline)
        if found is not None:
            return found
        yield Pause(pause)


def step(
    watch: Watch[R], surroundings: Surroundings, deadline: Deadline | None
) -> Flow[tuple[R | None, float]]:
    """Look once; return the result, or None and the seconds until the next look.

    :raises JobTimeoutError: the deadline has passed, and there is no result.
    :raises JobNotFollowedError: trouble outlasted its budget.
    """
    found = yield from watch.look(surroundings.clock())
    if found is not None:
        return found, 0.0
    now = surroundings.clock()
    pause = watch.wait(now, surroundings.chance())
    if deadline is not None:
        if now >= deadline.at:
            raise _late(watch, deadline)
        pause = min(pause, deadline.at - now)
    return None, max(pause, 0.0)


def rejoin(watch: Watch[Any], surroundings: Surroundings, deadline: Deadline | None, looked: float) -> float:
    """Return the seconds until the first look of a process that goes on where another one stopped.

    :param looked: epoch seconds at which that one last looked.
    """
    now = surroundings.clock()
    pause = watch.policy.rejoin(now - watch.started, now - looked, surroundings.chance())
    return pause if deadline is None else max(min(pause, deadline.at - now), 0.0)


def _late(watch: Watch[R], deadline: Deadline) -> JobTimeoutError:
    limit = max(deadline.at - watch.started, 0.0)
    allowed = duration(limit) if limit >= 1 else f"{limit:.1f} s"
    message = f"{watch.what} was not done in time ({deadline.name} of {allowed})"
    if seen := watch.seen():
        message += f". Last seen: {seen}"
    return JobTimeoutError(message, deadline=deadline.name)
