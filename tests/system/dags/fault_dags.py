"""DAGs that the fault tests run: one task each, in the way of waiting that the DAG is named after."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor

MANY = 60
NAME = "{{ run_id | replace(':', '-') | replace('+', '-') }}"
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=1)}
REQUEST: dict[str, Any] = {
    "image_url": "image-test:disk.qcow2",
    "min_disk": 40,
    "os_type": "Linux",
    "poll_interval": 0.5,
}

with DAG("waiting", schedule=None, default_args=RETRIES):
    ImsCreateDataImageOperator(
        task_id="create",
        name=NAME,
        wait_for_completion=True,
        settling_window=20,
        **REQUEST,
    )

with DAG("deferred", schedule=None, default_args=RETRIES):
    ImsCreateDataImageOperator(
        task_id="create",
        name=NAME,
        wait_for_completion=True,
        deferrable=True,
        settling_window=20,
        **REQUEST,
    )

with DAG("short_execution_timeout", schedule=None, default_args={**RETRIES, "retries": 0}):
    ImsCreateDataImageOperator(
        task_id="create",
        name=NAME,
        wait_for_completion=True,
        deferrable=True,
        execution_timeout=timedelta(seconds=4),
        **REQUEST,
    )

with DAG("poking", schedule=None, default_args=RETRIES):
    create = ImsCreateDataImageOperator(task_id="create", name=NAME, **REQUEST)
    ImsJobSensor(task_id="wait", job_id=create.output, mode="poke", poke_interval=0.5)

with DAG("rescheduled", schedule=None, default_args={**RETRIES, "retries": 0}):
    create = ImsCreateDataImageOperator(task_id="create", name=NAME, **REQUEST)
    ImsJobSensor(task_id="wait", job_id=create.output, mode="reschedule", poke_interval=1, timeout=4)

with DAG("many", schedule=None, default_args=RETRIES):
    ImsCreateDataImageOperator.partial(
        task_id="create", wait_for_completion=True, deferrable=True, **REQUEST
    ).expand(name=[f"image-{number}" for number in range(MANY)])
