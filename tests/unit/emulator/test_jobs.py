from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ims_airflow.emulator import Settings
from ims_airflow.emulator.ims.job_answers import show_job, show_job_progress
from ims_airflow.emulator.ims.jobs import Failure, Job, share_by_reads, share_by_time
from ims_airflow.emulator.ims.rules import Submission

NOW = 1_700_000_000.123
SUBMISSION = Submission("fedora", "image-test:a/fedora.qcow2", 40, "Linux", "", "", {}, "0")
BAD = Failure("IMG.0057", "The image file does not exist.")


def job(share: float = 0.0, failure: Failure | None = None) -> Job:
    made = Job("0a" * 16, "image-id", SUBMISSION, NOW, failure=failure)
    made.move_to(share, NOW + 60)
    return made


@pytest.mark.parametrize(
    ("share", "status"),
    [(0, "INIT"), (0.09, "INIT"), (0.1, "RUNNING"), (0.99, "RUNNING"), (1, "SUCCESS"), (7, "SUCCESS")],
)
def test_a_job_passes_through_its_states(share: float, status: str) -> None:
    assert job(share).status == status


def test_a_job_never_goes_back() -> None:
    moved = job(0.5)
    moved.move_to(0.2, NOW)
    assert moved.share == 0.5


def test_the_end_is_noted_once() -> None:
    moved = job(1.0)
    moved.move_to(1.0, NOW + 999)
    assert moved.ended_at == NOW + 60


def test_time_moves_a_job() -> None:
    assert share_by_time(job(), NOW + 5, 10) == pytest.approx(0.5)
    assert share_by_time(job(), NOW, 0) == 1.0


@pytest.mark.parametrize(
    ("reads", "per_step", "share"), [(0, 1, 0.0), (1, 1, 0.25), (3, 2, 0.25), (4, 1, 1.0)]
)
def test_reads_move_a_job(reads: int, per_step: int, share: float) -> None:
    asked = job()
    asked.reads = reads
    assert share_by_reads(asked, per_step) == share


def test_a_running_job_shows_progress_and_may_show_its_image() -> None:
    answer = show_job(job(0.5), Settings())
    assert answer["status"] == "RUNNING"
    assert answer["end_time"] == ""
    assert answer["entities"]["process_percent"] == 0.5
    assert answer["entities"]["image_id"] == "image-id"
    assert "image_id" not in show_job(job(0.5), Settings(image_id_while_running=False))["entities"]


@pytest.mark.parametrize(("spelling", "shown"), [("integer", 50), ("fraction", 0.5), ("absent", None)])
def test_progress_has_several_spellings(spelling: Any, shown: float | None) -> None:
    answer = show_job(job(0.5), Settings(process_percent=spelling))
    assert answer["entities"].get("process_percent") == shown


def test_times_have_two_spellings() -> None:
    assert show_job(job(1), Settings())["begin_time"] == "2023-11-14T22:13:20.123Z"
    old = show_job(job(1), Settings(time_spelling="old"))
    assert old["begin_time"] == "14-Nov-2023 22:13:20:123"
    assert old["end_time"] == "14-Nov-2023 22:14:20:123"


@pytest.mark.parametrize(
    ("where", "path"),
    [
        ("entities", ("image_id",)),
        ("sub_jobs_result", ("sub_jobs_result", 0, "entities", "image_id")),
        ("results", ("results", 0, "image_id")),
    ],
)
def test_success_names_its_image_in_several_places(where: Any, path: tuple[Any, ...]) -> None:
    found: Any = show_job(job(1), Settings(success_image_at=where))["entities"]
    for step in path:
        found = found[step]
    assert found == "image-id"


def test_success_may_name_no_image_at_all() -> None:
    assert "image-id" not in str(show_job(job(1), Settings(success_image_at="missing")))


@pytest.mark.parametrize("where", ["top", "entities", "sub_jobs", "nowhere"])
def test_a_failure_tells_its_reason_in_several_places(where: Any) -> None:
    answer = show_job(job(1, BAD), Settings(fail_reason_at=where))
    assert answer["status"] == "FAIL"
    at_top = (answer["error_code"], answer["fail_reason"])
    assert at_top == ((BAD.code, BAD.reason) if where == "top" else (None, None))
    assert (BAD.code in str(answer["entities"])) is (where in {"entities", "sub_jobs"})


def test_a_failure_may_know_better_where_its_reason_stands() -> None:
    answer = show_job(job(1, replace(BAD, where="entities")), Settings(fail_reason_at="top"))
    assert answer["entities"]["error_code"] == BAD.code


def test_no_reason_shows_before_the_end() -> None:
    assert BAD.code not in str(show_job(job(0.9, BAD), Settings()))


def test_the_progress_query_adds_a_sub_job() -> None:
    assert show_job_progress(job(0.5), Settings())["entities"]["subJobId"] == "a0" * 16
