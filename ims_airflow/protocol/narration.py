"""One short line of log when something moved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ims_airflow.protocol.duration import duration
from ims_airflow.protocol.estimate import Estimate
from ims_airflow.protocol.job import Job

QUIET = 60.0  # seconds after which a job that only creeps on is mentioned again
QUIET_SHARE = 0.05  # of the elapsed time; a job of hours that creeps on is mentioned ever less often
STEP = 0.1  # of the whole; so much progress is worth a line at once
STALLED = 900.0  # seconds without any movement that deserve a warning


@dataclass(slots=True)
class Narrator:
    """Decides when a job's state is worth a line, and words it.

    A change of status or step is, and so are ten points of progress. Less progress is mentioned now and
    then, and where nothing moved nothing is said: ten thousand jobs share one triggerer's log.

    :param started: epoch seconds from which elapsed time counts.
    :param seen: status and step at the last look.
    :param progress: at the last look.
    :param told: progress in the last line.
    :param spoke: epoch seconds of the last line.
    :param moved: epoch seconds of the last movement.
    :param warned: whether the present stall was mentioned.
    """

    started: float
    seen: tuple[str, str] = ("", "")
    progress: float | None = None
    told: float | None = None
    spoke: float = 0.0
    moved: float = 0.0
    warned: bool = False
    estimate: Estimate = field(default_factory=Estimate)

    def line(self, job: Job, now: float) -> str | None:
        """Return the line to log, None when there is nothing to say."""
        state = (job.status, job.current_task)
        changed = state != self.seen
        if changed or job.progress != self.progress:
            self.estimate.moved(now, last=self.moved, stall=STALLED)
            self.moved, self.warned = now, False
        self.estimate.look(job, now)
        self.seen, self.progress = state, job.progress
        if not (changed or self._worth_telling(now)):
            return None
        self.told, self.spoke = job.progress, now
        return self._words(job, now)

    def state(self) -> str:
        """Say what the last look has found, empty before the first."""
        status, _ = self.seen
        return status if self.progress is None else f"{status}, {self.progress:.0%}"

    def stalled(self, now: float) -> float | None:
        """Return the seconds without movement when they deserve a warning, once per stall."""
        lasted = now - (self.moved or self.started)
        if lasted < STALLED or self.warned:
            return None
        self.warned = True
        return lasted

    def memo(self) -> dict[str, Any]:
        """Return what another process needs so as not to repeat this one."""
        known = {name: value for name, value in asdict(self).items() if name != "started"}
        return {**known, "seen": list(self.seen)}  # JSON knows no tuples

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped."""
        for name in ("progress", "told", "spoke", "moved", "warned"):
            setattr(self, name, memo.get(name, getattr(self, name)))
        status, step = memo.get("seen", self.seen)
        self.seen = (status, step)
        self.estimate.recall(memo.get("estimate", {}))

    def _worth_telling(self, now: float) -> bool:
        if self.progress == self.told:
            return False
        # Shares are sums of tenths and hundredths, which floats cannot hold: 0.3 - 0.2 is less than 0.1.
        gained = round(abs((self.progress or 0.0) - (self.told or 0.0)), 6)
        return gained >= STEP or now - self.spoke >= max(QUIET, QUIET_SHARE * (now - self.started))

    def _words(self, job: Job, now: float) -> str:
        words = [f"job {job.job_id}: {job.status}"]
        if job.progress is not None:
            words.append(f"{job.progress:.0%}")
        if job.current_task:
            words.append(job.current_task.rstrip(":"))
        words.append(f"{duration(max(now - self.started, 0.0))} elapsed")
        left = self.estimate.left(now)
        if left is not None:
            words.append(f"about {duration(left)} to go")
        return ", ".join(words)
