"""Triggers of the triggerer benchmark: one that does nothing, and one that watches the event loop."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

TICK = 0.01  # seconds


class EmptyTrigger(BaseTrigger):
    """Waits and asks nobody.

    :param number: makes the trigger one of many.
    """

    def __init__(self, number: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.number = number

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "benchmarks.probe.EmptyTrigger", {"number": self.number}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.Event().wait()
        yield TriggerEvent(None)  # type: ignore[no-untyped-call]


class ProbeTrigger(BaseTrigger):
    """Writes down how late the event loop is, once a second, one JSON object a line.

    :param path: of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "benchmarks.probe.ProbeTrigger", {"path": self.path}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        pauses = Pauses()
        with Path(self.path).open("a", buffering=1) as file:  # noqa: ASYNC230  # a line to a local file
            while True:
                lags = []
                for _ in range(round(1 / TICK)):
                    due = time.perf_counter() + TICK
                    await asyncio.sleep(TICK)
                    lags.append(round((time.perf_counter() - due) * 1000, 2))
                file.write(json.dumps({**_process(), "lags_ms": lags, "gc_ms": pauses.longest()}) + "\n")
        yield TriggerEvent(None)


class Pauses:
    """How long Python's garbage collector stops everything: its full pass looks at all that waits."""

    def __init__(self) -> None:
        self._began = self._longest = 0.0
        gc.callbacks.append(self._note)

    def longest(self) -> float:
        """Return the longest pause since the last call, in milliseconds."""
        longest, self._longest = self._longest, 0.0
        return round(longest * 1000, 2)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self._longest = max(self._longest, time.perf_counter() - self._began)


def _process() -> dict[str, Any]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "at": time.time(),
        "tasks": len(asyncio.all_tasks()),
        "rss": pages * resource.getpagesize(),
        "cpu": time.process_time(),
        "pid": os.getpid(),
    }
