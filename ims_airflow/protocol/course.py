"""What the looks at a job have seen of it: one flat mapping of numbers and words.

Thousands of jobs are waited for at a time, and each full pass of Python's garbage collector visits all that
is kept of them, while the event loop stands still. Before Python 3.14 it visits no ``dict`` of plain values.
Hence no objects here, but functions over such a mapping. It also lies in the database between two processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict, cast

from ims_airflow.protocol.job import Job
from ims_airflow.protocol.pace import NO_PACE, Pace

STALLED = 900.0  # seconds without any movement that count as a stall


class Course(TypedDict):
    """The course of one job, as far as it was seen. Times are epoch seconds, progress is a fraction."""

    submitted: float | None  # when the request was sent, None where that is not known
    status: str  # at the last look, empty before the first
    step: str  # likewise
    progress: float | None  # likewise
    moved: float  # when anything moved last
    queued: float | None  # the last look that found the job in the queue
    left: float | None  # the first look that did not
    # What happens in the queue, or before anybody looks, tells nothing of a job's speed; so movement counts
    # for an estimate from a later time on, less the stalls: what follows a stall goes on as before it.
    origin_at: float
    origin: float | None  # progress at that time, None before the first look
    idle: float  # seconds of stalls since then
    told: float | None  # progress in the last line of log
    spoke: float  # when that line came
    warned: bool  # whether the present stall was mentioned
    # The fields of Pace, whose times are seconds since the start.
    pace_origin_at: float
    pace_origin: float
    pace_at: float
    pace_fraction: float
    pace_end: float | None
    pace_steady: bool


def begun(submitted: float | None = None) -> Course:
    """Return the course of a job that nobody has looked at."""
    return {
        "submitted": submitted,
        "status": "",
        "step": "",
        "progress": None,
        "moved": 0.0,
        "queued": None,
        "left": None,
        "origin_at": 0.0,
        "origin": None,
        "idle": 0.0,
        "told": None,
        "spoke": 0.0,
        "warned": False,
        "pace_origin_at": NO_PACE.origin_at,
        "pace_origin": NO_PACE.origin,
        "pace_at": NO_PACE.at,
        "pace_fraction": NO_PACE.fraction,
        "pace_end": NO_PACE.end,
        "pace_steady": NO_PACE.steady,
    }


def resumed(course: Course, memo: Mapping[str, Any]) -> Course:
    """Return a course with what another process has written down. What that did not know stays as it is."""
    known = {name: memo[name] for name in course if memo.get(name) is not None}
    return cast("Course", {**course, **known})


def look(course: Course, job: Job, now: float) -> bool:
    """Take note of a look; return whether status or step have changed."""
    changed = job.status != course["status"] or job.current_task != course["step"]
    if changed or job.progress != course["progress"]:
        pause = now - max(course["moved"], course["origin_at"])  # a pause in the queue is none of the job's
        if pause >= STALLED and course["origin"] is not None:
            course["idle"] += pause
        course["moved"], course["warned"] = now, False
        course["status"], course["step"], course["progress"] = job.status, job.current_task, job.progress
    queued = job.is_queued
    if queued:
        course["queued"] = now
    elif course["left"] is None:
        course["left"] = now
    progress, origin = job.progress or 0.0, course["origin"]
    if queued or origin is None or progress < origin:
        course["origin_at"], course["origin"], course["idle"] = now, progress, 0.0
    return changed


def state(course: Course) -> str:
    """Say what the last look has found, empty before the first."""
    progress = course["progress"]
    return course["status"] if progress is None else f"{course['status']}, {progress:.0%}"


def pace(course: Course) -> Pace:
    """Return what the looks say about the job's end."""
    return Pace(
        course["pace_origin_at"],
        course["pace_origin"],
        course["pace_at"],
        course["pace_fraction"],
        course["pace_end"],
        course["pace_steady"],
    )


def keep_pace(course: Course, found: Pace) -> None:
    """Note what the looks say about the job's end."""
    course["pace_origin_at"], course["pace_origin"] = found.origin_at, found.origin
    course["pace_at"], course["pace_fraction"] = found.at, found.fraction
    course["pace_end"], course["pace_steady"] = found.end, found.steady
