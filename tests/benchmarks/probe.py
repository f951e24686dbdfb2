"""Triggers of the triggerer benchmark: two that ask nobody, and one that watches the event loop."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

TICK = 0.01  # seconds
INTERVAL = 60.0  # seconds


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


class WakingTrigger(EmptyTrigger):
    """Wakes once a minute, as ours do with a job of an hour, and asks nobody."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "benchmarks.probe.WakingTrigger", {"number": self.number}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(INTERVAL * random.random())
        while True:  # noqa: ASYNC110  # it has no other work
            await asyncio.sleep(INTERVAL * (1 + random.random() / 10))
        yield TriggerEvent(None)


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
                file.write(json.dumps({**_process(), "lags_ms": lags, **pauses.take()}) + "\n")
        yield TriggerEvent(None)


class Pauses:
    """How long Python's garbage collector stops everything: its full pass looks at all that waits."""

    def __init__(self) -> None:
        self._began = self._longest = self._longest_full = 0.0
        gc.callbacks.append(self._note)

    def take(self) -> dict[str, float]:
        """Return the longest pause since the last call, and the longest full pass, in milliseconds."""
        longest, full = self._longest, self._longest_full
        self._longest = self._longest_full = 0.0
        return {"gc_ms": round(longest * 1000, 2), "gc_full_ms": round(full * 1000, 2)}

    def _note(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        lasted = time.perf_counter() - self._began
        self._longest = max(self._longest, lasted)
        if info["generation"] == 2:
            self._longest_full = max(self._longest_full, lasted)


def _process() -> dict[str, Any]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "at": time.time(),
        "tasks": len(asyncio.all_tasks()),
        "rss": pages * resource.getpagesize(),
        "cpu": time.process_time(),
        "pid": os.getpid(),
    }
