"""One short line of log when something moved.

A change of status or step is worth a line, and so are ten points of progress. Less progress is mentioned now
and then, and where nothing moved nothing is said: ten thousand jobs share one triggerer's log.
"""

from __future__ import annotations

from ims_airflow.protocol.course import STALLED, Course
from ims_airflow.protocol.duration import duration
from ims_airflow.protocol.job import Job

QUIET = 60.0  # seconds after which a job that only creeps on is mentioned again
QUIET_SHARE = 0.05  # of the elapsed time; a job of hours that creeps on is mentioned ever less often
STEP = 0.1  # of the whole; so much progress is worth a line at once
SHORTEST = 60.0  # seconds of movement below which an estimate would be a guess


def line(course: Course, job: Job, now: float, *, changed: bool, started: float) -> str | None:
    """Return the line to log after a look, None when there is nothing to say.

    :param changed: what :func:`ims_airflow.protocol.course.look` has returned.
    :param started: epoch seconds from which elapsed time counts.
    """
    elapsed = now - started
    if not (changed or _worth_telling(course, now, elapsed)):
        return None
    course["told"], course["spoke"] = job.progress, now
    words = [f"job {job.job_id}: {job.status}"]
    if job.progress is not None:
        words.append(f"{job.progress:.0%}")
    if job.current_task:
        words.append(job.current_task.rstrip(":"))
    words.append(f"{duration(max(elapsed, 0.0))} elapsed")
    left = time_left(course, now)
    if left is not None:
        words.append(f"about {duration(left)} to go")
    return ", ".join(words)


def stalled(course: Course, now: float, *, started: float) -> float | None:
    """Return the seconds without movement when they deserve a warning, once per stall."""
    lasted = now - (course["moved"] or started)
    if lasted < STALLED or course["warned"]:
        return None
    course["warned"] = True
    return lasted


def time_left(course: Course, now: float) -> float | None:
    """Return the seconds to go by the progress that was seen, None when nobody can tell."""
    progress, origin = course["progress"] or 0.0, course["origin"]
    active = now - course["origin_at"] - course["idle"]
    if origin is None or not origin < progress < 1 or active < SHORTEST:
        return None
    return active * (1 - progress) / (progress - origin)


def _worth_telling(course: Course, now: float, elapsed: float) -> bool:
    if course["progress"] == course["told"]:
        return False
    # Shares are sums of tenths and hundredths, which floats cannot hold: 0.3 - 0.2 is less than 0.1.
    gained = round(abs((course["progress"] or 0.0) - (course["told"] or 0.0)), 6)
    return gained >= STEP or now - course["spoke"] >= max(QUIET, QUIET_SHARE * elapsed)
