"""DAGs whose imports take a while, to be looked at while they run."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, AssetAlias

from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor

REQUEST: dict[str, Any] = {"image_url": "demo-images:nightly/data.qcow2", "min_disk": 40, "os_type": "Linux"}

with DAG("shown_deferred", schedule=None):
    ImsCreateDataImageOperator.partial(
        task_id="create",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=1,
        outlets=[AssetAlias("fresh_images")],
        **REQUEST,
    ).expand(name=["first", "second"])

with DAG("shown_poking", schedule=None):
    submit = ImsCreateDataImageOperator(task_id="submit", name="third", **REQUEST)
    ImsJobSensor(task_id="wait", job_id=submit.output, mode="poke", poke_interval=1)
