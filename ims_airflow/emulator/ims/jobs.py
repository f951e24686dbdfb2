"""How a job gets from INIT to its end. Pure: time and reads come in as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ims_airflow.emulator.ims.rules import Submission

Place = Literal["top", "entities", "sub_jobs", "nowhere"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job fails.

    :param where: in the answer the reason stands; None follows the settings.
    """

    code: str
    reason: str
    where: Place | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A span of a job's life.

    :param until: share of the job's life at which it ends.
    :param task: ``current_task`` in answers. Names for this kind of job are not published; these follow
        the pattern of those that are.
    """

    until: float
    status: str
    task: str


STAGES = (
    Stage(0.1, "INIT", ""),
    Stage(0.3, "RUNNING", "CheckImageFileTask:"),
    Stage(0.9, "RUNNING", "ImportDataImageTask:"),
    Stage(1.0, "RUNNING", "UpdateImageStatusTask:"),
)
STEP = 0.25  # share of its life that a job moves by one step of reads or by hand


@dataclass(slots=True)
class Job:
    """One accepted request on its way.

    :param accepted_at: epoch seconds.
    :param share: of its life that lies behind it, 0 to 1.
    :param failure: what it will end with, None for success.
    :param checked: whether the file was looked at.
    """

    job_id: str
    image_id: str
    submission: Submission
    accepted_at: float
    share: float = 0.0
    reads: int = 0
    failure: Failure | None = None
    checked: bool = False
    ended_at: float | None = None

    @property
    def stage(self) -> Stage | None:
        """The span that the job is in, None at the end."""
        return next((one for one in STAGES if self.share < one.until), None)

    @property
    def status(self) -> str:
        """``INIT``, ``RUNNING``, ``SUCCESS`` or ``FAIL``."""
        stage = self.stage
        if stage is not None:
            return stage.status
        return "FAIL" if self.failure else "SUCCESS"

    @property
    def started(self) -> bool:
        """Whether the job has left INIT."""
        return self.share >= STAGES[0].until

    @property
    def over(self) -> bool:
        """Whether the job has ended."""
        return self.stage is None

    def move_to(self, share: float, now: float) -> None:
        """Move forward, never back, and stop at the end.

        :param now: epoch seconds, noted as the job's end when this is it.
        """
        self.share = max(self.share, min(1.0, share))
        if self.over and self.ended_at is None:
            self.ended_at = now


def share_by_time(job: Job, now: float, seconds: float) -> float:
    """Return how far a job is when its whole life lasts some seconds."""
    return (now - job.accepted_at) / seconds if seconds > 0 else 1.0


def share_by_reads(job: Job, per_step: int) -> float:
    """Return how far a job is when queries move it."""
    return job.reads // max(per_step, 1) * STEP
