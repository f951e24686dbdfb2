from __future__ import annotations

import asyncio
import gc

import pytest

from ims_airflow.triggers import alarm
from ims_airflow.triggers.alarm import GRAIN, SHORT, wake_after


class Sleeper:
    """Notes when it was woken."""

    def __init__(self) -> None:
        self.woken: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        self.woken.set_result(asyncio.get_running_loop().time())


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.05, SHORT, 1.23])
async def test_nobody_is_woken_too_early_or_much_too_late(seconds: float) -> None:
    sleeper, began = Sleeper(), asyncio.get_running_loop().time()
    wake_after(seconds, sleeper)
    assert seconds - 0.01 <= await sleeper.woken - began < max(seconds, 0.0) + GRAIN + 5


async def test_sleepers_wake_in_the_order_of_their_ends() -> None:
    sleepers = {seconds: Sleeper() for seconds in (SHORT + 0.3, SHORT, SHORT + 0.1, SHORT + 0.2)}
    for seconds, sleeper in sleepers.items():
        wake_after(seconds, sleeper)
    woken = {seconds: await sleeper.woken for seconds, sleeper in sleepers.items()}
    assert sorted(woken, key=woken.__getitem__) == sorted(sleepers)


async def test_who_wakes_can_set_the_alarm_anew() -> None:
    class Restless(Sleeper):
        times = 0

        def wake(self) -> None:
            self.times += 1
            if self.times == 2:
                super().wake()
            else:
                wake_after(SHORT, self)

    sleeper = Restless()
    wake_after(SHORT, sleeper)
    await sleeper.woken
    assert sleeper.times == 2


async def test_a_crowd_shares_one_timer_and_leaves_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    sleepers = [Sleeper() for _ in range(1000)]
    for number, sleeper in enumerate(sleepers):
        wake_after(SHORT + number / 1000, sleeper)
    shared = alarm._ALARMS[loop]
    assert len(shared.sleepers) <= 1 / GRAIN + 2
    await asyncio.gather(*(sleeper.woken for sleeper in sleepers))
    assert (shared.sleepers, shared.order, shared.timer) == ({}, [], None)


async def test_to_sleep_takes_nothing_that_the_garbage_collector_visits() -> None:
    sleepers = [Sleeper() for _ in range(1000)]
    gc.collect()
    before = len(gc.get_objects())
    for sleeper in sleepers:
        wake_after(60.0, sleeper)
    gc.collect()
    assert len(gc.get_objects()) - before < 20
