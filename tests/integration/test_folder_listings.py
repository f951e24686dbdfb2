"""Sensors that wait for single files of one folder share one listing, and HEAD has the last word."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from integration.clouds import Cloud

from ims_airflow.hooks.obs import ObsHook
from ims_airflow.protocol.image_file import Expectation
from ims_airflow.protocol.message import Call, Flow, Service
from ims_airflow.protocol.obs_folder import SEVERAL
from ims_airflow.triggers.obs import ObsImageFileTrigger

Waiting = dict[str, asyncio.Task[dict[str, Any]]]


async def event_of(trigger: ObsImageFileTrigger) -> dict[str, Any]:
    [event] = [event async for event in trigger.run()]
    payload: dict[str, Any] = event.payload
    return payload


@asynccontextmanager
async def sensors(many: int, interval: float, *, check_uploads: bool = True) -> AsyncIterator[Waiting]:
    """Many deferred sensors, each for a file of its own in one folder, by key."""
    expectation = asdict(Expectation(check_uploads=check_uploads))
    keys = [f"in/{number}.qcow2" for number in range(many)]
    triggers = {
        key: ObsImageFileTrigger(f"image-test:{key}", poll_interval=interval, expectation=expectation)
        for key in keys
    }
    waiting = {key: asyncio.create_task(event_of(trigger)) for key, trigger in triggers.items()}
    try:
        yield waiting
    finally:
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)


async def put(cloud: Cloud, key: str) -> None:
    await asyncio.to_thread(cloud.emulated.put_object, "image-test", key, b"x")


async def found(waiting: Waiting) -> list[str]:
    events = await asyncio.wait_for(asyncio.gather(*waiting.values()), 20)
    assert {event["status"] for event in events} == {"success"}
    return [event["result"]["key"] for event in events]


def asked(cloud: Cloud, method: str, *, path: str = "", argument: str = "") -> int:
    return sum(
        entry["method"] == method and path in entry["path"] and (not argument or argument in entry["query"])
        for entry in cloud.emulated.journal("obs")
    )


def heads(cloud: Cloud) -> int:
    return asked(cloud, "HEAD", path="/in/")


async def until_heads(cloud: Cloud, count: int) -> None:
    for _ in range(400):
        if heads(cloud) >= count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"only {heads(cloud)} requests came")


def begin_upload(key: str) -> Flow[None]:
    yield Call(Service.OBS, "POST", key, bucket="image-test", query=(("uploads", ""),))


async def test_fifty_sensors_cost_one_listing_per_interval_and_notice_every_file(cloud: Cloud) -> None:
    interval, many = 1.0, 50
    started = time.monotonic()
    async with sensors(many, interval) as waiting:
        await asyncio.sleep(interval * 3.5)
        assert not any(task.done() for task in waiting.values())
        intervals = (time.monotonic() - started) / interval
        assert 3 <= asked(cloud, "GET", argument="delimiter") <= intervals / 0.9 + 1
        assert heads(cloud) < SEVERAL  # of those who came when nobody else was there
        assert asked(cloud, "HEAD") - heads(cloud) <= intervals  # of the bucket
        for key in waiting:
            await put(cloud, key)
        assert await found(waiting) == list(waiting)
    assert many <= heads(cloud) < many + SEVERAL  # nobody believes a listing that a file is there
    assert asked(cloud, "GET", argument="uploads") <= 12


async def test_each_file_is_noticed_within_two_intervals(cloud: Cloud) -> None:
    interval = 0.5
    async with sensors(6, interval) as waiting:
        await asyncio.sleep(interval * 1.2)
        for key, task in waiting.items():
            assert not task.done()
            await put(cloud, key)
            event = await asyncio.wait_for(task, 2 * interval + 2)
            assert event["result"]["key"] == key


async def test_open_uploads_of_a_folder_are_listed_once_for_all_who_wait_for_their_end(cloud: Cloud) -> None:
    interval, many = 2.0, 30
    for number in range(many):
        await put(cloud, f"in/{number}.qcow2")
        await asyncio.to_thread(ObsHook(cloud.conn_id).run, begin_upload(f"in/{number}.qcow2"))
    async with sensors(many, interval) as waiting:
        await asyncio.sleep(interval * 1.5)
        assert not any(task.done() for task in waiting.values())
        assert asked(cloud, "GET", argument="uploads") <= 3
        assert asked(cloud, "GET", argument="delimiter") <= 3


async def test_who_may_not_list_asks_for_each_file(cloud: Cloud) -> None:
    denied = "<Error><Code>AccessDenied</Code></Error>"
    cloud.emulated.add_fault({"match": {"method": "GET"}, "status": 403, "body": denied})
    many = 8
    async with sensors(many, 0.2, check_uploads=False) as waiting:
        await until_heads(cloud, 4 * many)
        assert asked(cloud, "GET", argument="delimiter") == 1
        for key in waiting:
            await put(cloud, key)
        assert await found(waiting) == list(waiting)


async def test_one_sensor_alone_never_lists_the_folder(cloud: Cloud) -> None:
    async with sensors(1, 0.1) as waiting:
        await until_heads(cloud, 4)
        assert asked(cloud, "GET") == 0
        await put(cloud, "in/0.qcow2")
        assert await found(waiting) == list(waiting)
    assert asked(cloud, "GET", argument="uploads") == 1
