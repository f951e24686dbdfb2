from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from ims_airflow.demo.api import AirflowApi, AnotherServerError
from ims_airflow.demo.failure import DemoError

SECRET = "the secret of this server"


def token(secret: str) -> str:
    signature = hmac.new(secret.encode(), b"header.payload", hashlib.sha512).digest()
    return "header.payload." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode()


class Answers(BaseHTTPRequestHandler):
    """An API server as Airflow's, as far as these tests ask it."""

    table: ClassVar[dict[str, tuple[int, Any]]] = {
        "/auth/token": (201, {"access_token": token(SECRET)}),
        "/api/v2/dags/d/dagRuns/r": (200, {"state": "running"}),
        "/api/v2/dags/gone": (404, {"detail": "no such DAG"}),
        "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/1?full_content=true&map_index=3": (
            200,
            {"content": ["the fourth"]},
        ),
        "/api/v2/dags/d/dagRuns/r/taskInstances/t/logs/2?full_content=true": (
            200,
            {
                "content": [
                    {"event": "hello", "level": "info", "timestamp": "now", "dag_id": "d"},
                    {
                        "event": "Task failed",
                        "level": "error",
                        "error_detail": [{"exc_type": "JobFailedError", "exc_value": "no space"}],
                    },
                ]
            },
        ),
    }

    busy: ClassVar[list[str]] = []  # paths that are answered once with the trouble of a locked SQLite

    def do_GET(self) -> None:
        status, body = self.table.get(self.path, (500, "not JSON"))
        if self.path in self.busy:
            self.busy.remove(self.path)
            status, body = 500, {"detail": {"reason": "Database error", "message": "Serious error"}}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode() if isinstance(body, str) else json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[AirflowApi]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    yield AirflowApi(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_server_with_our_secret_is_ours(api: AirflowApi) -> None:
    api.log_in(SECRET)


def test_another_server_on_the_port_is_recognised(api: AirflowApi) -> None:
    with pytest.raises(AnotherServerError, match="another server listens on http"):
        api.log_in("the secret of another server")


def test_airflow_s_own_words_are_passed_on(api: AirflowApi) -> None:
    with pytest.raises(DemoError, match="GET /dags/gone with 404: no such DAG"):
        api.call("GET", "/dags/gone")
    with pytest.raises(DemoError, match="with 500: not JSON"):
        api.call("GET", "/broken")
    assert not api.has_dag("gone")


def test_a_log_is_made_of_events_and_errors(api: AirflowApi) -> None:
    assert api.log("d", "r", "t", 2) == ["INFO hello", "ERROR Task failed JobFailedError: no space"]


def test_a_mapped_task_has_a_log_of_its_own(api: AirflowApi) -> None:
    assert api.log("d", "r", "t", map_index=3) == ["the fourth"]


def test_waiting_ends_at_the_limit(api: AirflowApi) -> None:
    assert api.wait_for_run("d", "r", timeout=1, states={"running"}) == "running"
    with pytest.raises(DemoError, match="still running after 0 s"):
        api.wait_for_run("d", "r", timeout=0)


def test_a_server_that_does_not_listen_is_not_up() -> None:
    assert not AirflowApi("http://127.0.0.1:1").is_up()


def test_a_call_that_found_the_database_busy_is_made_again(api: AirflowApi) -> None:
    path = "/api/v2/dags/d/dagRuns/r"
    Answers.busy += [path] * 2
    assert api.run_state("d", "r") == "running"
    assert path not in Answers.busy


def test_a_database_that_stays_busy_is_an_error_with_airflow_s_words(api: AirflowApi) -> None:
    Answers.busy += ["/api/v2/dags/d/dagRuns/r"] * 5
    with pytest.raises(DemoError, match=r"500: .*Database error"):
        api.run_state("d", "r")
    assert not Answers.busy
