"""The DAG of the distributed test: as many mapped imports as ``DISTRIBUTED_IMAGES`` says."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG

from ims_airflow.operators.ims import ImsCreateDataImageOperator

IMAGES = int(os.environ.get("DISTRIBUTED_IMAGES", "100"))

with DAG("distributed_imports", schedule=None, max_active_tasks=200):
    ImsCreateDataImageOperator.partial(
        task_id="create",
        image_url="image-test:disk.qcow2",
        min_disk=40,
        os_type="Linux",
        wait_for_completion=True,
        deferrable=True,
        poll_interval=5,
        pool="ims_imports",
        retries=20,
        retry_delay=timedelta(seconds=2),
        max_retry_delay=timedelta(seconds=2),
    ).expand(name=[f"distributed-{number:03}" for number in range(IMAGES)])
