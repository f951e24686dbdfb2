from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from ims_airflow.protocol.course import STALLED, Course, begun, look, resumed
from ims_airflow.protocol.duration import duration
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.narration import QUIET, line, stalled
from ims_airflow.protocol.summary import summary

START = 1_700_000_000.0


def job(progress: float | None = None, task: str = "Import", status: str = "RUNNING") -> Job:
    return Job("j1", status, progress=progress, current_task=task)


def narrate(course: Course, at: float, one: Job) -> str | None:
    changed = look(course, one, START + at)
    return line(course, one, START + at, changed=changed, started=START)


def told(looks: Iterable[tuple[float, Job]], course: Course | None = None) -> list[tuple[float, str]]:
    """The lines, with the seconds at which they came."""
    course = course or begun()
    lines = ((at, narrate(course, at, one)) for at, one in looks)
    return [(at, words) for at, words in lines if words]


def times(looks: Iterable[tuple[float, Job]]) -> list[float]:
    return [at for at, _ in told(looks)]


def test_a_change_of_status_or_step_is_told_at_once() -> None:
    looks = [(0, job(task="", status="INIT")), (1, job(0.0, "Check")), (2, job(0.0, "Import")), (3, job(0.0))]
    assert times(looks) == [0, 1, 2]


def test_ten_points_of_progress_are_told_at_once() -> None:
    assert times([(0, job(0.2)), (1, job(0.25)), (2, job(0.3)), (3, job(0.39)), (4, job(0.1))]) == [0, 2, 4]


def test_what_only_creeps_on_is_told_once_a_minute() -> None:
    looks = [(at, job(0.1 + at / 10_000)) for at in range(0, 300, 10)]
    assert times(looks) == [0, 60, 120, 180, 240]


def test_a_long_job_that_creeps_on_is_told_ever_less_often() -> None:
    looks = [(at, job(at / 360_000)) for at in range(0, 36_000, 60)]
    spoken = times(looks)
    late = [b - a for a, b in pairwise(spoken) if a > 20_000]
    assert min(late) >= 0.05 * 20_000
    assert len(spoken) < 100


def test_where_nothing_moves_nothing_is_said() -> None:
    assert times([(at, job(0.4)) for at in range(0, 10_000, 10)]) == [0]


def test_movement_in_the_quiet_minute_is_told_after_it() -> None:
    assert times([(0, job(0.2)), (30, job(0.25)), (59, job(0.25)), (61, job(0.25)), (200, job(0.25))]) == [
        0,
        61,
    ]


def test_a_stall_is_warned_of_once_and_again_after_movement() -> None:
    course = begun()
    warned = []
    for at in range(0, 5000, 100):
        narrate(course, at, job(0.4 if at < 2500 else 0.5))
        if stalled(course, START + at, started=START):
            warned.append(at)
    assert warned == [STALLED, 2500 + STALLED]


def test_creeping_is_no_stall_even_where_no_line_tells_it() -> None:
    course = begun()
    for at in range(0, 100_000, 500):
        narrate(course, at, job(at / 10_000_000))
        assert stalled(course, START + at, started=START) is None


def test_the_line_tells_percent_step_elapsed_and_what_is_left() -> None:
    looks = [(0, job(0.0, "", "INIT")), (600, job(0.5, "ImportDataImageTask:"))]
    assert told(looks)[-1][1] == (
        "job j1: RUNNING, 50%, ImportDataImageTask, 10 min 0 s elapsed, about 10 min 0 s to go"
    )


def estimate(looks: Iterable[tuple[float, Job]]) -> str:
    return told(looks)[-1][1].partition("about ")[2]


def test_the_queue_does_not_count_for_the_estimate() -> None:
    queue = [(at, job(0.0, "", "INIT")) for at in range(0, 3601, 60)]
    assert estimate([*queue, (3900, job(0.5))]) == "5 min 0 s to go"


def test_a_stall_does_not_count_for_the_estimate() -> None:
    before = [(0, job(0.0, "", "INIT")), (300, job(0.25)), (600, job(0.5))]
    assert estimate([*before, (4200, job(0.51)), (4800, job(0.75))]) == "6 min 40 s to go"


def test_a_retry_that_finds_a_job_half_done_guesses_nothing() -> None:
    assert estimate([(0, job(0.6)), (1, job(0.6, "Other"))]) == ""
    assert estimate([(0, job(0.6)), (100, job(0.7))]) == "5 min 0 s to go"


@pytest.mark.parametrize("progress", [None, 0.0, 1.0])
def test_without_usable_progress_there_is_no_estimate(progress: float | None) -> None:
    assert estimate([(0, job(0.0)), (1000, job(progress, "Other"))]) == ""


def test_another_process_goes_on_without_repeating() -> None:
    looks: list[tuple[float, Job]] = [(at, job(at / 2000)) for at in range(0, 1500, 50)]
    alone = told(looks)
    in_turn: list[tuple[float, str]] = []
    memo: dict[str, Any] = {}
    for one in looks:
        course = resumed(begun(), memo)
        in_turn += told([one], course)
        memo = json.loads(json.dumps(course))
    assert in_turn == alone


def test_the_limits_are_what_the_readme_promises() -> None:
    assert (QUIET, STALLED) == (60.0, 900.0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90_061, "25 h 1 min")]
)
def test_durations_are_spelled_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


RESULT: dict[str, Any] = {
    "image_id": "i1",
    "image_name": "fedora",
    "image_status": "active",
    "min_disk": 40,
    "image_size": 3 * 1024**3,
    "job_id": "j1",
    "polls": 14,
    "trouble_seconds": 75,
    "seconds": {"upload_check": 300.0, "queue": 20.0, "job": 720.0},
}


def test_the_summary_tells_image_size_times_polls_and_trouble() -> None:
    assert summary(RESULT) == (
        "Image i1 (fedora) is active: job j1, a disk of 40 GB, a file of 3.0 GiB, upload check 5 min 0 s, "
        "in the queue 20 s, in the job 12 min 0 s, 14 polls, 1 min 15 s of trouble"
    )


def test_the_summary_leaves_out_what_is_not_known() -> None:
    seconds = {"upload_check": None, "queue": None, "job": 720.0}
    bare = {**RESULT, "min_disk": None, "image_size": 5 * 1024**2, "seconds": seconds, "trouble_seconds": 0}
    assert summary(bare) == (
        "Image i1 (fedora) is active: job j1, a file of 5.0 MiB, in the job 12 min 0 s, 14 polls, no trouble"
    )
    assert "None" not in summary({**bare, "image_size": None, "image_status": None, "seconds": None})
