"""What the looks at a job have seen of it: one flat record of numbers and words.

Thousands of jobs are waited for at a time, and whatever is kept of each between two looks is visited by every
full pass of Python's garbage collector, while the event loop stands still. So all of it is one object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ims_airflow.protocol.job import Job

STALLED = 900.0  # seconds without any movement that count as a stall


@dataclass(slots=True)
class Course:
    """The course of one job, as far as it was seen. Times are epoch seconds, progress is a fraction.

    :param submitted: when the request was sent, None where that is not known.
    :param status: at the last look, empty before the first.
    :param step: at the last look.
    :param progress: at the last look.
    :param moved: when anything moved last.
    :param queued: the last look that found the job in the queue.
    :param left: the first look that did not.
    :param origin_at: from when on movement counts for an estimate; what happened in the queue, or before
        anybody looked, tells nothing of a job's speed.
    :param origin: progress at that time, None before the first look.
    :param idle: seconds of stalls since then; what follows a stall goes on as before it.
    :param told: progress in the last line of log.
    :param spoke: when that line came.
    :param warned: whether the present stall was mentioned.
    """

    submitted: float | None = None
    status: str = ""
    step: str = ""
    progress: float | None = None
    moved: float = 0.0
    queued: float | None = None
    left: float | None = None
    origin_at: float = 0.0
    origin: float | None = None
    idle: float = 0.0
    told: float | None = None
    spoke: float = 0.0
    warned: bool = False

    def look(self, job: Job, now: float) -> bool:
        """Take note of a look; return whether status or step have changed."""
        changed = job.status != self.status or job.current_task != self.step
        if changed or job.progress != self.progress:
            self._count_stall(now)
            self.moved, self.warned = now, False
        queued = job.is_queued
        if queued:
            self.queued = now
        elif self.left is None:
            self.left = now
        progress = job.progress or 0.0
        if queued or self.origin is None or progress < self.origin:
            self.origin_at, self.origin, self.idle = now, progress, 0.0
        self.status, self.step, self.progress = job.status, job.current_task, job.progress
        return changed

    def state(self) -> str:
        """Say what the last look has found, empty before the first."""
        return self.status if self.progress is None else f"{self.status}, {self.progress:.0%}"

    def memo(self) -> dict[str, Any]:
        """Return what another process needs to go on, as plain JSON."""
        return asdict(self)

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped. What it did not know stays as it is."""
        for field in fields(self):
            value = memo.get(field.name)
            if value is not None:
                setattr(self, field.name, value)

    def _count_stall(self, now: float) -> None:
        pause = now - max(self.moved, self.origin_at)  # a pause in the queue is none of the job's
        if self.origin is not None and pause >= STALLED:
            self.idle += pause
