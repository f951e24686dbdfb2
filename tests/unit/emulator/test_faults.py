from __future__ import annotations

import json
from typing import Any

import pytest

from ims_airflow.emulator.faults import Fault, Faults
from ims_airflow.emulator.spoiling import HUGE, spoiled
from ims_airflow.emulator.wire import Ask, json_reply
from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.message import Service

POST = Ask("POST", "/v1/cloudimages/dataimages/action")
GET = Ask("GET", "/v2/cloudimages")
REPLY = json_reply({"images": [{"id": "1", "min_disk": 40}]})


def hits(data: dict[str, Any], asks: list[Ask], *, step: float = 0.0) -> list[bool]:
    faults = Faults()
    faults.add(Fault.from_data(data), 0.0)
    return [faults.strike(ask, Service.IMS, number * step) is not None for number, ask in enumerate(asks)]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, [True, True]),
        ({"service": "ims"}, [True, True]),
        ({"service": "obs"}, [False, False]),
        ({"method": "post"}, [True, False]),
        ({"path": "dataimages"}, [True, False]),
        ({"path": "^/v2/"}, [False, True]),
    ],
)
def test_what_a_fault_meets(match: dict[str, str], expected: list[bool]) -> None:
    assert hits({"match": match, "status": 503}, [POST, GET]) == expected


def test_skip_and_times_count_matching_requests_only() -> None:
    data = {"match": {"method": "GET"}, "skip": 1, "times": 2, "status": 503}
    assert hits(data, [GET, POST, GET, GET, GET]) == [False, False, True, True, False]


def test_a_fault_can_end_by_time() -> None:
    assert hits({"for_seconds": 25, "status": 503}, [GET] * 4, step=10) == [True, True, True, False]


def test_chance_is_repeatable() -> None:
    data = {"probability": 0.3, "seed": 7, "status": 503}
    first = hits(data, [GET] * 200)
    assert first == hits(data, [GET] * 200)
    assert 30 < sum(first) < 90


def test_the_first_fault_that_is_due_strikes() -> None:
    faults = Faults()
    faults.add(Fault.from_data({"times": 1, "status": 500}), 0)
    second = faults.add(Fault.from_data({"status": 503}), 0)
    faults.strike(GET, Service.IMS, 0)
    assert (faults.strike(GET, Service.IMS, 0) or (0,))[0] == second
    assert [(one["status"], one["met"]) for one in faults.listing()] == [(500, 1), (503, 1)]
    faults.clear(second)
    assert faults.strike(GET, Service.IMS, 0) is None


@pytest.mark.parametrize(
    ("data", "replaces"),
    [
        ({"status": 503}, True),
        ({"status": 503, "delay": 1}, True),
        ({"status": 503, "when": "after"}, False),
        ({"drop": "reset"}, True),
        ({"drop": "close", "when": "after"}, False),
        ({"drop": "half"}, False),
        ({"malform": "cut"}, False),
        ({"delay": 1}, False),
        ({"delay": 1, "when": "before"}, False),
        ({"redirect": "http://localhost"}, True),
    ],
)
def test_whether_the_work_is_done(data: dict[str, Any], *, replaces: bool) -> None:
    assert Fault.from_data(data).replaces is replaces


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({}, "nothing"),
        ({"status": 503, "tiems": 1}, "tiems"),
        ({"match": {"verb": "GET"}, "status": 503}, "verb"),
        ({"match": {"path": "("}, "status": 503}, "unterminated"),
        ({"match": {"service": "ecs"}, "status": 503}, "service"),
        ({"drop": "softly"}, "drop"),
        ({"malform": "nicely"}, "malform"),
        ({"status": 503, "when": "never"}, "when"),
    ],
)
def test_a_mistake_in_a_fault_is_told(data: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        Fault.from_data(data)


def test_a_job_fault_meets_jobs_and_no_requests() -> None:
    faults = Faults()
    data = {"job": {"match_name": "^bad", "error_code": "IMG.0059", "where": "entities"}, "times": 1}
    faults.add(Fault.from_data(data), 0)
    assert faults.strike(POST, Service.IMS, 0) is None
    assert faults.doom("good", 0) is None
    failure = faults.doom("bad one", 0)
    assert failure is not None
    assert (failure.code, failure.where) == ("IMG.0059", "entities")
    assert faults.doom("bad two", 0) is None
    assert faults.listing()[0]["job"]["error_code"] == "IMG.0059"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error_code": "APIGW.0308"}, "application/json"),
        ('{"a": 1}', "application/json"),
        ("<html><body>502</body></html>", "text/html"),
        ("<Error><Code>SlowDown</Code></Error>", "application/xml"),
        ("", None),
    ],
)
def test_a_body_brings_its_content_type(body: Any, kind: str | None) -> None:
    reply = spoiled(Fault.from_data({"status": 502, "body": body}), REPLY)
    assert reply.status == 502
    assert reply.headers.get("Content-Type") == kind


def test_a_redirect() -> None:
    reply = spoiled(Fault.from_data({"redirect": "http://127.0.0.2/x"}), REPLY)
    assert (reply.status, reply.headers["Location"]) == (307, "http://127.0.0.2/x")


def test_malformed_answers() -> None:
    def body(how: str) -> bytes:
        return spoiled(Fault.from_data({"malform": how}), REPLY).body

    assert REPLY.body.startswith(body("cut"))
    assert len(body("cut")) == len(REPLY.body) // 2
    assert json.loads(body("types")) == {"images": {"0": [{"id": {"value": "1"}, "min_disk": [40]}]}}
    assert json.loads(body("fields"))["images"][0]["min_disk"] == 40
    assert "x_new_field" in json.loads(body("fields"))["images"][0]
    assert spoiled(Fault.from_data({"malform": "huge"}), REPLY).size == HUGE
    with pytest.raises(UnicodeDecodeError):
        json.loads(body("text"))
