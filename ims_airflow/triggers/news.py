"""How a trigger shows the state of an import: one XCom, written beside the looks at the job."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from ims_airflow.protocol.import_state import ImportState
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.waiting import Log
from ims_airflow.triggers.turns import turn

PATIENCE = 1.0  # seconds for which the end of a trigger waits for its last write; the worker writes the end

Write = Callable[[Mapping[str, Any]], Awaitable[None]]


class ImportNews:
    """Writes the newest state, one write at a time, and never lets a look wait for it.

    Used as an async context manager: what was written last is there before the trigger ends, so that it
    cannot overtake what the worker writes then.

    :param state: what is known of the import.
    :param write: writes one state, None where there is no task to write it for.
    """

    __slots__ = ("_failed", "_log", "_state", "_waiting", "_write", "_writing")

    def __init__(self, state: ImportState, write: Write | None, log: Log) -> None:
        self._state = state
        self._write = write
        self._log = log
        self._waiting: ImportState | None = None
        self._writing: asyncio.Task[None] | None = None
        self._failed = False

    def tell(self, job: Job, now: float, spoke: bool) -> None:
        """Tell what a look has found, when it was worth a line: ten thousand triggers share one writer."""
        if self._write is None or not spoke:
            return
        self._state = self._waiting = self._state.seen(job, now)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all(self._write))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is None:
            return
        if kind is None or issubclass(kind, Exception):
            await asyncio.wait({self._writing}, timeout=PATIENCE)
        self._writing.cancel()

    async def _write_all(self, write: Write) -> None:
        while self._waiting is not None:
            async with turn():
                state, self._waiting = self._waiting, None
                try:
                    await write(state.as_dict())
                except Exception as error:  # noqa: BLE001  # what Airflow or an XCom backend may say
                    if not self._failed:
                        self._log.warning("The import cannot be shown: %s", type(error).__name__)
                    self._failed = True


def xcom_writer(task_instance: Any, key: str) -> Write | None:
    """Return what writes an XCom of a deferred task, None where there is no task."""
    if task_instance is None:
        return None

    async def write(value: Mapping[str, Any]) -> None:
        from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415  # reads Airflow's configuration

        await XCom.aset(
            key,
            dict(value),
            dag_id=task_instance.dag_id,
            task_id=task_instance.task_id,
            run_id=task_instance.run_id,
            map_index=task_instance.map_index,
        )

    return write
