from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from scripted import Lines

from ims_airflow.protocol.import_state import ImportState
from ims_airflow.protocol.job import Job
from ims_airflow.triggers.news import PATIENCE, ImportNews, xcom_writer
from ims_airflow.triggers.turns import INTERVAL

NOW = 1_700_000_000.0
STATE = ImportState(name="fedora", job_id="j1")


def running(progress: float) -> Job:
    return Job("j1", "RUNNING", progress=progress)


class Store:
    """Takes what is written, as slowly as it is told to."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.calls = self.now = self.busiest = 0
        self.written: list[Any] = []

    async def __call__(self, value: Mapping[str, Any]) -> None:
        self.calls += 1
        self.now += 1
        self.busiest = max(self.busiest, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        if self.error:
            raise self.error
        self.written.append(value["process_percent"])


async def test_news_are_written_before_the_trigger_ends() -> None:
    store = Store(0.01)
    async with ImportNews(STATE, store, Lines()) as news:
        news.tell(running(0.1), NOW, True)
    assert store.written == [0.1]


async def test_a_look_never_waits_and_a_slow_writer_gets_the_newest() -> None:
    store = Store(0.02)
    async with ImportNews(STATE, store, Lines()) as news:
        for percent in range(1, 10):
            news.tell(running(percent / 10), NOW, True)
            await asyncio.sleep(0)
    assert store.calls == 2
    assert store.written[-1] == 0.9


async def test_many_triggers_write_in_turn_and_leave_most_of_the_time_to_others() -> None:
    store, loop = Store(0.005), asyncio.get_running_loop()
    many = [ImportNews(STATE, store, Lines()) for _ in range(10)]
    began = loop.time()
    for number, news in enumerate(many):
        news.tell(running(number / 100), NOW, True)
    await asyncio.gather(*(news._writing for news in many if news._writing))
    assert store.busiest == 1
    assert store.written == [number / 100 for number in range(10)]
    assert loop.time() - began >= 9 * INTERVAL


async def test_the_end_of_a_trigger_does_not_queue_for_long() -> None:
    slow = ImportNews(STATE, Store(60), Lines())
    slow.tell(running(0.1), NOW, True)
    await asyncio.sleep(0)
    store, loop = Store(), asyncio.get_running_loop()
    began = loop.time()
    async with ImportNews(STATE, store, Lines()) as news:
        news.tell(running(0.1), NOW, True)
    assert PATIENCE - 0.1 <= loop.time() - began < 10 * PATIENCE
    assert store.calls == 0
    await slow.__aexit__(asyncio.CancelledError, None, None)


async def test_only_what_is_worth_a_line_is_written() -> None:
    store = Store()
    async with ImportNews(STATE, store, Lines()) as news:
        news.tell(running(0.1), NOW, False)
    assert store.calls == 0


async def test_trouble_is_told_once_and_ends_nothing() -> None:
    store, log = Store(error=RuntimeError("sk=SECRET")), Lines()
    async with ImportNews(STATE, store, log) as news:
        for percent in (0.1, 0.2, 0.3):
            news.tell(running(percent), NOW, True)
            await asyncio.sleep(2 * INTERVAL)
    assert store.calls == 3
    assert log.lines == ["The import cannot be shown: RuntimeError"]


async def test_the_last_write_is_there_when_the_job_failed_too() -> None:
    store = Store(0.01)

    async def follow() -> None:
        async with ImportNews(STATE, store, Lines()) as news:
            news.tell(running(0.1), NOW, True)
            raise ValueError("verdict")

    with pytest.raises(ValueError, match="verdict"):
        await follow()
    assert store.written == [0.1]


async def test_a_cancelled_trigger_waits_for_nothing() -> None:
    store = Store(60)

    async def follow() -> None:
        async with ImportNews(STATE, store, Lines()) as news:
            news.tell(running(0.1), NOW, True)
            await asyncio.sleep(60)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    assert (store.calls, store.written) == (1, [])


async def test_without_a_task_nothing_is_written() -> None:
    assert xcom_writer(None, "ims_import") is None
    async with ImportNews(STATE, None, Lines()) as news:
        news.tell(running(0.1), NOW, True)
