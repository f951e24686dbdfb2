from __future__ import annotations

import asyncio
from contextvars import ContextVar
from types import SimpleNamespace

import pytest

from ims_airflow.protocol.job import Job
from ims_airflow.triggers.ims import PATIENCE, ImsJobTrigger
from ims_airflow.triggers.turns import INTERVAL, Turns, turns

NOW = 1_700_000_000.0
OWNER: ContextVar[str] = ContextVar("owner", default="nobody")


class Store:
    """Takes what an owner has to write, as slowly as it is told to."""

    def __init__(self, seconds: float = 0.0, error: Exception | None = None) -> None:
        self.seconds, self.error = seconds, error
        self.newest = self.calls = self.now = self.busiest = 0
        self.written: list[int] = []

    async def write(self) -> None:
        value = self.newest
        self.calls += 1
        self.now += 1
        self.busiest = max(self.busiest, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        if self.error:
            raise self.error
        self.written.append(value)


async def test_who_leaves_in_peace_has_written() -> None:
    queue, store = Turns(), Store(0.01)
    queue.take(store, store.write)
    await queue.leave(store, PATIENCE)
    assert store.written == [0]


async def test_who_waits_writes_the_newest_and_keeps_his_place() -> None:
    queue, first, second = Turns(), Store(0.02), Store()
    queue.take(first, first.write)
    await asyncio.sleep(0.01)
    for first.newest in range(1, 10):
        queue.take(first, first.write)
        queue.take(second, second.write)
    await queue.leave(first, PATIENCE)
    assert (first.written, second.calls) == ([0, 9], 0)
    await queue.leave(second, PATIENCE)
    assert second.written == [0]


async def test_many_write_in_turn_and_leave_most_of_the_time_to_others() -> None:
    queue, store, loop = Turns(), Store(0.005), asyncio.get_running_loop()
    owners = [object() for _ in range(10)]
    began = loop.time()
    for owner in owners:
        queue.take(owner, store.write)
    await asyncio.gather(*(queue.leave(owner, 60) for owner in owners))
    assert (store.calls, store.busiest) == (10, 1)
    assert loop.time() - began >= 9 * INTERVAL


async def test_nothing_is_kept_of_those_who_have_written() -> None:
    queue, store = Turns(), Store()
    queue.take(store, store.write)
    await queue.leave(store, PATIENCE)
    await asyncio.sleep(2 * INTERVAL)
    assert queue == Turns()


async def test_leaving_does_not_queue_for_long() -> None:
    queue, slow, store, loop = Turns(), Store(60), Store(), asyncio.get_running_loop()
    queue.take(slow, slow.write)
    await asyncio.sleep(0)
    began = loop.time()
    queue.take(store, store.write)
    await queue.leave(store, 0.2)
    assert 0.15 <= loop.time() - began < 5
    assert store.calls == 0
    await queue.leave(slow, 0.0)


async def test_who_is_killed_waits_for_nothing_and_overtakes_nobody() -> None:
    queue, store, other = Turns(), Store(60), Store()
    queue.take(store, store.write)
    queue.take(other, other.write)
    await asyncio.sleep(0.01)
    await asyncio.wait_for(queue.leave(store, 0.0), 1)
    await queue.leave(other, PATIENCE)
    assert (store.calls, store.written) == (1, [])
    assert other.written == [0]


async def test_a_kill_while_leaving_stops_the_write_too() -> None:
    queue, store = Turns(), Store(60)
    queue.take(store, store.write)
    leaving = asyncio.create_task(queue.leave(store, 60))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(leaving, 1)
    await asyncio.sleep(2 * INTERVAL)
    assert (store.now, store.written, queue) == (1, [], Turns())


async def test_a_write_that_fails_holds_nobody_up() -> None:
    queue, broken, store = Turns(), Store(error=RuntimeError("down")), Store()
    queue.take(broken, broken.write)
    queue.take(store, store.write)
    await queue.leave(store, PATIENCE)
    assert (broken.calls, store.written) == (1, [0])


async def test_each_writes_in_a_context_of_its_own() -> None:
    """By it Airflow knows whose log a line belongs to."""
    queue, seen = Turns(), []

    async def write() -> None:
        seen.append(OWNER.get())

    async def come(name: str) -> None:
        OWNER.set(name)
        queue.take(name, write)
        await queue.leave(name, PATIENCE)

    await asyncio.gather(*(asyncio.create_task(come(name)) for name in ("a", "b")))
    assert seen == ["a", "b"]


def trigger() -> ImsJobTrigger:
    made = ImsJobTrigger("j1", shown={"name": "fedora", "job_id": "j1"})
    made.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)  # type: ignore[assignment]
    return made


async def test_only_what_is_worth_a_line_is_shown() -> None:
    made = trigger()
    made.tell(Job("j1", "RUNNING", progress=0.1), NOW, False)
    assert made.shown == {"name": "fedora", "job_id": "j1"}
    alone = ImsJobTrigger("j1")
    alone.tell(Job("j1", "RUNNING", progress=0.1), NOW, True)
    assert alone.shown == {}
    assert turns() == Turns()


async def test_what_cannot_be_shown_is_told_once_and_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    made = trigger()  # there is no Airflow around it that could take an XCom
    for percent in (0.1, 0.2, 0.3):
        made.tell(Job("j1", "RUNNING", progress=percent), NOW, True)
        await turns().leave(made, PATIENCE)
    assert made.shown["process_percent"] == 0.3
    assert capfd.readouterr().out.count("The import cannot be shown: ") == 1
