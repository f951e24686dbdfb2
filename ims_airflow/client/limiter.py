"""Keeping to a :class:`~ims_airflow.protocol.throttle.Throttle`: in one event loop, or among threads."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ims_airflow.exceptions import ApiError, ThrottledError
from ims_airflow.protocol.message import Call, Service
from ims_airflow.protocol.throttle import Throttle

GRAIN = 0.005  # seconds between two looks at those who wait: an event loop that wakes for each costs more


def limited(call: Call) -> bool:
    """Whether a call counts. OBS takes thousands a second and has limits of its own."""
    return call.service is Service.IMS or call.service is Service.IAM


def too_many(call: Call, error: ApiError) -> bool:
    """Whether an answer asks everybody to slow down. To a submit, ``IMG.0060`` only means too many jobs."""
    return isinstance(error, ThrottledError) and (error.status == 429 or call.method == "GET")


class AsyncLimiter:
    """Lets the requests of one event loop go, in the order in which they came.

    One timer serves all who wait, however many they are.
    """

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def admit(self) -> bool:
        """Take a turn if there is one at once."""
        return not self._waiting and self.throttle.admit(time.monotonic())

    async def enter(self) -> None:
        """Wait for one's turn. Whoever has it must :meth:`leave`; whoever is cancelled before has not."""
        if self.admit():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._let_go()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn came in the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """Make room for the next one."""
        self.throttle.back()
        if self._waiting:
            self._let_go()

    def refuse(self, error: ApiError) -> None:
        """Slow all down, because an answer asked for it."""
        self.throttle.refuse(time.monotonic(), error.retry_after or 0.0)

    def close(self) -> None:
        """Let nothing of it stay in the event loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # cancelled
                self._waiting.popleft()
                continue
            now = time.monotonic()
            delay = self.throttle.delay(now)
            if delay > 0:
                self._ring_after(delay)
                return
            self.throttle.leave(now)
            self._waiting.popleft().set_result(None)

    def _ring_after(self, delay: float) -> None:
        if self._timer is None and delay < math.inf:  # else the answer to another request rings
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(delay, GRAIN), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._let_go()


class ThreadLimiter:
    """Lets the requests of threads go.

    :param sleep: waits for seconds.
    """

    def __init__(self, throttle: Throttle, sleep: Callable[[float], None]) -> None:
        self._throttle = throttle
        self._sleep = sleep
        self._schedule = threading.Lock()
        self._room = threading.BoundedSemaphore(throttle.most_in_flight)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn."""
        with self._room:
            with self._schedule:
                now = time.monotonic()
                delay = self._throttle.delay(now)
                self._throttle.leave(now)
            try:
                if delay > 0:
                    self._sleep(delay)
                yield
            finally:
                with self._schedule:
                    self._throttle.back()

    def refuse(self) -> None:
        """Slow all down. Whoever heard it waits by himself for as long as the service asked."""
        with self._schedule:
            self._throttle.refuse(time.monotonic())
