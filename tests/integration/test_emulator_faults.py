"""Faults over HTTP: what a client sees, whether the work was done, what the journal says."""

from __future__ import annotations

import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from emulator_caller import KEY, SUBMIT, Caller

from ims_airflow.emulator import EmulatorServer

LIST = "/v2/cloudimages"


@pytest.fixture
def caller(emulator: EmulatorServer) -> Caller:
    emulator.put_object("image-test", KEY, b"x" * 1000)
    return Caller(emulator)


def last(caller: Caller) -> dict[str, Any]:
    return caller.server.journal()[-1]


def raw_answer(caller: Caller) -> tuple[bytes, str]:
    """Ask on a bare socket: everything that came, and how the connection ended."""
    parts = urlsplit(caller.server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(f"GET {LIST} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        found = b""
        try:
            while data := connection.recv(65536):
                found += data
        except ConnectionResetError:
            return found, "reset"
    return found, "closed"


@pytest.mark.parametrize(
    ("fault", "content_type", "text"),
    [
        (
            {"status": 429, "body": {"error_code": "APIGW.0308"}, "headers": {"Retry-After": "3"}},
            "application/json",
            "0308",
        ),
        ({"status": 503, "body": "<html>maintenance</html>"}, "text/html", "maintenance"),
        ({"status": 502}, None, ""),
        ({"status": 400, "body": {"error": {"code": "IMG.0060"}}}, "application/json", "IMG.0060"),
    ],
)
def test_an_answer_is_replaced(
    caller: Caller, fault: dict[str, Any], content_type: str | None, text: str
) -> None:
    number = caller.server.add_fault({"match": {"path": "dataimages"}, "times": 1, **fault})
    answer = caller.submit()
    assert answer.status_code == fault["status"]
    assert text in answer.text
    assert content_type is None or answer.headers["Content-Type"] == content_type
    assert answer.headers.get("Retry-After") == fault.get("headers", {}).get("Retry-After")
    assert caller.server.submissions() == []
    assert (last(caller)["outcome"], last(caller)["fault"]) == ("answered", number)
    assert caller.submit().status_code == 200


@pytest.mark.parametrize("drop", ["reset", "close"])
@pytest.mark.parametrize(("when", "accepted"), [("before", 0), ("after", 1)])
def test_an_answer_is_dropped_before_or_after_the_work(
    caller: Caller, drop: str, when: str, accepted: int
) -> None:
    caller.server.add_fault({"match": {"path": "dataimages"}, "drop": drop, "when": when})
    with pytest.raises(requests.ConnectionError):
        caller.submit()
    assert len(caller.server.submissions()) == accepted
    assert (last(caller)["status"], last(caller)["outcome"]) == (None, "dropped")


@pytest.mark.parametrize(("drop", "end"), [("reset", "reset"), ("close", "closed")])
def test_a_reset_is_a_reset_and_a_close_is_a_close(caller: Caller, drop: str, end: str) -> None:
    caller.server.add_fault({"drop": drop})
    assert raw_answer(caller) == (b"", end)


def test_half_an_answer_promises_the_whole(caller: Caller) -> None:
    caller.server.add_fault({"drop": "half"})
    found, end = raw_answer(caller)
    head, _, body = found.partition(b"\r\n\r\n")
    promised = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    assert len(body) == int(promised.split(b":")[1]) // 2
    assert end == "closed"
    with pytest.raises(requests.RequestException):
        caller.submit()
    assert len(caller.server.submissions()) == 1


def test_half_of_an_object(caller: Caller) -> None:
    caller.server.add_fault({"match": {"service": "obs"}, "drop": "half"})
    with pytest.raises(requests.RequestException):
        caller.obs("GET", KEY)
    assert last(caller)["outcome"] == "dropped"


def test_an_answer_comes_late(caller: Caller) -> None:
    caller.server.add_fault({"delay": 0.08})
    begun = time.monotonic()
    assert caller.images() == []
    assert time.monotonic() - begun >= 0.08


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_keeps_no_work_from_being_done(caller: Caller, when: str) -> None:
    caller.server.add_fault({"match": {"path": "dataimages"}, "delay": 0.01, "when": when})
    assert caller.submit().status_code == 200
    assert len(caller.server.submissions()) == 1


def test_a_client_that_gives_up_leaves_the_work_done(caller: Caller) -> None:
    caller.server.add_fault({"match": {"path": "dataimages"}, "delay": 60})
    caller.session.request = _impatient(caller.session.request)  # type: ignore[method-assign]
    with pytest.raises(requests.ReadTimeout):
        caller.submit()
    assert len(caller.server.submissions()) == 1


def _impatient(ask: Any) -> Any:
    return lambda *args, **how: ask(*args, **{**how, "timeout": 0.05})


def test_an_answer_drips(caller: Caller) -> None:
    caller.server.add_fault({"match": {"service": "obs"}, "drip": 20_000})
    begun = time.monotonic()
    assert caller.obs("GET", KEY).content == b"x" * 1000
    assert time.monotonic() - begun >= 0.04


@pytest.mark.parametrize("how", ["cut", "types", "fields", "text"])
def test_an_answer_is_malformed(caller: Caller, how: str) -> None:
    caller.server.add_fault({"match": {"path": "dataimages"}, "malform": how})
    answer = caller.submit()
    assert answer.status_code == 200
    assert len(caller.server.submissions()) == 1
    if how in {"cut", "text"}:
        with pytest.raises(requests.JSONDecodeError):
            answer.json()
    else:
        assert answer.json() != {"job_id": caller.server.submissions()[0]["job_id"]}


def test_an_answer_of_a_hundred_megabytes(caller: Caller) -> None:
    caller.server.add_fault({"malform": "huge"})
    answer = caller.send("GET", LIST, stream=True)
    assert answer.headers["Content-Length"] == "100000000"
    assert answer.raw.read(10) == bytes(10)
    answer.close()


def test_a_redirect(caller: Caller) -> None:
    caller.server.add_fault({"redirect": "http://localhost:1/elsewhere", "status": 302})
    answer = caller.gateway("GET", LIST)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost:1/elsewhere")


def test_trouble_lasts_in_the_emulators_time(caller: Caller) -> None:
    caller.server.add_fault({"match": {"path": "cloudimages"}, "status": 503, "for_seconds": 600})
    assert caller.gateway("GET", LIST).status_code == 503
    caller.server.advance(601)
    assert caller.gateway("GET", LIST).status_code == 200


@pytest.mark.parametrize("where", ["top", "entities", "sub_jobs", "nowhere"])
def test_a_job_is_bound_to_fail(caller: Caller, where: str) -> None:
    caller.server.configure(job_seconds=0)
    reason = {"match_name": "^bad", "error_code": "IMG.0059", "fail_reason": "too big", "where": where}
    caller.server.add_fault({"job": reason, "times": 1})
    bad, good, worse = caller.submitted("bad"), caller.submitted("good"), caller.submitted("bad again")
    answer = caller.job(bad)
    assert answer["status"] == "FAIL"
    assert ("too big" in json.dumps(answer)) is (where != "nowhere")
    assert [caller.job(one)["status"] for one in (good, worse)] == ["SUCCESS", "SUCCESS"]


def test_an_upload_that_is_refused_leaves_nothing(caller: Caller) -> None:
    caller.server.add_fault({"match": {"service": "obs", "method": "PUT"}, "status": 503})
    assert caller.obs("PUT", "new", b"x").status_code == 503
    caller.server.clear_faults()
    assert caller.obs("HEAD", "new").status_code == 404


def test_a_submit_is_matched_by_its_path(caller: Caller) -> None:
    caller.server.add_fault(
        {"match": {"service": "ims", "method": "POST", "path": f"^{SUBMIT}$"}, "status": 500}
    )
    assert caller.gateway("GET", LIST).status_code == 200
    assert caller.submit().status_code == 500
