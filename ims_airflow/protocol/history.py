"""What became of the task instances of a DAG, found again by the digest in an image's marker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ims_airflow.protocol.origin import Origin, digest_in

# States of Airflow in which a task instance is over and has not done what it should.
LEFT = frozenset({"failed", "upstream_failed", "skipped", "removed"})
SUCCESS = "success"

# Of each run, the state of each task instance under its key: task_id, or task_id_<map_index> where mapped.
States = Mapping[str, Mapping[str, str | None]]

_MAPPED = re.compile(r"(?P<task_id>.+)_(?P<map_index>0|[1-9][0-9]{0,8})")


class History:
    """The task instances of one DAG.

    :param states: as Airflow tells them to a worker. A key such as ``create_3`` can be the task ``create_3``
        or the fourth instance of ``create``; both readings are kept, and the digest tells which one is meant.
    """

    def __init__(self, dag_id: str, states: States) -> None:
        self._found: dict[str, list[tuple[Origin, str | None]]] = {}
        for run_id, tasks in states.items():
            for key, state in tasks.items():
                for origin in _readings(dag_id, run_id, key):
                    self._found.setdefault(origin.digest, []).append((origin, state))

    def origins(self, marker: str) -> list[Origin]:
        """Return the task instances that may have sent a marker; rarely more than one."""
        return [origin for origin, _ in self._found.get(digest_in(marker), ())]

    def succeeded(self, marker: str) -> bool:
        """Whether the task instance of a marker succeeded."""
        return SUCCESS in self._states(marker)

    def objection(self, marker: str) -> str:
        """Return why an image with this marker is not left behind, empty when it is."""
        states = self._states(marker)
        if not states:
            return "this Airflow knows no task instance that asked for it"
        return next((f"its task is {_named(state)}" for state in states if state not in LEFT), "")

    def _states(self, marker: str) -> list[str | None]:
        return [state for _, state in self._found.get(digest_in(marker), ())]


def state_of(origin: Origin, states: States) -> str:
    """Return the state of one task instance from an answer about its task alone, in words."""
    key = origin.task_id if origin.map_index < 0 else f"{origin.task_id}_{origin.map_index}"
    tasks = states.get(origin.run_id, {})
    return _named(tasks[key]) if key in tasks else "unknown"


def _named(state: str | None) -> str:
    return state or "not scheduled"


def _readings(dag_id: str, run_id: str, key: str) -> Iterator[Origin]:
    yield Origin(dag_id, run_id, key)
    if found := _MAPPED.fullmatch(key):
        yield Origin(dag_id, run_id, found["task_id"], int(found["map_index"]))
