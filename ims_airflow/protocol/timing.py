"""Where the time of one import went: in the queue of IMS, and in the job.

No answer says when a job left the queue. ``begin_time`` is when the job was made, so the end of INIT is what
the looks at the job have seen of it: it lies between the last one that found INIT and the first that did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_time import epoch

PRECISION = 0.25  # of the whole; a queue that was seen less sharply counts as not seen


@dataclass(slots=True)
class Timing:
    """What looks at a job tell about its time.

    :param submitted: epoch seconds at which the request was sent, None where that is not known.
    :param queued: epoch seconds of the last look that found the job in the queue.
    :param left: epoch seconds of the first look that did not.
    """

    submitted: float | None = None
    queued: float | None = None
    left: float | None = None

    def look(self, job: Job, now: float) -> None:
        """Take note of a job's status."""
        if job.is_queued:
            self.queued = now
        elif self.left is None:
            self.left = now

    def seconds(self, job: Job, seen: float) -> dict[str, float | None]:
        """Return the seconds in the queue and in the job; without a queue the job has the whole time.

        :param seen: epoch seconds at which the end was seen, for jobs that do not tell theirs.
        """
        whole = self._whole(job, seen)
        queue = None if whole is None else self._queue(job, whole)
        rest = None if whole is None else whole - (queue or 0.0)
        return {"queue": _rounded(queue), "job": _rounded(rest)}

    def memo(self) -> dict[str, Any]:
        """Return what another process needs to go on."""
        return asdict(self)

    def recall(self, memo: Mapping[str, Any]) -> None:
        """Go on where another process stopped."""
        self.submitted = memo.get("submitted") or self.submitted
        self.queued, self.left = memo.get("queued"), memo.get("left")

    def _whole(self, job: Job, seen: float) -> float | None:
        begin, end = epoch(job.begin_time), epoch(job.end_time)
        if begin is not None and end is not None:  # two times of one clock
            return max(end - begin, 0.0)
        start = self.submitted if self.submitted is not None else begin
        return None if start is None else max((seen if end is None else end) - start, 0.0)

    def _queue(self, job: Job, whole: float) -> float | None:
        start = self.submitted if self.submitted is not None else epoch(job.begin_time)
        if start is None or self.left is None:
            return None
        earliest = max(self.queued or start, start)
        latest = max(self.left, earliest)
        if latest - earliest > PRECISION * whole:
            return None
        return min((earliest + latest) / 2 - start, whole)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
