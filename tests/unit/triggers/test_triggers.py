from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.serde import deserialize, serialize
from airflow_task import locate
from scripted import Lines

from ims_airflow.protocol.job_watch import JobWatch
from ims_airflow.triggers.base import WatchTrigger
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.obs import ObsImageFileTrigger

SHARED: dict[str, Any] = {
    "ims_conn_id": "c",
    "region": "r",
    "poll_interval": 5.0,
    "started": 1.0,
    "deadline": 2.0,
    "deadline_name": "execution_timeout",
    "looked": 1.5,
}
MEMO = JobWatch("j1", started=1.0, log=Lines()).memo()
TRIGGERS: list[WatchTrigger[Any]] = [
    ImsJobTrigger("j1", trouble_budget=5, job_query="ShowJobProgress", verify_image=False, **SHARED),
    ImsJobTrigger("j1"),
    ImsJobTrigger(
        "j1",
        shown={"name": "n", "process_percent": 0.1},
        memo=JobWatch("j1", started=1.0, log=Lines()).memo(),
    ),
    ObsImageFileTrigger("b-1:k", **SHARED),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=repr)
def test_a_trigger_survives_the_database(trigger: WatchTrigger[Any]) -> None:
    path, arguments = trigger.serialize()
    stored = json.loads(json.dumps(arguments))
    assert deserialize(serialize(stored)) == arguments
    assert locate(path)(**stored).serialize() == (path, arguments)


async def test_an_unknown_connection_becomes_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"conn_type": "huaweicloud_ims", "extra": {"auth": "magic"}}')
    events = [event async for event in ImsJobTrigger("j1", ims_conn_id="broken").run()]
    [event] = events
    assert event.payload["status"] == "error"
    assert event.payload["job_id"] == "j1"
    assert "extra.auth" in event.payload["message"]
    assert not event.payload["retryable"]
