"""Airflow's API with answers that a test has written: states and moments that a real one has only in passing.

The shapes are those of Airflow 3.3; that the page also understands a real Airflow is tested beside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route

from ims_airflow.demo.port import free_port
from ims_airflow.plugin.files import PageFiles

PREFIX = "/team/airflow"  # as behind a proxy: below a path of its own


def moment(seconds_ago: float) -> str:
    """Spell a time of the past as Airflow does."""
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).isoformat()


class ScriptedAirflow:
    """Task instances and what they have handed over, as the page can ask for them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tasks: list[dict[str, Any]] = []
        self.handed_over: dict[tuple[str, str, int, str], tuple[str, Any]] = {}
        self.links: dict[str, str | None] = {}
        self.refusals: dict[str, int] = {}  # status by a part of the path
        self.paths: list[str] = []

    def reset(self) -> None:
        """Forget everything."""
        self.tasks, self.handed_over, self.links = [], {}, {}
        self.refusals, self.paths = {}, []

    def add(
        self,
        operator: str,
        state: str | None,
        *,
        started: float | None = None,
        ended: float | None = None,
        **fields: Any,
    ) -> None:
        """Add a task instance.

        :param started: seconds ago.
        :param ended: seconds ago.
        :param fields: more of its fields, such as ``task_id``, ``dag_run_id`` and ``rendered_fields``.
        """
        self.tasks.append(
            {
                "id": f"0000-{len(self.tasks)}",
                "dag_id": "nightly",
                "dag_run_id": "manual__1",
                "task_id": operator,
                "map_index": -1,
                "try_number": 1,
                "operator": operator,
                "state": state,
                "start_date": None if started is None else moment(started),
                "end_date": None if ended is None else moment(ended),
                "rendered_fields": {},
            }
            | fields
        )

    def hand_over(
        self,
        task_id: str,
        key: str,
        value: Any,
        run: str = "manual__1",
        map_index: int = -1,
        seconds_ago: float = 0,
    ) -> None:
        """Set an XCom."""
        self.handed_over[run, task_id, map_index, key] = (moment(seconds_ago), value)

    async def answer(self, request: Request) -> Response:
        """Answer as Airflow would."""
        path = request.url.path.partition("/api/v2/")[2]
        self.paths.append(path)
        for part, status in self.refusals.items():
            if part in path:
                return JSONResponse({"detail": "scripted"}, status)
        if path == "dags/~/dagRuns/~/taskInstances":
            return self._task_instances(request)
        if path.startswith("dags/~/"):
            return self._entries(request)
        _, _, _, run, _, task_id, kind, *key = path.split("/")
        if kind == "links":
            return JSONResponse({"extra_links": self.links, "total_entries": len(self.links)})
        index = int(request.query_params["map_index"])
        if (found := self.handed_over.get((run, task_id, index, "/".join(key)))) is None:
            return JSONResponse({"detail": "not found"}, 404)
        return JSONResponse({"key": key[0], "value": found[1]})

    def _task_instances(self, request: Request) -> Response:
        states = {None if state == "none" else state for state in request.query_params.getlist("state")}
        operators = request.query_params.getlist("operator")
        found = [task for task in self.tasks if task["state"] in states and task["operator"] in operators]
        shown = found[: int(request.query_params["limit"])]  # in the order in which they were added
        return JSONResponse({"task_instances": shown, "total_entries": len(found)})

    def _entries(self, request: Request) -> Response:
        entries = [
            {
                "dag_id": "nightly",
                "run_id": run,
                "task_id": task_id,
                "map_index": index,
                "key": key,
                "timestamp": at,
            }
            for (run, task_id, index, key), (at, _) in self.handed_over.items()
            if key.startswith("ims_")
        ]
        entries.sort(key=lambda entry: str(entry["timestamp"]), reverse=True)
        shown = entries[: int(request.query_params["limit"])]
        return JSONResponse({"xcom_entries": shown, "total_entries": len(entries)})

    def host(self, request: Request) -> Response:
        """Return a page that shows ours as Airflow 3.3 does: in a frame, which may not leave its window."""
        theme = request.query_params.get("theme", "light")
        rights = "allow-scripts allow-same-origin allow-forms allow-downloads"
        style = "border:0;display:block;width:100%;height:100vh"
        frame = f'<iframe sandbox="{rights}" src="{PREFIX}/ims-images/" style="{style}"></iframe>'
        return HTMLResponse(
            f'<!doctype html><html class="{theme}"><body style="margin:0">{frame}</body></html>'
        )


@contextmanager
def scripted_airflow() -> Iterator[ScriptedAirflow]:
    """Serve it on a free port of loopback."""
    port = free_port()
    airflow = ScriptedAirflow(f"http://127.0.0.1:{port}{PREFIX}")
    inner = [
        Mount("/ims-images", PageFiles()),
        Route("/api/v2/{path:path}", airflow.answer),
        Route("/plugin/ims-images", airflow.host),
        Route("/{path:path}", lambda request: HTMLResponse(f"<title>{request.url.path}</title>")),
    ]
    config = uvicorn.Config(
        Starlette(routes=[Mount(PREFIX, routes=inner)]), "127.0.0.1", port, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="scripted-airflow", daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield airflow
    finally:
        server.should_exit = True
        thread.join()
