"""Sensors that watch one bucket and prefix share its listings."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from integration.clouds import Cloud

from ims_airflow.client.sharing import FEW, SharedAnswers
from ims_airflow.exceptions import ServiceError
from ims_airflow.protocol.message import Call, Response, Service
from ims_airflow.triggers.obs import ObsImageFileTrigger

MANY = 100


async def event_of(trigger: ObsImageFileTrigger) -> dict[str, Any]:
    [event] = [event async for event in trigger.run()]
    payload: dict[str, Any] = event.payload
    return payload


def listings(cloud: Cloud) -> int:
    return sum(entry["method"] == "GET" for entry in cloud.emulated.journal("obs"))


async def test_many_sensors_on_one_prefix_cost_one_listing_per_interval(cloud: Cloud) -> None:
    interval = 0.5
    triggers = [ObsImageFileTrigger("image-test:in/*.qcow2", poll_interval=interval) for _ in range(MANY)]
    waiting = asyncio.gather(*(event_of(trigger) for trigger in triggers))
    await asyncio.sleep(4 * interval)
    assert 1 <= listings(cloud) <= 6
    await asyncio.to_thread(cloud.emulated.put_object, "image-test", "in/disk.qcow2", b"x")
    assert {event["status"] for event in await waiting} == {"success"}
    assert listings(cloud) <= 12  # the open uploads are shared, too


def listing(fresh: float = 60.0, prefix: str = "in/") -> Call:
    return Call(Service.OBS, "GET", "", bucket="b", query=(("prefix", prefix),), attempts=1, fresh=fresh)


class Server:
    """Counts what it is asked, and answers when told to."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.ready = asyncio.Event()

    def send(self, call: Call) -> Coroutine[Any, Any, Response]:
        self.asked += 1
        return self._answer(self.answers.pop(0) if self.answers else Response(200, {}))

    async def _answer(self, answer: Response | Exception) -> Response:
        await self.ready.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_whoever_asked_first_can_be_cancelled_without_harm_to_the_others() -> None:
    shared, server = SharedAnswers(), Server(Response(200, {}, b"one"))
    first = asyncio.create_task(shared.ask(listing(), server.send))
    second = asyncio.create_task(shared.ask(listing(), server.send))
    await asyncio.sleep(0)
    first.cancel()
    server.ready.set()
    assert (await second).body == b"one"
    assert server.asked == 1


async def test_trouble_is_told_to_all_who_wait_and_remembered_for_nobody_else() -> None:
    shared, server = SharedAnswers(), Server(ServiceError("down", status=503), Response(200, {}, b"up"))
    server.ready.set()
    both = await asyncio.gather(
        *(shared.ask(listing(), server.send) for _ in range(2)), return_exceptions=True
    )
    assert [type(answer) for answer in both] == [ServiceError, ServiceError]
    assert (await shared.ask(listing(), server.send)).body == b"up"


async def test_who_asks_when_an_answer_is_there_and_nobody_knows_yet_hears_the_same() -> None:
    shared, server = SharedAnswers(), Server(ServiceError("down", status=503))
    server.ready.set()
    first = asyncio.create_task(shared.ask(listing(), server.send))
    await asyncio.sleep(0)
    [question] = shared._questions.values()
    while not question.answer.done():  # noqa: ASYNC110  # the tick is what matters
        await asyncio.sleep(0)
    assert not first.done()
    both = await asyncio.gather(first, shared.ask(listing(), server.send), return_exceptions=True)
    assert [type(answer) for answer in both] == [ServiceError, ServiceError]
    assert server.asked == 1


async def test_an_answer_serves_others_only_while_it_is_fresh_enough_for_them() -> None:
    shared, server = SharedAnswers(), Server()
    server.ready.set()
    await shared.ask(listing(), server.send)
    await shared.ask(listing(), server.send)
    assert server.asked == 1
    await asyncio.sleep(0.02)
    await shared.ask(listing(fresh=0.01), server.send)
    assert server.asked == 2
    await shared.ask(listing(prefix="out/"), server.send)
    assert server.asked == 3


async def test_stale_answers_are_forgotten_however_many_questions_there_are() -> None:
    shared, server = SharedAnswers(), Server()
    server.ready.set()
    for number in range(500):
        await shared.ask(listing(fresh=1e-9, prefix=f"{number}/"), server.send)
    assert len(shared._questions) <= FEW


async def test_closing_ends_what_nobody_waits_for() -> None:
    shared, server = SharedAnswers(), Server()
    asking = asyncio.create_task(shared.ask(listing(), server.send))
    await asyncio.sleep(0)
    asking.cancel()
    await shared.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(asyncio.all_tasks()) == 1
