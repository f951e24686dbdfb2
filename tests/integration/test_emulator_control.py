"""The control path, the server itself, and the process that the command starts."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from emulator_caller import KEY, Caller

from ims_airflow.emulator import EmulatorServer, Settings, serve
from ims_airflow.exceptions import InvalidInputError

PROCESS = "from ims_airflow.emulator import serve; serve()"


@pytest.fixture
def caller(emulator: EmulatorServer) -> Caller:
    return Caller(emulator)


def control(caller: Caller, method: str, path: str, body: Any = None) -> Any:
    answer = caller.send(method, f"/_emulator{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_health(caller: Caller) -> None:
    assert control(caller, "GET", "/health")["status"] == "ok"


def test_faults_are_set_shown_and_removed(caller: Caller) -> None:
    first = control(caller, "POST", "/faults", {"status": 503, "match": {"service": "ims"}})["id"]
    control(caller, "POST", "/faults", {"drop": "reset", "match": {"path": "^/never$"}})
    assert caller.gateway("GET", "/v2/cloudimages").status_code == 503
    assert [one["met"] for one in control(caller, "GET", "/faults")] == [1, 0]
    control(caller, "DELETE", f"/faults/{first}")
    assert caller.gateway("GET", "/v2/cloudimages").status_code == 200
    control(caller, "DELETE", "/faults")
    assert caller.server.faults() == []


def test_settings_and_clock(caller: Caller) -> None:
    shown = control(caller, "PATCH", "/settings", {"job_seconds": 50, "buckets": ["image-test", "another"]})
    assert shown["job_seconds"] == 50
    assert control(caller, "GET", "/settings") == shown
    assert caller.obs("HEAD", bucket="another").status_code == 200
    job_id = caller.submitted()
    before = control(caller, "GET", "/clock")["now"]
    assert control(caller, "POST", "/clock", {"advance": 51})["now"] > before
    assert caller.job(job_id)["status"] == "SUCCESS"


def test_jobs_and_images(caller: Caller) -> None:
    control(caller, "PATCH", "/settings", {"job_advance": "hand"})
    control(caller, "POST", "/objects", {"bucket": "image-test", "key": KEY, "text": "x", "size": 10})
    ids = [caller.submit(name, tags=["a.b"]).json()["job_id"] for name in ("one", "two", "three")]
    assert control(caller, "POST", f"/jobs/{ids[0]}/advance", {"steps": 2}) == {"status": "RUNNING"}
    reason = {"error_code": "IMG.0061", "fail_reason": "by hand", "where": "entities"}
    assert control(caller, "POST", f"/jobs/{ids[1]}/fail", reason) == {"status": "FAIL"}
    assert control(caller, "POST", f"/jobs/{ids[2]}/succeed") == {"status": "SUCCESS"}
    assert [one["status"] for one in control(caller, "GET", "/jobs")] == ["RUNNING", "FAIL", "SUCCESS"]
    assert [one["name"] for one in control(caller, "GET", "/submissions")] == ["one", "two", "three"]
    images = control(caller, "GET", "/images")
    assert [one["status"] for one in images] == ["saving", "killed", "active"]
    assert images[0]["tags"] == ["a=b"]
    assert caller.job(ids[1])["entities"]["error"] == "by hand"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/faults", {"status": 503, "tiems": 1}, 400),
        ("POST", "/faults", [], 400),
        ("PATCH", "/settings", {"nonsense": 1}, 400),
        ("POST", "/clock", {}, 404),
        ("POST", "/clock", {"advance": "soon"}, 400),
        ("POST", f"/jobs/{'0' * 32}/fail", {}, 404),
        ("GET", "/nothing", None, 404),
    ],
)
def test_a_mistake_is_told(caller: Caller, method: str, path: str, body: Any, status: int) -> None:
    answer = caller.send(method, f"/_emulator{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_control_requests_are_neither_journaled_nor_struck(caller: Caller) -> None:
    caller.server.add_fault({"drop": "reset"})
    control(caller, "GET", "/health")
    assert control(caller, "GET", "/journal") == []


def test_the_journal_tells_what_was_asked_and_no_secret(caller: Caller) -> None:
    settings = caller.settings
    caller.images(name="fedora")
    caller.obs("PUT", "key", b"x")
    user = {
        "name": settings.user_name,
        "password": settings.password,
        "domain": {"name": settings.domain_name},
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    token = caller.send("POST", "/v3/auth/tokens", json={"auth": {"identity": identity}}).headers[
        "X-Subject-Token"
    ]
    caller.send("GET", "/v3/projects", headers={"X-Auth-Token": token})
    journal = control(caller, "GET", "/journal")
    told = [(one["service"], one["method"], one["path"], one["status"], one["signed"]) for one in journal]
    assert told == [
        ("ims", "GET", "/v2/cloudimages", 200, "SDK-HMAC-SHA256"),
        ("obs", "PUT", "/image-test/key", 200, "OBS"),
        ("iam", "POST", "/v3/auth/tokens", 201, ""),
        ("iam", "GET", "/v3/projects", 200, "token"),
    ]
    assert journal[0]["query"] == {"name": "fedora"}
    assert control(caller, "GET", "/journal?service=obs") == journal[1:2]
    for secret in (settings.ak, settings.sk, settings.password, token):
        assert secret not in str(journal)


def test_the_journal_is_bounded() -> None:
    with EmulatorServer(Settings(journal_size=3)) as server:
        caller = Caller(server)
        for _ in range(5):
            caller.images()
        assert [one["number"] for one in server.journal()] == [3, 4, 5]


def test_reset_forgets_everything(caller: Caller) -> None:
    caller.submitted()
    caller.server.configure(job_seconds=77)
    caller.server.add_fault({"status": 503})
    caller.server.advance(1000)
    caller.server.reset()
    assert caller.server.submissions() == []
    assert caller.server.journal() == []
    assert caller.images() == []
    assert caller.obs("HEAD", KEY).status_code == 404
    assert control(caller, "GET", "/settings")["job_seconds"] == 2.0


def test_a_server_starts_quickly_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    begun = time.monotonic()
    with EmulatorServer() as server:
        assert time.monotonic() - begun < 0.5
        server.put_object("image-test", KEY, b"x")
        assert len(list(tmp_path.glob("*/*"))) == 1
        address = urlsplit(server.url)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port), timeout=1)


def test_a_refused_upload_costs_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with EmulatorServer() as server:
        Caller(server).obs("PUT", "key", b"x", bucket="no-such")
        Caller(server).send("PUT", "/image-test/key", data=b"x", headers={"Authorization": "OBS a:b"})
        assert list(tmp_path.glob("*/*")) == []


def test_an_answer_that_is_waited_for_does_not_keep_the_server_up() -> None:
    with EmulatorServer() as server:
        server.add_fault({"delay": 60})
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{server.url}/v2/cloudimages", timeout=0.05)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5


def test_a_taken_port_is_told() -> None:
    with EmulatorServer() as server, pytest.raises(OSError, match="address already in use"):
        EmulatorServer(port=urlsplit(server.url).port or 0).start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])
def test_only_loopback_unless_asked(host: str) -> None:
    with pytest.raises(InvalidInputError, match="loopback"):
        EmulatorServer(host=host)
    with pytest.raises(InvalidInputError, match="loopback"):
        serve(host=host)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_announces_itself_and_ends_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROCESS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert requests.get(f"{url}/_emulator/health", timeout=5).json()["status"] == "ok"
        process.send_signal(number)
        assert process.wait(timeout=5) == 0
