from __future__ import annotations

import json

import pytest

from ims_airflow.exceptions import NotFoundError
from ims_airflow.protocol.course import Course, begun, look, resumed
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_time import epoch, iso_time
from ims_airflow.protocol.timing import seconds
from ims_airflow.protocol.upload_check import failed_upload_check_report, upload_check_report

BEGIN = 1_700_000_000.0
QUEUED, RUNNING = Job("j1", "INIT"), Job("j1", "RUNNING")


def done(whole: float = 100.0) -> Job:
    return Job("j1", "SUCCESS", begin_time=iso_time(BEGIN), end_time=iso_time(BEGIN + whole))


def course(*looks: tuple[float, Job], submitted: float | None = BEGIN) -> Course:
    made = begun(submitted)
    for at, job in looks:
        look(made, job, BEGIN + at)
    return made


def test_the_queue_ends_between_two_looks() -> None:
    seen = course((0, QUEUED), (10, QUEUED), (20, RUNNING), (110, done()))
    assert seconds(seen, done(), BEGIN + 110) == {"queue": 15.0, "job": 85.0}


def test_without_a_submission_the_job_s_own_begin_counts() -> None:
    seen = course((4, RUNNING), (110, done()), submitted=None)
    assert seconds(seen, done(), BEGIN + 110) == {"queue": 2.0, "job": 98.0}


@pytest.mark.parametrize("first", [RUNNING, done()])
def test_a_queue_that_nobody_has_seen_is_not_invented(first: Job) -> None:
    assert seconds(course((60, first)), done(), BEGIN + 110) == {"queue": None, "job": 100.0}


def test_without_an_end_of_its_own_the_job_ends_when_that_is_seen() -> None:
    ended = Job("j1", "SUCCESS")
    seen = course((0, QUEUED), (10, RUNNING), (110, ended))
    assert seconds(seen, ended, BEGIN + 110) == {"queue": 5.0, "job": 105.0}


def test_without_any_time_nothing_is_told() -> None:
    ended = Job("j1", "SUCCESS", begin_time="yesterday")
    assert seconds(course((0, ended), submitted=None), ended, BEGIN) == {"queue": None, "job": None}


def test_a_clock_that_is_wrong_gives_no_negative_seconds() -> None:
    backwards = Job("j1", "SUCCESS", begin_time=iso_time(BEGIN + 9), end_time=iso_time(BEGIN))
    assert seconds(course((-50, RUNNING)), backwards, BEGIN) == {"queue": 0.0, "job": 0.0}


def test_another_process_goes_on() -> None:
    first = course((0, QUEUED), (10, QUEUED))
    second = resumed(begun(), json.loads(json.dumps(first)))
    look(second, RUNNING, BEGIN + 20)
    assert seconds(second, done(), BEGIN + 110) == {"queue": 15.0, "job": 85.0}
    assert resumed(begun(BEGIN), {})["submitted"] == BEGIN


def test_times_are_spelled_in_utc() -> None:
    assert iso_time(BEGIN) == "2023-11-14T22:13:20Z"
    assert epoch(iso_time(BEGIN)) == BEGIN
    assert epoch("14-Nov-2023 22:13:20:500") == BEGIN + 0.5
    assert epoch("soon") is None
    assert epoch("2023-02-31T00:00:00Z") is None


def test_an_upload_check_tells_how_long_it_took() -> None:
    found = {"image_url": "b-1:k", "size": 7, "etag": "e"}
    assert upload_check_report("b-1:k", found, started=BEGIN, ended=BEGIN + 90.04) == {
        "image_url": "b-1:k",
        "size": 7,
        "etag": "e",
        "started_at": "2023-11-14T22:13:20Z",
        "ended_at": "2023-11-14T22:14:50Z",
        "seconds": 90.0,
    }
    many = upload_check_report("b-1:*", [found, found], started=BEGIN, ended=BEGIN)
    assert (many["size"], many["etag"]) == (None, None)


def test_an_upload_check_that_ends_badly_tells_why_without_a_secret() -> None:
    error = NotFoundError("no bucket, password=abc")
    failed = failed_upload_check_report("b-1:k", error, started=BEGIN, ended=BEGIN + 5)
    assert failed == {
        **upload_check_report("b-1:k", None, started=BEGIN, ended=BEGIN + 5),
        "fail_reason": "no bucket, password=***",
    }
