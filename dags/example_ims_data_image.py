"""Make a data image from an image file in OBS: check the upload and the file, submit, wait, use the image."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

log = logging.getLogger(__name__)

IMAGE_URL = "{{ params.bucket }}:{{ params.key }}"
CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"


def whole(pattern: str) -> str:
    """Return a pattern for the whole text; a bare ``$`` would let a line break through at the end."""
    return rf"^(?:{pattern})$(?!\n)"


PARAMS = {
    "bucket": Param(
        type="string",
        title="Bucket",
        description="The OBS bucket that the file is uploaded to: class STANDARD, in the image's region.",
        pattern=whole(r"(?!.*\.\.)(?!\d{1,3}(?:\.\d{1,3}){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        minLength=3,
        maxLength=63,
    ),
    "key": Param(
        type="string",
        title="Object key",
        description="Name of the image file in the bucket, folders included, such as `images/data.qcow2`. "
        "No spaces.",
        pattern=whole(r"(?!/)(?!(?:.*/)?\.{1,2}(?:/|$))[^ \x00-\x1f\x7f-\x9f]+"),
        minLength=1,
        maxLength=1024,
    ),
    "name": Param(
        type="string",
        title="Image name",
        description="1 to 128 letters, digits, Chinese characters, `-`, `.`, `_` and inner spaces.",
        pattern=whole(rf"[A-Za-z0-9._{CHINESE}-](?:[A-Za-z0-9._ {CHINESE}-]*[A-Za-z0-9._{CHINESE}-])?"),
        minLength=1,
        maxLength=128,
    ),
    "min_disk": Param(
        40,
        type="integer",
        title="Disk size (GB)",
        description="Size of disks made from the image: 40 to 2048 GB, at least the file's virtual size.",
        minimum=40,
        maximum=2048,
    ),
    "os_type": Param(
        "Linux",
        type="string",
        title="Operating system",
        description="System of the servers that the disk is for.",
        enum=["Linux", "Windows"],
    ),
    "description": Param(
        "",
        type=["string", "null"],
        title="Description",
        description="At most 1024 characters, without `<`, `>` and carriage returns.",
        pattern=r"^[^<>\r]*$",
        maxLength=1024,
    ),
    "tags": Param(
        [],
        type=["array", "null"],
        title="Tags",
        description="One `key.value` per line, at most 10. Key: 1 to 36 letters, digits, `_`, `-`, Chinese "
        "characters. Value: up to 43 of these and dots.",
        items={
            "type": "string",
            "pattern": whole(rf"[A-Za-z0-9_{CHINESE}-]{{1,36}}(?:\.[A-Za-z0-9_.{CHINESE}-]{{0,43}})?"),
        },
        maxItems=10,
        uniqueItems=True,
    ),
}

with DAG(
    dag_id="example_ims_data_image",
    schedule=None,
    catchup=False,
    # A retry never makes a second image: it takes up the submission, and the job, where they stand.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    params=PARAMS,
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
    use_image(wait_for_image.output)  # type: ignore[arg-type]  # the image, once the task runs
