from __future__ import annotations

import asyncio

from ims_airflow.protocol.waiting import Log
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.logs import shared_log
from ims_airflow.triggers.obs import ObsImageFileTrigger


async def logs() -> tuple[Log, Log, Log]:
    jobs = [ImsJobTrigger(f"j{number}") for number in range(2)]
    return shared_log(jobs[0]), shared_log(jobs[1]), shared_log(ObsImageFileTrigger("b:k"))


def test_triggers_of_a_class_share_a_logger() -> None:
    one, other, of_files = asyncio.run(logs())
    assert one is other
    assert one is not of_files


def test_another_event_loop_has_loggers_of_its_own() -> None:
    assert asyncio.run(logs())[0] is not asyncio.run(logs())[0]


def test_without_an_event_loop_each_has_its_own() -> None:
    trigger = ImsJobTrigger("j1")
    assert shared_log(trigger) is trigger.log
    assert shared_log(ImsJobTrigger("j1")) is not trigger.log
