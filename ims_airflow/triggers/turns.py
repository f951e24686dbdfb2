"""Who may write next: all triggers of an event loop share one supervisor process, and it has other work.

A write takes the supervisor some fifteen milliseconds, a line of log five. Ten thousand jobs that all get on
would fill it with writes, and it would come to neither events nor heartbeats. So one writes at a time, and at
most ten do in a second. Who has to wait writes something newer then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

INTERVAL = 0.1  # seconds from the end of one write to the next

Write = Callable[[], Coroutine[Any, Any, None]]


@dataclass(slots=True, eq=False)
class _Wish:
    """A write that is wanted, or under way.

    :param context: of the owner, by which Airflow knows whose log a line belongs to.
    :param fulfilled: is done when the write is.
    """

    owner: object
    write: Write
    context: Context
    fulfilled: asyncio.Future[None]


@dataclass(slots=True)
class Turns:
    """The queue of one event loop. Nothing is kept of those who have nothing to write."""

    _wishes: dict[object, _Wish] = field(default_factory=dict)
    _writing: tuple[_Wish, asyncio.Task[None]] | None = None
    _server: asyncio.Task[None] | None = None

    def take(self, owner: object, write: Write) -> None:
        """Have something written when its turn comes; who already waits keeps his place.

        :param write: writes what is newest then. What it raises is nobody's business.
        """
        if owner in self._wishes:
            return
        loop = asyncio.get_running_loop()
        self._wishes[owner] = _Wish(owner, write, copy_context(), loop.create_future())
        if self._server is None:
            self._server = loop.create_task(self._serve())

    async def leave(self, owner: object, patience: float) -> None:
        """Go, once everything is written, or without that when it takes too long.

        What is under way is stopped then: it must not overtake what somebody else writes afterwards.

        :param patience: seconds.
        """
        wishes = [wish for wish in (self._wishes.get(owner), self._current) if wish and wish.owner is owner]
        try:
            if wishes and patience:
                await asyncio.wait([wish.fulfilled for wish in wishes], timeout=patience)
        finally:
            self._wishes.pop(owner, None)
            if self._writing is not None and self._writing[0].owner is owner:
                self._writing[1].cancel()

    @property
    def _current(self) -> _Wish | None:
        return self._writing[0] if self._writing else None

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._wishes:
                wish = self._wishes.pop(next(iter(self._wishes)))
                task = loop.create_task(wish.write(), context=wish.context)
                self._writing = (wish, task)
                await asyncio.wait([task])
                self._writing = None
                if not task.cancelled():
                    task.exception()  # else asyncio would tell that nobody has looked
                if not wish.fulfilled.done():
                    wish.fulfilled.set_result(None)
                await asyncio.sleep(INTERVAL)
        finally:
            self._server = None


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """Return the queue of the running event loop."""
    return _TURNS.setdefault(asyncio.get_running_loop(), Turns())
