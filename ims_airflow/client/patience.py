"""One timer for all exchanges with short answers.

A timer of its own costs each poll as much as the signature does, and stays in the event loop for a while
after the answer: thousands of them are in the way of Python's garbage collector.
"""

from __future__ import annotations

import asyncio
from typing import cast


class Patience:
    """Ends what takes too long in the tasks of one event loop.

    :param seconds: that something may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        # When each ends, and how often it was cancelled before. All last equally long: the first ends first.
        self._ends: dict[asyncio.Task[object], tuple[float, int]] = {}
        self._late: dict[asyncio.Task[object], int] = {}  # how often each was cancelled by this
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[object]:
        """Cancel the running task when time is up; whoever begins must :meth:`end`.

        :returns: the task.
        """
        task = cast("asyncio.Task[object]", asyncio.current_task())  # whoever awaits an answer is one
        loop = task.get_loop()
        end = loop.time() + self.seconds
        self._ends[task] = (end, task.cancelling())
        if self._timer is None:
            self._timer = loop.call_at(end, self._ring)
        return task

    def end(self, task: asyncio.Task[object]) -> None:
        """Let the task go on without a limit."""
        self._take_back(task)
        self._ends.pop(task, None)

    def forgive(self, task: asyncio.Task[object]) -> bool:
        """Take back the cancellation that a task has met; whether that was all that there was of it."""
        _, before = self._ends[task]
        return self._take_back(task) and task.cancelling() <= before

    def close(self) -> None:
        """Let nothing of it stay in the event loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _take_back(self, task: asyncio.Task[object]) -> bool:
        times = self._late.pop(task, 0)
        for _ in range(times):
            task.uncancel()
        return times > 0

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for task, (end, before) in list(self._ends.items()):
            if end > loop.time():
                break
            del self._ends[task]
            self._ends[task] = (
                loop.time() + self.seconds,
                before,
            )  # libraries swallow a cancellation at times
            self._late[task] = self._late.get(task, 0) + 1
            task.cancel()
        if self._ends:
            first, _ = next(iter(self._ends.values()))
            self._timer = loop.call_at(first, self._ring)
