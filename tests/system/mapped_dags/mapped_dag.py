"""Every operator and sensor mapped over files, in each of the ways that Airflow has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task, task_group

from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.ims import import_data_image, import_data_images

FILES = ["demo-images:mapped/one.qcow2", "demo-images:mapped/two.qcow2"]
SETTINGS = {"retries": 3, "retry_delay": timedelta(seconds=1), "deferrable": True, "poll_interval": 1}
IMAGE: dict[str, Any] = {"min_disk": 40, "os_type": "Linux"}

with DAG("mapped", schedule=None, default_args=SETTINGS):
    upload = ObsImageFileSensor.partial(task_id="upload").expand(image_url=FILES)
    preflight = ImsPreflightOperator.partial(task_id="preflight", **IMAGE).expand(image_url=FILES)
    create = ImsCreateDataImageOperator.partial(task_id="create", **IMAGE).expand_kwargs(
        [{"image_url": url, "name": f"mapped-{number}"} for number, url in enumerate(FILES)]
    )
    wait = ImsJobSensor.partial(task_id="wait").expand(job_id=create.output)
    upload >> preflight >> create

    @task_group
    def own(image_url: Any) -> None:
        """Do more with each file than to import it."""
        import_data_image(image_url=image_url, name="own {{ ti.map_index }}", **IMAGE)

    own.expand(image_url=FILES)

    pattern = ObsImageFileSensor(task_id="pattern", image_url="demo-images:mapped/*.qcow2")

    @task
    def name_of(image: dict[str, Any]) -> str:
        """Take one image of many."""
        return str(image["image_name"])

    name_of.expand(image=import_data_images(pattern.output, description="{{ run_id }}", **IMAGE))
