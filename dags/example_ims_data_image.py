"""Make a data image from an image file in OBS: check the upload and the file, submit, wait, use the image."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.params import data_image_params
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

log = logging.getLogger(__name__)

IMAGE_URL = "{{ params.bucket }}:{{ params.key }}"

with DAG(
    dag_id="example_ims_data_image",
    schedule=None,
    catchup=False,
    # A retry never makes a second image: it takes up the submission, and the job, where they stand.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params=data_image_params(),
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### Image file in OBS → data image in IMS

1. **check_upload** waits until the file lies in the bucket, whole and of a usable storage class.
2. **preflight** looks into the file and tells at once what IMS would tell after minutes.
3. **create_data_image** submits the request, once, whatever happens to the worker.
4. **wait_for_image** follows the job in the triggerer until the image is active.
5. **use_image** stands for your own work with the image.

It needs a Connection `huaweicloud_ims_default` of type *Huawei Cloud IMS*.
""",
):
    check_upload = ObsImageFileSensor(
        task_id="check_upload", image_url=IMAGE_URL, deferrable=True, timeout=6 * 3600
    )
    preflight = ImsPreflightOperator(
        task_id="preflight",
        image_url=IMAGE_URL,
        name="{{ params.name }}",
        min_disk="{{ params.min_disk }}",
        os_type="{{ params.os_type }}",
    )
    create_data_image = ImsCreateDataImageOperator(
        task_id="create_data_image",
        image_url=IMAGE_URL,
        name="{{ params.name }}",
        min_disk="{{ params.min_disk }}",
        os_type="{{ params.os_type }}",
        description="{{ params.description or '' }}",
        tags="{{ params.tags or [] }}",
    )
    wait_for_image = ImsJobSensor(
        task_id="wait_for_image",
        job_id=create_data_image.output,
        deferrable=True,
        timeout=6 * 3600,
    )

    @task
    def use_image(image: dict[str, Any]) -> str:
        """Do something with the image."""
        log.info("The image %s (%s) is ready", image["image_id"], image["image_name"])
        return str(image["image_id"])

    check_upload >> preflight >> create_data_image
    use_image(wait_for_image.output)
