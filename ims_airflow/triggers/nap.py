"""Sleeping in a crowd: what wakes in the same tenth of a second shares one timer.

``asyncio.sleep`` makes a coroutine, a timer and a context for each sleeper. Thousands of triggers sleep at a
time, and each full pass of Python's garbage collector visits all that they keep, while the event loop stands
still.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from weakref import WeakKeyDictionary

GRAIN = 0.1  # seconds by which somebody may wake late
SHORT = 1.0  # seconds below which a nap is exact

_Dormitory = dict[int, list["asyncio.Future[None]"]]
_DORMITORIES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Dormitory] = WeakKeyDictionary()


def nap(seconds: float) -> asyncio.Future[None]:
    """Return what is done after a while; to be awaited by one task.

    :param seconds: a short nap is exact, a longer one lasts at most :data:`GRAIN` longer.
    """
    loop = asyncio.get_running_loop()
    sleeper: asyncio.Future[None] = loop.create_future()
    if seconds < SHORT:
        loop.call_later(seconds, _wake, [sleeper])
        return sleeper
    dormitory = _DORMITORIES.setdefault(loop, {})
    bed = math.ceil((loop.time() + seconds) / GRAIN)
    if bed not in dormitory:
        dormitory[bed] = []
        loop.call_at(bed * GRAIN, lambda: _wake(dormitory.pop(bed)))
    dormitory[bed].append(sleeper)
    return sleeper


def _wake(sleepers: Iterable[asyncio.Future[None]]) -> None:
    for sleeper in sleepers:
        if not sleeper.done():  # cancelled
            sleeper.set_result(None)
