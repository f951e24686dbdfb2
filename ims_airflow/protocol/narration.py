"""One short line of log when something moved."""

from __future__ import annotations

from dataclasses import dataclass

from ims_airflow.protocol.job import Job

QUIET = 60.0  # seconds after which a job that only creeps on is mentioned again
STALLED = 900.0  # seconds without any movement that deserve a warning


@dataclass(slots=True)
class Narrator:
    """Decides when a job's state is worth a line, and words it.

    :param started: epoch seconds from which elapsed time counts.
    """

    started: float
    seen: tuple[str, str] = ("", "")
    progress: float | None = None
    spoke: float = 0.0
    moved: float = 0.0
    warned: bool = False

    def line(self, job: Job, now: float) -> str | None:
        """Return the line to log, None when there is nothing to say."""
        state = (job.status, job.current_task)
        moved = state != self.seen or job.progress != self.progress
        if moved:
            self.moved, self.warned = now, False
        if state == self.seen and not (moved and now - self.spoke >= QUIET):
            return None
        self.seen, self.progress, self.spoke = state, job.progress, now
        return self._words(job, now)

    def stalled(self, now: float) -> float | None:
        """Return the seconds without movement when they deserve a warning, once per stall."""
        lasted = now - (self.moved or self.started)
        if lasted < STALLED or self.warned:
            return None
        self.warned = True
        return lasted

    def _words(self, job: Job, now: float) -> str:
        words = [f"job {job.job_id}: {job.status}"]
        elapsed = max(now - self.started, 0.0)
        if job.progress is not None:
            words.append(f"{job.progress:.0%}")
        if job.current_task:
            words.append(job.current_task.rstrip(":"))
        words.append(f"{duration(elapsed)} elapsed")
        if job.progress and job.progress < 1 and elapsed >= QUIET:
            words.append(f"about {duration(elapsed / job.progress - elapsed)} to go")
        return ", ".join(words)


def duration(seconds: float) -> str:
    """Spell seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
