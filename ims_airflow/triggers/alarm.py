"""Waking in a crowd: all sleepers of an event loop share one timer, and none of them needs anything to sleep.

Python's garbage collector visits all that thousands of triggers keep, while the event loop stands still, and
takes longer over what is new. ``asyncio.sleep`` makes a coroutine, a future, a timer and a context each time.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol
from weakref import WeakKeyDictionary

GRAIN = 0.02  # seconds; who wants to wake in the same grain wakes together, at its end
SHORT = 1.0  # seconds below which the time is exact


class Sleeper(Protocol):
    """Who wants to be woken."""

    def wake(self) -> None:
        """Be woken, by the event loop."""


@dataclass(slots=True)
class _Alarm:
    """Who sleeps until when, in grains of the loop's time."""

    sleepers: dict[int, list[Sleeper]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # a heap
    timer: asyncio.TimerHandle | None = None

    def set(self, sleeper: Sleeper, until: int, loop: asyncio.AbstractEventLoop) -> None:
        if until in self.sleepers:
            self.sleepers[until].append(sleeper)
            return
        self.sleepers[until] = [sleeper]
        heappush(self.order, until)
        if self.order[0] == until:
            self._set_timer(loop)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = loop.call_at(self.order[0] * GRAIN, self._ring, loop) if self.order else None

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        sleepers = self.sleepers.pop(heappop(self.order))
        self._set_timer(loop)
        for sleeper in sleepers:
            sleeper.wake()


_ALARMS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Alarm] = WeakKeyDictionary()


def wake_after(seconds: float, sleeper: Sleeper) -> None:
    """Wake somebody after a while. Who has no use for it any more does nothing then.

    :param seconds: a short time is exact, a longer one lasts up to :data:`GRAIN` longer.
    """
    loop = asyncio.get_running_loop()
    if seconds < SHORT:
        loop.call_later(seconds, sleeper.wake)
    else:
        until = math.ceil((loop.time() + seconds) / GRAIN)
        _ALARMS.setdefault(loop, _Alarm()).set(sleeper, until, loop)
