"""Make data images of a list of files: each is checked, looked into, submitted and followed by itself."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from ims_airflow.params import image_files_params
from ims_airflow.task_groups.ims import import_data_images

log = logging.getLogger(__name__)

with DAG(
    dag_id="example_ims_many_files",
    schedule=None,
    catchup=False,
    # A retry never makes a second image: it takes up the submission, and the job, where they stand.
    default_args={"retries": 3, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params=image_files_params(bucket=os.environ.get("IMS_EXAMPLE_BUCKET", "demo-images")),
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### Many files in OBS → one data image each

1. **files** makes a list of the keys in the form.
2. **import_data_images** handles each by itself: a file that is late or unfit holds up no other.
3. **use_images** gets all images once all are there.

It needs a Connection `huaweicloud_ims_default` of type *Huawei Cloud IMS*.
""",
):

    @task
    def files() -> list[str]:
        """Return the files to import."""
        params = get_current_context()["params"]
        return [f"{params['bucket']}:{key}" for key in params["keys"]]

    @task
    def use_images(images: list[dict[str, Any]]) -> list[str]:
        """Do something with the images."""
        for image in images:
            log.info("The image %s (%s) is ready", image["image_id"], image["image_name"])
        return [image["image_id"] for image in images]

    images = import_data_images(
        files(),
        min_disk="{{ params.min_disk }}",
        os_type="{{ params.os_type }}",
        tags="{{ params.tags or [] }}",
        upload_poll_interval=15,
        upload_timeout=timedelta(hours=6),
    )
    use_images(images)
