from __future__ import annotations

import asyncio
import gc

import pytest

from ims_airflow.triggers import nap as naps
from ims_airflow.triggers.nap import GRAIN, SHORT, nap


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.05, SHORT, 1.23])
async def test_a_nap_is_never_too_short_and_hardly_too_long(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await nap(seconds)
    assert seconds - 0.01 <= loop.time() - began < max(seconds, 0.0) + GRAIN + 5


async def test_who_is_cancelled_wakes_nobody_else() -> None:
    async def sleep() -> str:
        await nap(SHORT)
        return "slept"

    first, second = asyncio.create_task(sleep()), asyncio.create_task(sleep())
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == "slept"
    assert first.cancelled()


async def test_sleepers_wake_in_the_order_of_their_ends() -> None:
    woken: list[float] = []

    async def sleep(seconds: float) -> None:
        await nap(seconds)
        woken.append(seconds)

    naps = [SHORT + 0.3, SHORT, SHORT + 0.1, SHORT + 0.2]
    await asyncio.gather(*(asyncio.create_task(sleep(seconds)) for seconds in naps))
    assert woken == sorted(naps)


async def test_a_crowd_shares_one_timer_and_leaves_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    sleepers = [nap(SHORT + number / 1000) for number in range(1000)]
    dormitory = naps._DORMITORIES[loop]
    assert len(dormitory.sleepers) <= 1 / GRAIN + 2
    await asyncio.gather(*sleepers)
    assert (dormitory.sleepers, dormitory.order, dormitory.timer) == ({}, [], None)


async def test_a_sleeper_is_one_object_for_the_garbage_collector() -> None:
    gc.collect()
    before = len(gc.get_objects())
    sleepers = [nap(60.0) for _ in range(1000)]
    gc.collect()
    assert len(gc.get_objects()) - before < 1.1 * len(sleepers)
    for sleeper in sleepers:
        sleeper.cancel()
