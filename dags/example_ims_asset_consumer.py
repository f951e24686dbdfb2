"""A DAG that starts whenever a new image is there, and the DAG that makes the image."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context, task

from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.obs import ObsImageFileSensor

log = logging.getLogger(__name__)

IMAGE_URL = os.environ.get("IMS_EXAMPLE_IMAGE_URL", "demo-images:nightly/data.qcow2")
# The name stays from night to night while the image behind it changes, so DAGs can be scheduled on it.
nightly_data = Asset("nightly_data_image", uri="ims://cn-north-4/nightly-data")
RETRIES = {"retries": 2, "retry_delay": timedelta(seconds=10)}

with DAG(
    dag_id="example_ims_asset_producer",
    schedule=None,
    catchup=False,
    default_args=RETRIES,
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### Image file in OBS → image in IMS → asset event

`create` declares the image as its outlet. When it is active, the event of the asset tells its id, the file
that it was made of with size and ETag, the job and how long it took.
""",
):
    check = ObsImageFileSensor(task_id="check_upload", image_url=IMAGE_URL, deferrable=True)
    create = ImsCreateDataImageOperator(
        task_id="create",
        image_url=IMAGE_URL,
        name="nightly-data",
        min_disk=40,
        os_type="Linux",
        wait_for_completion=True,
        deferrable=True,
        outlets=[nightly_data],
    )
    check >> create

with DAG(
    dag_id="example_ims_asset_consumer",
    schedule=[nightly_data],
    catchup=False,
    default_args=RETRIES,
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### New image in IMS → your own work with it

No task waits: Airflow starts a run when the image has an event.
""",
):

    @task
    def use_image() -> dict[str, Any]:
        """Do something with the newest image."""
        events = get_current_context()["triggering_asset_events"][nightly_data]
        image: dict[str, Any] = dict(events[-1].extra or {})
        log.info("Image %s is made of %s (ETag %s)", image["image_id"], image["image_url"], image["etag"])
        return image

    use_image()
