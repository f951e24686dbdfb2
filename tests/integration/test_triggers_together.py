"""Triggers of one event loop: many share one client, and a watcher of new files survives restarts."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import weakref
from collections.abc import AsyncIterator
from contextlib import aclosing
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest
from integration.clouds import Cloud

from ims_airflow import metrics
from ims_airflow.hooks import shared
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.obs_listing import ListedObject, list_objects
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.obs import ObsImageFileTrigger
from ims_airflow.triggers.obs_event import ObsNewImageFileTrigger
from ims_airflow.triggers.turns import INTERVAL, Turns, turns

MANY = 1000
OWNER: ContextVar[str] = ContextVar("owner", default="nobody")


async def event_of(trigger: Any) -> dict[str, Any]:
    [event] = [event async for event in trigger.run()]
    payload: dict[str, Any] = event.payload
    return payload


def clients() -> int:
    return sum(len(shelf.clients) for shelf in shared._SHELVES.values())


def users() -> int:
    return sum(lent.users for shelf in shared._SHELVES.values() for lent in shelf.clients.values())


async def test_a_thousand_sensors_share_one_session(cloud: Cloud) -> None:
    put = cloud.emulated.put_object
    triggers = [ObsImageFileTrigger("image-test:disk.qcow2", poll_interval=0.3) for _ in range(MANY)]
    waiting = asyncio.gather(*(event_of(trigger) for trigger in triggers))
    while users() < MANY or not cloud.emulated.journal("obs"):
        await asyncio.sleep(0.05)
        assert clients() <= 1
    assert clients() == 1
    await asyncio.to_thread(put, "image-test", "disk.qcow2", b"x")
    assert {event["status"] for event in await waiting} == {"success"}
    assert clients() == 0  # the last one closed it


async def test_a_trigger_that_is_cancelled_anywhere_leaves_nothing_behind(
    cloud: Cloud,
) -> None:
    for steps in range(12):
        task = asyncio.create_task(event_of(ObsImageFileTrigger("image-test:none.qcow2", poll_interval=5)))
        for _ in range(steps * 5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert clients() == 0


async def test_each_look_happens_in_the_context_of_its_trigger(cloud: Cloud) -> None:
    """By it Airflow knows whose log a line belongs to."""
    heard: list[tuple[str, str]] = []

    class Overheard(ImsJobTrigger):
        def tell(self, job: Job, now: float, spoke: bool) -> None:
            heard.append((job.job_id, OWNER.get()))

    async def follow(job_id: str) -> None:
        OWNER.set(job_id)
        await event_of(Overheard(job_id, poll_interval=0.05))

    jobs = [await submitted(cloud, name, 0.3) for name in ("one", "two", "three")]
    await asyncio.gather(*(asyncio.create_task(follow(job_id)) for job_id in jobs))
    assert {job_id for job_id, _ in heard} == set(jobs)
    assert all(job_id == owner for job_id, owner in heard)
    assert OWNER.get() == "nobody"


class Shown(ImsJobTrigger):
    """Writes what it shows into a list rather than into an XCom, as slowly as it is told to."""

    seconds = 0.0

    def __init__(self, job_id: str, **arguments: Any) -> None:
        super().__init__(job_id, poll_interval=0.05, **arguments)
        self.task_instance = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)  # type: ignore[assignment]
        self.written: list[str | None] = []

    async def show(self) -> None:
        status = self.shown["status"]
        await asyncio.sleep(self.seconds)
        self.written.append(status)


async def submitted(cloud: Cloud, name: str, job_seconds: float) -> str:
    cloud.emulated.configure(job_seconds=job_seconds)
    cloud.emulated.put_object("image-test", "disk.qcow2", b"disk")
    request = DataImageRequest(name, "image-test:disk.qcow2", 40, "Linux")
    return await asyncio.to_thread(ImsHook(cloud.conn_id).create_data_image, request)


async def test_what_was_shown_last_is_there_when_the_trigger_ends(cloud: Cloud) -> None:
    trigger = Shown(await submitted(cloud, "good", 0.3))
    assert (await event_of(trigger))["status"] == "success"
    assert trigger.written
    failing = Shown(await submitted(cloud, "bad", 60))
    cloud.emulated.fail_job(failing.job_id, "IMG.0057", "the file is no image")
    assert (await event_of(failing))["error"] == "JobFailedError"
    assert failing.written == ["FAIL"]


async def test_a_trigger_that_is_killed_writes_nothing_any_more(cloud: Cloud) -> None:
    trigger = Shown(await submitted(cloud, "killed", 60))
    trigger.seconds = 0.3
    task = asyncio.create_task(event_of(trigger))
    while trigger.shown.get("status") is None:  # noqa: ASYNC110  # that is what is waited for
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 1)
    await asyncio.sleep(0.5)
    assert trigger.written == []
    assert turns() == Turns()


@pytest.mark.parametrize("end", ["good", "failed", "cancelled"])
async def test_a_trigger_that_has_ended_needs_no_garbage_collector(cloud: Cloud, end: str) -> None:
    trigger = Shown(await submitted(cloud, end, 60 if end == "cancelled" else 0.2))
    if end == "failed":
        cloud.emulated.fail_job(trigger.job_id, "IMG.0057", "the file is no image")
    ended = weakref.ref(trigger)
    task = asyncio.create_task(event_of(trigger))
    del trigger
    gc.collect()
    gc.disable()
    try:
        if end == "cancelled":
            await asyncio.sleep(0.2)
            task.cancel()
        await asyncio.wait([task])
        del task
        await asyncio.sleep(1.2 * INTERVAL)  # the queue of those who write forgets, too
        assert ended() is None
    finally:
        gc.enable()


async def test_metrics_that_fail_cost_neither_the_event_nor_the_client(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True")
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_CUSTOM_CLIENT_PATH", "nowhere.Client")
    metrics.enable_in_triggerer.cache_clear()
    try:
        assert (await event_of(Shown(await submitted(cloud, "counted", 0.1))))["status"] == "success"
        assert clients() == 0
    finally:
        monkeypatch.undo()
        metrics.enable_in_triggerer.cache_clear()
        metrics.enable_in_triggerer()


async def test_wrong_keys_of_a_thousand_triggers_are_sent_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    wrong = json.loads(os.environ[name]) | {"password": "WRONG-KEY"}
    monkeypatch.setenv(name, json.dumps(wrong))
    events = await asyncio.gather(*(event_of(ImsJobTrigger(f"j{n}")) for n in range(MANY)))
    assert {event["error"] for event in events} == {"AuthenticationError"}
    assert len(cloud.emulated.journal()) == 1
    assert "WRONG-KEY" not in json.dumps(events)


async def test_who_is_on_the_way_to_a_client_finds_it_open(cloud: Cloud) -> None:
    async def come() -> object:
        async with shared.shared_client(cloud.conn_id, None) as client:
            return client

    async with shared.shared_client(cloud.conn_id, None) as first:
        shelf = shared._SHELVES[asyncio.get_running_loop()]
        for lent in shelf.clients.values():
            lent.read_at -= shared.FRESH  # so that whoever comes next reads the Connection first
        await shelf.lock.acquire()
        second, third = asyncio.create_task(come()), asyncio.create_task(come())
        await asyncio.sleep(0)
    third.cancel()
    shelf.lock.release()
    assert await second is first
    [given_up] = await asyncio.gather(third, return_exceptions=True)
    assert isinstance(given_up, asyncio.CancelledError)
    assert clients() == 0


async def test_a_changed_endpoint_reaches_those_who_come_later(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    async with shared.shared_client(cloud.conn_id, None) as early:
        changed = json.loads(os.environ[name])
        changed["extra"] = {**changed["extra"], "ims_endpoint": "http://127.0.0.1:9"}
        monkeypatch.setenv(name, json.dumps(changed))
        async with shared.shared_client(cloud.conn_id, None) as soon:
            assert soon is early  # look-ups are not repeated all the time
        for shelf in shared._SHELVES.values():
            for lent in shelf.clients.values():
                lent.read_at -= shared.FRESH
        async with shared.shared_client(cloud.conn_id, None) as later:
            assert later.account.endpoints.ims == "http://127.0.0.1:9"
            assert early.account.endpoints.ims != "http://127.0.0.1:9"
        assert clients() == 0  # of those that newcomers would get
        await early.run(list_objects("image-test"))  # whoever is in the middle of something goes on
    assert early._session is None


class AssetStore:
    """Airflow's asset state store, as a watcher uses it."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}
        self.written = asyncio.Event()

    async def aget(self, key: str, default: Any = None) -> Any:
        return json.loads(self.entries[key]) if key in self.entries else default

    async def aset(self, key: str, value: Any) -> None:
        self.entries[key] = json.dumps(value)
        self.written.set()


