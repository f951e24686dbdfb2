"""Mistakes that mypy has to find: each is excused by name here, and looked for by a test of this file."""

from __future__ import annotations

from airflow.sdk import DAG, task

from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook
from ims_airflow.operators.ims import (
    ImsCreateDataImageOperator,
    ImsDeleteImageOperator,
    ImsPreflightOperator,
    ImsRetentionOperator,
    ImsSweepOperator,
)
from ims_airflow.params import data_image_params
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.ims import import_data_image, import_data_images
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.obs import ObsImageFileTrigger
from ims_airflow.triggers.obs_event import ObsNewImageFileTrigger


@task
def count(number: int) -> int:
    return number


with DAG("mistakes", schedule=None):
    create = ImsCreateDataImageOperator(
        task_id="create",
        name="data",
        image_url="bucket:key",
        min_disk=[40],  # type: ignore[arg-type]
        os_type="Linux",
        retries="3",  # type: ignore[arg-type]
        tags=[1],  # type: ignore[list-item]
        wait_for_completion="yes",  # type: ignore[arg-type]
        job_query="ShowJobs",  # type: ignore[arg-type]
    )
    ImsCreateDataImageOperator(task_id="a", name="a", image_url="b:k", min_disk=40)  # type: ignore[call-arg]
    ImsCreateDataImageOperator(  # type: ignore[call-arg]
        task_id="b", name="b", image_url="b:k", min_disk=40, os_type="Linux", wait_for_complete=True
    )
    ImsPreflightOperator(task_id="c", image_url="b:k", min_disc=40)  # type: ignore[call-arg]
    ImsPreflightOperator(task_id="d", image_url="b:k", mode="ignore")  # type: ignore[arg-type]
    ImsPreflightOperator(task_id="e", image_url="b:k", retry_delay="1 h")  # type: ignore[arg-type]
    wait = ImsJobSensor(task_id="f", job_id=create.output, poke_intervall=5)  # type: ignore[call-arg]
    ImsJobSensor(job_id=create.output)  # type: ignore[call-arg]
    ImsJobSensor(task_id="g", job_id=create.output, mode="later")  # type: ignore[arg-type]
    ImsJobSensor(task_id="h", job_id=create.output, poll_interval="5 s")  # type: ignore[arg-type]
    ObsImageFileSensor(task_id="i", image_url="b:k", deferable=True)  # type: ignore[call-arg]
    ObsImageFileSensor(task_id="j", image_url="b:k", stable_for="long")  # type: ignore[arg-type]
    ObsImageFileSensor(task_id="k", image_url="b:k", pool=5)  # type: ignore[arg-type]
    count(wait.output)  # type: ignore[arg-type]
    image = import_data_image(image_url="b:k", name="n", min_disk=40, os_typ="Linux")  # type: ignore[call-arg]
    import_data_image(
        image_url="b:k",
        name="n",
        min_disk=40,
        os_type="Linux",
        preflight=False,  # type: ignore[arg-type]
        timeout="1 h",  # type: ignore[arg-type]
    )
    count(image)  # type: ignore[arg-type]
    import_data_images("b:k", min_disc=40)  # type: ignore[call-arg]
    import_data_images([{"image_ur": "b:k"}])  # type: ignore[list-item]
    import_data_images([{"image_url": "b:k", "os_type": 1}])  # type: ignore[list-item]
    ImsDeleteImageOperator(task_id="l", image="id")  # type: ignore[call-arg]
    ImsRetentionOperator(task_id="m", keep=[7])  # type: ignore[arg-type]
    ImsSweepOperator(task_id="n", task_id_list=["create"])  # type: ignore[call-arg]

data_image_params(bukket="b")  # type: ignore[call-arg]
data_image_params(min_disk="40")  # type: ignore[arg-type]
ImsJobTrigger("job", ims_conn="c")  # type: ignore[call-arg]
ImsJobTrigger("job", deadline="soon")  # type: ignore[arg-type]
ObsImageFileTrigger("b:k", longest="1 h")  # type: ignore[call-arg]
ObsNewImageFileTrigger("b", poll="60")  # type: ignore[call-arg]
ImsHook(conn_id="c")  # type: ignore[call-arg]
ImsHook().show_job("job", query="Show")  # type: ignore[arg-type]
ObsHook().head_objects("b:k")  # type: ignore[attr-defined]
