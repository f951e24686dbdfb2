from __future__ import annotations

import logging
from typing import Any

import pytest

from ims_airflow.exceptions import (
    ApiError,
    ImsAirflowError,
    InvalidInputError,
    JobFailedError,
    JobNotFollowedError,
    JobTimeoutError,
    RequestRejectedError,
    ThrottledError,
)
from ims_airflow.triggers.event import Event, event_of_error, parse_event

ERRORS = [
    JobFailedError("FAIL", error_code="IMG.0057", retryable=False),
    JobFailedError("FAIL", error_code="IMG.0060", retryable=True),
    JobTimeoutError("late"),
    RequestRejectedError("no", status=400, code="IMG.0003", request_id="r1", remedy="rename it."),
    ThrottledError("slow", status=429),
    InvalidInputError("region: missing"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_its_own_class_with_its_words(error: ImsAirflowError) -> None:
    event = parse_event(event_of_error("j1", error).payload())
    with pytest.raises(type(error)) as caught:
        event.outcome()
    assert str(caught.value) == str(error)
    assert caught.value.retryable == error.retryable


def test_an_event_about_something_else_is_told_and_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    event, log = Event("j1", result={}), logging.getLogger("task")
    assert event.is_about("j1", log)
    assert caplog.messages == []
    assert not event.is_about("j2", log)
    assert caplog.messages == ["An event about j1 came, not about j2: waiting on"]


def test_a_result_arrives() -> None:
    event = parse_event(Event("j1", result={"image_id": "i1"}).payload())
    assert (event.subject, dict(event.outcome())) == ("j1", {"image_id": "i1"})


def test_of_foreign_errors_only_the_name_is_told() -> None:
    event = event_of_error("j1", RuntimeError("Authorization: SECRET"))
    assert "SECRET" not in str(event.payload())
    assert "RuntimeError" in event.message
    with pytest.raises(JobNotFollowedError):
        event.outcome()


def test_only_a_passed_deadline_names_one() -> None:
    late = JobTimeoutError("late", deadline="execution_timeout")
    with pytest.raises(JobTimeoutError) as caught:
        parse_event(event_of_error("j1", late).payload()).outcome()
    assert caught.value.deadline == "execution_timeout"
    assert not event_of_error("j1", ApiError("x")).deadline


@pytest.mark.parametrize("payload", [None, [], "x", {}, {"status": "done"}, {"status": "success"}])
def test_an_event_of_another_shape_is_never_a_success(payload: Any) -> None:
    with pytest.raises(JobNotFollowedError):
        parse_event(payload).outcome()
