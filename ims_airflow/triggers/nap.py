"""Sleeping in a crowd: all sleepers of an event loop share one timer.

``asyncio.sleep`` makes a coroutine, a timer and a context for each of them. Thousands of triggers sleep at a
time, and each full pass of Python's garbage collector visits all that they keep, while the event loop stands
still.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from weakref import WeakKeyDictionary

GRAIN = 0.02  # seconds; who wants to wake in the same grain wakes together, at its end
SHORT = 1.0  # seconds below which a nap is exact

Sleeper = asyncio.Future[None]


@dataclass(slots=True)
class _Dormitory:
    """Who sleeps until when, in grains of the loop's time."""

    sleepers: dict[int, list[Sleeper]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # a heap
    timer: asyncio.TimerHandle | None = None

    def admit(self, sleeper: Sleeper, until: int, loop: asyncio.AbstractEventLoop) -> None:
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
        _wake(self.sleepers.pop(heappop(self.order)))
        self._set_timer(loop)


_DORMITORIES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Dormitory] = WeakKeyDictionary()


def nap(seconds: float) -> Sleeper:
    """Return what is done after a while; to be awaited by one task.

    :param seconds: a short nap is exact, a longer one lasts up to :data:`GRAIN` longer.
    """
    loop = asyncio.get_running_loop()
    sleeper: Sleeper = loop.create_future()
    if seconds < SHORT:
        loop.call_later(seconds, _wake, [sleeper])
    else:
        until = math.ceil((loop.time() + seconds) / GRAIN)
        _DORMITORIES.setdefault(loop, _Dormitory()).admit(sleeper, until, loop)
    return sleeper


def _wake(sleepers: Iterable[Sleeper]) -> None:
    for sleeper in sleepers:
        if not sleeper.done():  # cancelled
            sleeper.set_result(None)