def watcher(store: AssetStore, pattern: str = "in/*.qcow2") -> ObsNewImageFileTrigger:
    trigger = ObsNewImageFileTrigger("image-test", "in/", pattern, poll_interval=0.05)
    trigger.asset_state_store = store  # type: ignore[assignment]
    return trigger


async def next_keys(events: AsyncIterator[Any]) -> list[str]:
    event = await asyncio.wait_for(anext(events), 10)
    return [file["key"] for file in event.payload["files"]]


async def first_keys(trigger: ObsNewImageFileTrigger) -> list[str]:
    async with aclosing(trigger.run()) as events:
        return await next_keys(events)


async def test_new_files_are_told_once_and_a_restart_forgets_nothing(cloud: Cloud) -> None:
    store, put = AssetStore(), cloud.emulated.put_object
    put("image-test", "in/old.qcow2", b"x")
    events = watcher(store).run()
    upcoming = asyncio.create_task(next_keys(events))
    await store.written.wait()  # the first look only remembers
    put("image-test", "in/notes.txt", b"x")
    put("image-test", "in/new.qcow2", b"x")
    assert await upcoming == ["in/new.qcow2"]
    upcoming = asyncio.create_task(next_keys(events))
    await asyncio.sleep(0.2)
    upcoming.cancel()  # the triggerer stops
    await asyncio.gather(upcoming, return_exceptions=True)
    put("image-test", "in/while-away.qcow2", b"x")
    assert await first_keys(watcher(store)) == ["in/while-away.qcow2"]


