"""Runs an operator as Airflow does, without its database: deferrals are serialized, triggers really run."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import TaskDeferred


def locate(path: str) -> Any:
    """Import what a class path names, as the triggerer does."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@dataclass
class StateStore:
    """The task state store: survives tries."""

    entries: dict[str, str] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.entries[key]) if key in self.entries else default

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.entries[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.entries.pop(key, None)


@dataclass
class TaskInstance:
    """What our operators use of a task instance: who it is, XComs, the number of the try, and its peers.

    :param upstream: XComs of others, by task_id, map_index and key.
    :param peers: state of each task instance of its DAG, by run_id, task_id and map_index.
    """

    try_number: int = 1
    max_tries: int = 3
    xcoms: dict[str, Any] = field(default_factory=dict)
    upstream: dict[tuple[str, int, str], Any] = field(default_factory=dict)
    dag_id: str = "nightly"
    run_id: str = "manual__1"
    task_id: str = "create"
    map_index: int = -1
    peers: dict[tuple[str, str, int], str | None] = field(default_factory=dict)
    questions: list[dict[str, Any]] = field(default_factory=list)

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))

    def xcom_pull(self, task_ids: str | None, key: str, map_indexes: int) -> Any:
        return self.xcoms.get(key) if task_ids is None else self.upstream.get((task_ids, map_indexes, key))

    def get_task_states(
        self,
        dag_id: str,
        map_index: int | None = None,
        task_ids: list[str] | None = None,
        run_ids: list[str] | None = None,
    ) -> dict[str, dict[str, str | None]]:
        """Answers as Airflow's API server does, keys of mapped instances included."""
        self.questions.append({"dag_id": dag_id, "task_ids": task_ids, "run_ids": run_ids})
        found: dict[str, dict[str, str | None]] = {}
        for (run_id, task_id, index), state in self.peers.items():
            wanted = (
                dag_id == self.dag_id
                and (map_index is None or index == map_index)
                and (not task_ids or task_id in task_ids)
                and (not run_ids or run_id in run_ids)
            )
            if wanted:
                found.setdefault(run_id, {})[task_id if index < 0 else f"{task_id}_{index}"] = state
        return found

    def get_first_reschedule_date(self, context: Any) -> None:
        return None


@dataclass
class Task:
    """One task across its tries.

    :param make: builds the operator; called anew for each leg, as a worker does.
    """

    make: Callable[[], BaseOperator]
    store: StateStore = field(default_factory=StateStore)
    ti: TaskInstance = field(default_factory=TaskInstance)
    deferrals: list[str] = field(default_factory=list)
    payloads: list[Any] = field(default_factory=list)
    operators: list[BaseOperator] = field(default_factory=list)
    outlet_events: Any = None

    @property
    def context(self) -> Any:
        return {"ti": self.ti, "task_state_store": self.store, "outlet_events": self.outlet_events}

    def made(self) -> BaseOperator:
        self.operators.append(self.make())
        return self.operators[-1]

    def run(self) -> Any:
        """Run one try to its end, deferrals included."""
        operator = self.made()
        try:
            return operator.execute(self.context)
        except TaskDeferred as deferred:
            return self._resume(deferred)

    def retry(self) -> Any:
        """Run the next try: XComs are gone, the state store is not."""
        self.ti = TaskInstance(self.ti.try_number + 1, self.ti.max_tries)
        return self.run()

    def clear(self) -> Any:
        """Run again after a person has cleared the task: that raises max_tries."""
        self.ti = TaskInstance(self.ti.try_number + 1, self.ti.try_number + 3)
        return self.run()

    def _resume(self, deferred: TaskDeferred) -> Any:
        path, arguments = deferred.trigger.serialize()
        self.deferrals.append(path)
        json.dumps(arguments, default=str)
        trigger = locate(path)(**arguments)
        event = asyncio.run(_first_event(trigger))
        payload = event.payload if path.startswith("airflow.") else json.loads(json.dumps(event.payload))
        self.payloads.append(payload)
        operator = self.made()
        try:
            return operator.resume_execution(deferred.method_name, {"event": payload}, self.context)
        except TaskDeferred as again:
            return self._resume(again)


async def _first_event(trigger: Any) -> Any:
    events = [event async for event in trigger.run()]
    assert len(events) == 1
    return events[0]
