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
        self._ends: dict[asyncio.Task[object], float] = {}  # all last equally long: the first one ends first
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> asyncio.Task[object]:
        """Cancel the running task when time is up; whoever begins must :meth:`end`.

        :returns: the task.
        """
        task = cast("asyncio.Task[object]", asyncio.current_task())  # whoever awaits an answer is one
        loop = task.get_loop()
        self._ends[task] = end = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(end, self._ring)
        return task

    def end(self, task: asyncio.Task[object]) -> None:
        """Let the task go on without a limit."""
        self._ends.pop(task, None)
        self._late.discard(task)

    def ran_out(self, task: asyncio.Task[object]) -> bool:
        """Whether a cancellation that the task has met is this one's doing, and no one else's."""
        return task in self._late and task.uncancel() <= 0

    def close(self) -> None:
        """Let nothing of it stay in the event loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for task, end in list(self._ends.items()):
            if end > loop.time():
                self._timer = loop.call_at(end, self._ring)
                return
            del self._ends[task]
            self._late.add(task)
            task.cancel()