async def test_watchers_of_one_prefix_share_one_listing(cloud: Cloud) -> None:
    one, other = watcher(AssetStore(), "in/a*"), watcher(AssetStore(), "in/b*")
    assert one.shared_stream_key() == other.shared_stream_key()

    async def stream() -> AsyncIterator[list[ListedObject]]:
        yield []
        yield [
            ListedObject("image-test", key, 1, "e", "2026-01-01T00:00:00Z", "STANDARD")
            for key in ("in/a", "in/b")
        ]

    for trigger, key in ((one, "in/a"), (other, "in/b")):
        assert await next_keys(trigger.filter_shared_stream(stream())) == [key]


async def test_a_watcher_with_wrong_keys_sends_them_once_and_goes_on_with_new_ones(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    good = os.environ[name]
    monkeypatch.setenv(name, json.dumps(json.loads(good) | {"password": "WRONG-KEY"}))
    store = AssetStore()
    upcoming = asyncio.create_task(first_keys(watcher(store)))
    while not cloud.emulated.journal():
        await asyncio.sleep(0.02)
        assert not upcoming.done()
    await asyncio.sleep(0.3)  # six more looks, none of which may send the keys again
    assert len(cloud.emulated.journal()) == 1
    monkeypatch.setenv(name, good)
    await store.written.wait()
    cloud.emulated.put_object("image-test", "in/new.qcow2", b"x")
    assert await upcoming == ["in/new.qcow2"]


async def test_a_watcher_outlives_a_missing_connection(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    good = os.environ[name]
    monkeypatch.delenv(name)
    store = AssetStore()
    upcoming = asyncio.create_task(first_keys(watcher(store)))
    await asyncio.sleep(0.2)
    assert not upcoming.done()
    monkeypatch.setenv(name, good)
    await store.written.wait()
    upcoming.cancel()
    await asyncio.gather(upcoming, return_exceptions=True)


async def test_a_listing_in_trouble_goes_on(cloud: Cloud) -> None:
    store = AssetStore()
    cloud.emulated.add_fault({"match": {"service": "obs"}, "times": 5, "status": 503})
    upcoming = asyncio.create_task(first_keys(watcher(store)))
    await store.written.wait()
    cloud.emulated.put_object("image-test", "in/new.qcow2", b"x")
    assert await upcoming == ["in/new.qcow2"]
