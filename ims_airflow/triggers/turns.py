"""Who may write next: all triggers of an event loop share one supervisor process, and it has other work.

A write takes the supervisor some fifteen milliseconds, a line of log five. Ten thousand jobs that all get on
would fill it with writes, and it would come to neither events nor heartbeats. So one writes at a time, and at
most ten do in a second. Who has to wait writes something newer then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

INTERVAL = 0.1  # seconds from one write to the next


@dataclass(slots=True)
class _Turns:
    """The queue of one event loop.

    :param free_at: loop time from which the next one may write.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    free_at: float = 0.0


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Wait for a turn; it is over when the block is."""
    loop = asyncio.get_running_loop()
    turns = _TURNS.setdefault(loop, _Turns())
    async with turns.lock:
        await asyncio.sleep(max(turns.free_at - loop.time(), 0.0))
        turns.free_at = loop.time() + INTERVAL
        yield
