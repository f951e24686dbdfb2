"""The jobs and images of the emulated project, brought up to date whenever somebody looks."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from ims_airflow.emulator.clock import to_the_millisecond
from ims_airflow.emulator.ims.file_check import check_file
from ims_airflow.emulator.ims.images import Image, new_image
from ims_airflow.emulator.ims.jobs import STAGES, STEP, Failure, Job, share_by_reads, share_by_time
from ims_airflow.emulator.ims.rules import Submission
from ims_airflow.emulator.obs.store import Store

NEVER = float("inf")


class Registry:
    """Jobs and images.

    :param store: where the files of the images lie.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.world = store.world
        self.jobs: dict[str, Job] = {}
        self._images: dict[str, Image] = {}
        self._open: dict[str, Job] = {}

    def accept(self, submission: Submission, failure: Failure | None) -> Job:
        """Take a request and start its job.

        :param failure: what the job is bound to end with.
        """
        now = self.world.clock.now()
        job = Job(secrets.token_hex(16), str(uuid.uuid4()), submission, now, failure=failure)
        self.jobs[job.job_id] = job
        self._open[job.job_id] = job
        early = self.world.settings.row_appears == "accepted"
        visible_at = now + self.world.settings.row_visible_after if early else NEVER
        self._images[job.image_id] = new_image(job.image_id, submission, now, visible_at)
        return job

    def job(self, job_id: str) -> Job | None:
        """Return a job that can still be queried."""
        job, keep = self.jobs.get(job_id), self.world.settings.forget_jobs_after
        if job is None:
            return None
        self._catch_up(job)
        if job.ended_at is None or not keep:
            return job
        return job if self.world.clock.now() - job.ended_at <= keep else None

    def read(self, job: Job) -> None:
        """Count a query, which moves the job where reads do."""
        job.reads += 1
        self._catch_up(job)

    def images(self) -> list[Image]:
        """Return the images that the list shows."""
        self.settle()
        now = self.world.clock.now()
        return [image for image in self._images.values() if image.there(now)]

    def image(self, image_id: str) -> Image | None:
        """Return one image that the list shows."""
        return next((one for one in self.images() if one.image_id == image_id), None)

    def in_flight(self) -> int:
        """Return how many jobs have not ended."""
        self.settle()
        return len(self._open)

    def settle(self) -> None:
        """Bring every job, and with it its image, to where it is by now."""
        for job in list(self._open.values()):
            self._catch_up(job)

    def move(self, job: Job, share: float) -> None:
        """Move a job to a share of its life."""
        settings, now = self.world.settings, self.world.clock.now()
        timely = settings.job_advance == "time" and share >= 1.0
        end = min(now, job.accepted_at + settings.job_seconds) if timely else now
        image = self._images[job.image_id]
        if share >= STAGES[0].until:
            self._start(job, image)
        job.move_to(share, end)
        if job.over and job.job_id in self._open:
            del self._open[job.job_id]
            self._finish(job, image)

    def fail(self, job: Job, failure: Failure) -> None:
        """End a job with a failure, now."""
        job.failure, job.checked = failure, True
        self.move(job, 1.0)

    def step(self, job: Job, steps: int) -> None:
        """Move a job by hand."""
        self.move(job, job.share + steps * STEP)

    def submissions(self) -> list[dict[str, Any]]:
        """Return every accepted request, oldest first."""
        self.settle()
        return [_submission(job, self._images[job.image_id]) for job in self.jobs.values()]

    def _catch_up(self, job: Job) -> None:
        if not job.over:
            self.move(job, self._due(job))

    def _due(self, job: Job) -> float:
        settings = self.world.settings
        if settings.job_advance == "time":
            return share_by_time(job, self.world.clock.now(), settings.job_seconds)
        return share_by_reads(job, settings.job_reads) if settings.job_advance == "reads" else job.share

    def _start(self, job: Job, image: Image) -> None:
        if job.started:
            return
        image.status = "saving"
        if image.visible_at == NEVER:
            image.visible_at = self.world.clock.now() + self.world.settings.row_visible_after
        if not job.checked:
            job.failure = job.failure or check_file(job.submission, self.store)
            job.checked = True

    def _finish(self, job: Job, image: Image) -> None:
        now = job.ended_at or 0.0
        status = self.world.settings.failed_image if job.failure else self.world.settings.image_after_success
        image.updated_at = now
        if status == "gone":
            image.gone_at = now
            return
        image.status = status
        if status == "active":
            image.active_at = now
            image.size = _size_of_file(job.submission, self.store)


def _size_of_file(submission: Submission, store: Store) -> int:
    bucket = store.buckets.get(submission.bucket)
    stored = bucket.find(submission.key) if bucket else None
    return stored.size if stored else 0


def _submission(job: Job, image: Image) -> dict[str, Any]:
    asked = job.submission
    names = ("name", "image_url", "min_disk", "os_type", "description", "cmk_id", "enterprise_project_id")
    return {
        "job_id": job.job_id,
        "status": job.status,
        "image_id": job.image_id,
        "image_status": image.status if image.gone_at is None else "gone",
        **{name: getattr(asked, name) for name in names},
        "tags": dict(asked.tags),
        "accepted_at": to_the_millisecond(job.accepted_at),
        "reads": job.reads,
    }
