"""Tasks that an earlier version deferred end under this one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from airflow_task import Task, locate
from integration.clouds import Cloud
from unit.upgrades.recording import JOB_ID, RECORDED

from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor

RELEASES = [json.loads(path.read_text()) for path in sorted(RECORDED.glob("*.json"))]
CHANGED = {"poll_interval": 0.1, "started": None, "deadline": None, "ims_conn_id": "huaweicloud_ims_default"}


async def _event(path: str, arguments: dict[str, Any]) -> Any:
    [event] = [event async for event in locate(path)(**arguments).run()]
    return json.loads(json.dumps(event.payload))


@pytest.mark.parametrize("state", RELEASES, ids=lambda state: str(state["version"]))
def test_a_deferred_task_survives_the_upgrade(cloud: Cloud, state: dict[str, Any]) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=0.3)
    made = Task(
        lambda: ImsCreateDataImageOperator(
            task_id="create", name="fedora", image_url="image-test:disk.qcow2", min_disk=40, os_type="Linux"
        )
    )
    job_id = made.run()
    for path, recorded in state["triggers"]:
        if recorded.get("job_id") != JOB_ID:
            continue
        arguments = {**recorded, "job_id": job_id}
        arguments |= {name: value for name, value in CHANGED.items() if name in recorded}
        event = asyncio.run(_event(path, arguments))
        sensor = ImsJobSensor(task_id="wait", job_id=job_id)
        image = sensor.resume_execution("execute_complete", {"event": event}, made.context)
        assert (image["job_id"], image["status"]) == (job_id, "SUCCESS")
