from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from ims_airflow.client.patience import Patience


async def exchange(patience: Patience, seconds: float) -> str:
    task = patience.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if patience.forgive(task):
            return "too long"
        raise
    finally:
        patience.end(task)
    return "answered"


async def test_what_takes_too_long_ends_and_its_task_goes_on() -> None:
    patience = Patience(0.05)
    assert await exchange(patience, 60) == "too long"
    assert await exchange(patience, 0) == "answered"
    patience.close()


async def test_each_has_its_own_time_and_all_have_one_timer() -> None:
    patience, loop = Patience(0.2), asyncio.get_running_loop()
    timers: list[float] = []

    async def come(after: float) -> float:
        await asyncio.sleep(after)
        began = loop.time()
        assert await exchange(patience, 60) == "too long"
        return loop.time() - began

    coming = [asyncio.create_task(come(n / 50)) for n in range(5)]
    while not all(task.done() for task in coming):
        timers += [patience._timer.when()] if patience._timer else []
        await asyncio.sleep(0.005)
    lasted = [task.result() for task in coming]
    assert min(lasted) >= 0.19
    assert max(lasted) < 2
    assert timers == sorted(timers)  # of which there is one at a time, for whoever ends first
    assert not patience._ends
    patience.close()


async def test_a_cancellation_that_a_library_swallows_comes_again() -> None:
    patience = Patience(0.05)
    task = patience.begin()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        assert patience.forgive(task)
    patience.end(task)
    assert task.cancelling() == 0
    patience.close()


async def test_a_cancellation_that_comes_too_late_to_matter_is_taken_back() -> None:
    patience = Patience(0.05)
    task = patience.begin()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    patience.end(task)
    assert task.cancelling() == 0
    assert await exchange(patience, 60) == "too long"
    patience.close()


async def test_who_swallowed_a_cancellation_before_is_still_told_that_time_is_up() -> None:
    async def stubborn() -> str:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return await exchange(patience, 60)

    patience = Patience(0.05)
    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "too long"
    patience.close()


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    patience = Patience(60)
    task = asyncio.create_task(exchange(patience, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_who_is_cancelled_from_outside_in_the_same_moment_is_cancelled() -> None:
    patience = Patience(0.01)
    task = asyncio.create_task(exchange(patience, 60))
    while task not in patience._late:
        await asyncio.sleep(0)
        if task in patience._late:
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_nothing_stays_behind() -> None:
    patience = Patience(60)
    task = patience.begin()
    patience.end(task)
    patience.close()
    assert not patience._ends
    assert not patience._late
    assert patience._timer is None
