"""The DAG of the soak: as many mapped submissions as ``SOAK_IMAGES`` says."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from ims_airflow.operators.ims import ImsCreateDataImageOperator

with DAG("soak", schedule=None, max_active_tasks=1000):
    ImsCreateDataImageOperator.partial(
        task_id="create",
        image_url="image-test:disk.qcow2",
        min_disk=40,
        os_type="Linux",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        settling_window=30,
        retries=10,
        retry_delay=timedelta(seconds=2),
    ).expand(name=[f"soak-{number}" for number in range(int(os.environ.get("SOAK_IMAGES", "500")))])
