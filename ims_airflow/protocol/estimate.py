"""How long a job will still take, from the progress that was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ims_airflow.protocol.job import Job

SHORTEST = 60.0  # seconds of movement below which an estimate would be a guess


@dataclass(slots=True)
class Estimate:
    """How fast a job gets on while it gets on.

    Neither the time in the queue counts nor what happened before anybody looked: a retry that finds a job
    at 60 % knows nothing of its speed yet. A stall does not count either, because what follows it goes on
    as before it.

    :param since: epoch seconds from which movement counts.
    :param start: progress at that time, None before the first look.
    :param progress: at the last look.
    :param idle: seconds of stalls since then.
    """

    since: float = 0.0
    start: float | None = None
    progress: float = 0.0
    idle: float = 0.0

    def look(self, job: Job, now: float) -> None:
        """Take note of a job's progress."""
        self.progress = job.progress or 0.0
        if self.start is None or self.progress < self.start or job.is_queued:
            self.since, self.start, self.idle = now, self.progress, 0.0

    def moved(self, now: float, *, last: float, stall: float) -> None:
        """Take note of a movement.

        :param last: epoch seconds of the one before it.
        :param stall: seconds from which such a pause counts as a stall.
        """
        pause = now - max(last, self.since)  # a pause in the queue is none of the job's
        if self.start is not None and pause >= stall:
            self.idle += pause

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped.

        :param memo: the fields by name.
        """
        for name in ("since", "start", "progress", "idle"):
            setattr(self, name, memo.get(name, getattr(self, name)))

    def left(self, now: float) -> float | None:
        """Return the seconds to go, None when nobody can tell."""
        gained = self.progress - (self.start or 0.0)
        active = now - self.since - self.idle
        if self.start is None or gained <= 0 or active < SHORTEST or self.progress >= 1:
            return None
        return active * (1 - self.progress) / gained
