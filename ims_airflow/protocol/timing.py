"""Where the time of one import went: in the queue of IMS, and in the job.

No answer says when a job left the queue. ``begin_time`` is when the job was made, so the end of INIT is what
the looks at the job have seen of it: it lies between the last one that found INIT and the first that did not.
"""

from __future__ import annotations

from ims_airflow.protocol.course import Course
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_time import epoch

PRECISION = 0.25  # of the whole; a queue that was seen less sharply counts as not seen


def seconds(course: Course, job: Job, seen: float) -> dict[str, float | None]:
    """Return the seconds in the queue and in the job; without a queue the job has the whole time.

    :param job: at its end.
    :param seen: epoch seconds at which the end was seen, for jobs that do not tell theirs.
    """
    whole = _whole(course, job, seen)
    queue = None if whole is None else _queue(course, job, whole)
    rest = None if whole is None else whole - (queue or 0.0)
    return {"queue": _rounded(queue), "job": _rounded(rest)}


def _whole(course: Course, job: Job, seen: float) -> float | None:
    begin, end = epoch(job.begin_time), epoch(job.end_time)
    if begin is not None and end is not None:  # two times of one clock
        return max(end - begin, 0.0)
    start = begin if course["submitted"] is None else course["submitted"]
    return None if start is None else max((seen if end is None else end) - start, 0.0)


def _queue(course: Course, job: Job, whole: float) -> float | None:
    start = epoch(job.begin_time) if course["submitted"] is None else course["submitted"]
    if start is None or course["left"] is None:
        return None
    earliest = max(course["queued"] or start, start)
    latest = max(course["left"], earliest)
    if latest - earliest > PRECISION * whole:
        return None
    return min((earliest + latest) / 2 - start, whole)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
