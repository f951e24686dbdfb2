from __future__ import annotations

import asyncio

import pytest

from ims_airflow.client.patience import Patience


async def exchange(patience: Patience, seconds: float) -> str:
    task = patience.begin()
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if patience.ran_out(task):
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

    async def come(after: float) -> float:
        await asyncio.sleep(after)
        began = loop.time()
        assert await exchange(patience, 60) == "too long"
        return loop.time() - began

    lasted = await asyncio.gather(*(asyncio.create_task(come(n / 50)) for n in range(5)))
    assert min(lasted) >= 0.19
    assert patience._timer is None


async def test_who_is_cancelled_from_outside_is_cancelled() -> None:
    patience = Patience(60)
    task = asyncio.create_task(exchange(patience, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    patience.close()


async def test_who_is_cancelled_from_outside_in_the_same_moment_is_cancelled() -> None:
    patience = Patience(0.0)
    task = asyncio.create_task(exchange(patience, 60))
    while task not in patience._late:
        await asyncio.sleep(0)
        if task in patience._late:
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_stays_behind() -> None:
    patience = Patience(60)
    task = patience.begin()
    patience.end(task)
    patience.close()
    assert not patience._ends
    assert not patience._late
    assert patience._timer is None
