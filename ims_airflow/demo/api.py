"""The few calls of Airflow's REST API that the demo and the system tests need."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from ims_airflow.demo.failure import DemoError

FINAL = frozenset({"success", "failed"})
_ATTEMPTS = 5


class AnotherServerError(DemoError):
    """Raised when somebody else's server answers at the address."""


class _AbsentError(DemoError):
    """There is no such thing."""


class _DatabaseError(DemoError):
    """The database was busy for too long, so that the server took back whatever the call had done."""


class AirflowApi:
    """A client of one API server in all-admins mode.

    :param url: its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor ~/.netrc has a say on loopback

    def is_up(self) -> bool:
        """Whether the server answers, also for workers: that part of it is built at the first call."""
        try:
            return self._session.get(f"{self.url}/execution/health", timeout=20).ok
        except requests.RequestException:
            return False

    def log_in(self, jwt_secret: str) -> None:
        """Get a token.

        :param jwt_secret: of the server that this should be; another one may have been given its port.
        :raises AnotherServerError: another server answers at this address.
        """
        answer = self._session.get(f"{self.url}/auth/token", timeout=20)
        try:
            token = answer.json()["access_token"]
        except (ValueError, LookupError, TypeError):
            token = ""
        if not _signed_with(jwt_secret, token):
            raise AnotherServerError(f"another server listens on {self.url}")
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Make a call and return the JSON of its answer.

        :param path: below ``/api/v2``.
        :param arguments: of ``requests``, such as ``json`` and ``params``.
        :raises DemoError: the server answered with an error; its words are in the message.
        """
        again = Retrying(
            retry=retry_if_exception_type(_DatabaseError), stop=stop_after_attempt(_ATTEMPTS), reraise=True
        )
        return again(self._call, method, path, **arguments)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._session.request(method, f"{self.url}/api/v2{path}", timeout=30, **arguments)
        if answer.ok:
            return answer.json() if answer.content else None
        detail = _detail(answer)
        kind = DemoError
        if answer.status_code == HTTPStatus.NOT_FOUND:
            kind = _AbsentError
        elif answer.status_code >= 500 and "Database error" in detail:
            kind = _DatabaseError
        raise kind(f"Airflow answered {method} {path} with {answer.status_code}: {detail}")

    def health(self) -> Mapping[str, str | None]:
        """Return ``healthy`` or another word for each component."""
        return {name: part["status"] for name, part in self.call("GET", "/monitor/health").items()}

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG processor has brought the DAG in."""
        answer = self._session.get(f"{self.url}/api/v2/dags/{dag_id}", timeout=30)
        return answer.status_code == HTTPStatus.OK

    def import_errors(self) -> list[str]:
        """Return the stack traces of the DAG files that cannot be imported."""
        return [row["stack_trace"] for row in self.call("GET", "/importErrors")["import_errors"]]

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        run_id: str = self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        state: str = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float, states: Iterable[str] = FINAL) -> str:
        """Wait until a run has one of some states and return it.

        :param timeout: seconds.
        :raises DemoError: it took longer.
        """
        end = time.monotonic() + timeout
        while (state := self.run_state(dag_id, run_id)) not in states:
            if time.monotonic() > end:
                raise DemoError(f"the run {run_id} is still {state} after {timeout:.0f} s")
            time.sleep(0.3)
        return state

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the newest try of each task of a run."""
        rows: list[dict[str, Any]] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")[
            "task_instances"
        ]
        return rows

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run, None before it is scheduled."""
        return {row["task_id"]: row["state"] for row in self.task_instances(dag_id, run_id)}

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, states: Iterable[str], *, timeout: float
    ) -> str:
        """Wait until a task has one of some states and return it.

        :param timeout: seconds.
        :raises DemoError: it took longer.
        """
        wanted = frozenset(states)
        end = time.monotonic() + timeout
        while (state := self.task_states(dag_id, run_id).get(task_id)) not in wanted:
            if time.monotonic() > end:
                raise DemoError(f"the task {task_id} is {state} after {timeout:.0f} s")
            time.sleep(0.3)
        return str(state)

    def log(
        self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, *, map_index: int | None = None
    ) -> list[str]:
        """Return the lines of a task's log, the trigger's among them."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        # requests leaves out what is None
        answer = self.call("GET", path, params={"full_content": "true", "map_index": map_index})
        return [_log_line(entry) for entry in answer["content"]]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Return a value that a task has handed over, None when there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        try:
            return self.call("GET", path, params={"deserialize": "true"})["value"]
        except _AbsentError:
            return None

    def rendered(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """Return the rendered template fields of a task."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        fields: dict[str, Any] = self.call("GET", path)["rendered_fields"]
        return fields

    def clear(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        """Make tasks run again."""
        body = {"dag_run_id": run_id, "task_ids": list(task_ids), "dry_run": False, "only_failed": False}
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def set_state(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Mark a task, as a person does in the UI."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        self.call("PATCH", path, json={"new_state": state})


def _signed_with(secret: str, token: str) -> bool:
    payload, _, signature = token.rpartition(".")
    expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha512).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(expected).rstrip(b"=").decode(), signature)


def _detail(answer: requests.Response) -> str:
    try:
        detail = answer.json().get("detail", answer.text)
    except (ValueError, AttributeError):
        detail = answer.text
    return str(detail)[:2000]


def _log_line(entry: str | Mapping[str, Any]) -> str:
    if isinstance(entry, str):
        return entry
    errors = [f"{one['exc_type']}: {one['exc_value']}" for one in entry.get("error_detail") or ()]
    return " ".join([str(entry.get("level", "")).upper(), str(entry.get("event", "")), *errors]).strip()
