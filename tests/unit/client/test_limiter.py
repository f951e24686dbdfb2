from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from ims_airflow.client.limiter import AsyncLimiter, ThreadLimiter, too_many
from ims_airflow.exceptions import ApiError, ThrottledError
from ims_airflow.protocol.message import Call, Service
from ims_airflow.protocol.throttle import Throttle

GET = Call(Service.IMS, "GET", "/v1/jobs/j1")
SUBMIT = Call(Service.IMS, "POST", "/v1/images")


class Requests:
    """Requests that are counted while they are under way."""

    def __init__(self, limiter: AsyncLimiter) -> None:
        self.limiter = limiter
        self.under_way = 0
        self.most = 0
        self.order: list[int] = []

    async def send(self, number: int, seconds: float = 0.0) -> None:
        await self.limiter.enter()
        try:
            self.order.append(number)
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(seconds)
        finally:
            self.under_way -= 1
            self.limiter.leave()


async def test_requests_leave_in_the_order_in_which_they_came() -> None:
    requests = Requests(AsyncLimiter(Throttle(2, per_second=1000)))
    await asyncio.gather(*(requests.send(number, 0.001) for number in range(50)))
    assert requests.order == list(range(50))
    assert requests.most == 2


async def test_requests_keep_to_the_pace() -> None:
    requests = Requests(AsyncLimiter(Throttle(50, per_second=50)))
    started = time.monotonic()
    await asyncio.gather(*(requests.send(number) for number in range(66)))  # 51 at once, 15 at 20 ms each
    assert time.monotonic() - started >= 0.29


@pytest.mark.parametrize("seed", range(5))
async def test_whoever_is_cancelled_at_any_await_leaves_no_gap(seed: int) -> None:
    chance = random.Random(seed)
    limiter = AsyncLimiter(Throttle(3, per_second=500))
    requests = Requests(limiter)
    tasks = [asyncio.create_task(requests.send(number, chance.random() / 100)) for number in range(200)]
    while not all(task.done() for task in tasks):
        chance.choice(tasks).cancel()
        await asyncio.sleep(chance.random() / 200)
    assert limiter.throttle.in_flight == 0
    assert requests.most <= 3
    await asyncio.wait_for(requests.send(999), 2)


async def test_a_turn_that_comes_with_the_cancellation_is_given_back() -> None:
    limiter = AsyncLimiter(Throttle(1, per_second=1000))
    await limiter.enter()
    waiting = asyncio.create_task(limiter.enter())
    await asyncio.sleep(0)
    limiter.leave()  # gives the turn to the one that waits …
    waiting.cancel()  # … and that is cancelled before it runs
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert limiter.throttle.in_flight == 0


async def test_an_answer_that_says_too_many_holds_those_who_wait() -> None:
    requests = Requests(AsyncLimiter(Throttle(1, per_second=1000)))
    started = time.monotonic()
    first = asyncio.create_task(requests.send(1, 0.01))
    second = asyncio.create_task(requests.send(2))
    await asyncio.sleep(0.001)
    requests.limiter.refuse(ThrottledError("slow", status=429, retry_after=0.2))
    await asyncio.gather(first, second)
    assert time.monotonic() - started >= 0.2


async def test_a_closed_limiter_leaves_no_timer_behind() -> None:
    limiter = AsyncLimiter(Throttle(1, per_second=0.001))
    await limiter.enter()
    limiter.leave()
    waiting = asyncio.create_task(limiter.enter())
    await asyncio.sleep(0)
    limiter.close()
    assert limiter._timer is None
    waiting.cancel()


def test_threads_keep_to_the_same_limits() -> None:
    naps: list[float] = []
    limiter = ThreadLimiter(Throttle(2, per_second=4), naps.append)
    under_way, most = 0, 0
    lock = threading.Lock()

    def send() -> None:
        nonlocal under_way, most
        with limiter.turn():
            with lock:
                under_way += 1
                most = max(most, under_way)
            time.sleep(0.002)
            with lock:
                under_way -= 1

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2
    assert naps == pytest.approx([0.25, 0.5, 0.75], abs=0.2)  # a second's worth leaves at once


@pytest.mark.parametrize(
    ("call", "error", "expected"),
    [
        (GET, ThrottledError("slow", status=429), True),
        (GET, ThrottledError("slow", status=400, code="IMG.0060"), True),
        (SUBMIT, ThrottledError("slow", status=429), True),
        (SUBMIT, ThrottledError("too many jobs", status=400, code="IMG.0060"), False),
        (GET, ApiError("down", status=503), False),
    ],
)
def test_who_says_too_many(call: Call, error: ApiError, expected: bool) -> None:
    assert too_many(call, error) is expected
