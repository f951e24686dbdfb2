"""A DAG file that uses every public name. It is read by mypy, as an editor reads it, and never run.

A new public name gets a use here: ``tests/integration/test_typing.py`` compares this file with the package.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, Asset, AssetWatcher, Param, dag, task, task_group

from ims_airflow.exceptions import ImsAirflowError, InvalidInputError, JobFailedError
from ims_airflow.hooks.ims import ImsHook
from ims_airflow.hooks.obs import ObsHook
from ims_airflow.operators.ims import (
    ImsCreateDataImageOperator,
    ImsDeleteImageOperator,
    ImsPreflightOperator,
    ImsRetentionOperator,
    ImsSweepOperator,
)
from ims_airflow.params import data_image_params, image_files_params, whole
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.ims import ImageFile, import_data_image, import_data_images
from ims_airflow.triggers.ims import ImsJobTrigger
from ims_airflow.triggers.obs import ObsImageFileTrigger
from ims_airflow.triggers.obs_event import ObsNewImageFileTrigger

DEFAULTS: dict[str, Any] = {"retries": 2, "ims_conn_id": "huaweicloud_ims_default", "region": "cn-north-4"}
finished = Asset("finished_image")
uploads = Asset(
    "uploads",
    uri="obs://bucket/incoming/",
    watchers=[
        AssetWatcher(
            name="new_files",
            trigger=ObsNewImageFileTrigger(
                "bucket",
                "incoming/",
                "incoming/*.qcow2",
                ims_conn_id="huaweicloud_ims_default",
                region="cn-north-4",
                poll_interval=30.0,
                existing=True,
            ),
        )
    ],
)


@task
def use_job(job_id: str) -> str:
    return job_id


@task
def use_image(image: dict[str, Any]) -> str:
    return str(image["image_id"])


@task
def use_image_id(image_id: str) -> str:
    return image_id


@task
def use_images(images: list[dict[str, Any]]) -> int:
    return len(images)


@task
def list_files() -> list[ImageFile]:
    return [{"image_url": "bucket:a.qcow2", "name": "a"}]


with DAG(
    "steps", schedule=None, default_args=DEFAULTS, params=data_image_params(bucket="bucket", min_disk=80)
):
    upload = ObsImageFileSensor(
        task_id="upload",
        image_url="bucket:images/*.qcow2",
        expected_size="{{ params.size }}",
        min_size=1,
        expected_etag=None,
        stable_for=30.0,
        check_uploads=True,
        abandoned_after=86400.0,
        ims_conn_id="huaweicloud_ims_default",
        region=None,
        deferrable=True,
        poll_interval=timedelta(seconds=30),
        timeout=timedelta(hours=6),
        mode="reschedule",
        soft_fail=False,
        exponential_backoff=True,
        max_wait=300,
    )
    preflight = ImsPreflightOperator(
        task_id="preflight",
        image_url="bucket:images/data.qcow2",
        name="data",
        min_disk=40,
        mode="warn",
        dry_run="{{ params.dry_run }}",
        pool="ims",
        trigger_rule="all_done",
    )
    create = ImsCreateDataImageOperator(
        task_id="create",
        name="data",
        image_url="bucket:images/data.qcow2",
        min_disk="{{ params.min_disk }}",
        os_type="Linux",
        description="words",
        cmk_id=None,
        tags=["team.storage"],
        image_tags=None,
        enterprise_project_id="0",
        ims_conn_id="huaweicloud_ims_default",
        region="cn-north-4",
        wait_for_completion=False,
        deferrable=True,
        poll_interval=15,
        timeout=timedelta(hours=2),
        trouble_budget=900.0,
        settling_window=60.0,
        job_query="ShowJobProgress",
        verify_image=True,
        retries=3,
        retry_delay=timedelta(minutes=1),
        execution_timeout=timedelta(hours=3),
        outlets=[finished],
        on_failure_callback=lambda context: print(context["ti"]),
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        doc_md="Words.",
    )
    wait = ImsJobSensor(
        task_id="wait",
        job_id=create.output,
        trouble_budget=900.0,
        job_query="ShowJob",
        verify_image=True,
        poke_interval=10,
        deferrable=True,
    )
    upload >> preflight >> create
    use_job(create.output)
    use_image(wait.output)
    use_image(preflight.output)
    use_image(upload.output)
    use_image_id(wait.output["image_id"])
    wait.output >> use_job("other")

with DAG(
    "groups",
    schedule=[uploads],
    params=image_files_params(bucket="bucket", keys=["a.qcow2"], os_type="Windows"),
):
    image = import_data_image(
        image_url="bucket:data.qcow2",
        name="data",
        min_disk=40,
        os_type="Linux",
        description="words",
        cmk_id=None,
        tags=["team.storage"],
        image_tags=None,
        enterprise_project_id="0",
        expected_size=197120,
        expected_etag="{{ params.etag }}",
        group_id="one",
        ims_conn_id="huaweicloud_ims_default",
        region=None,
        deferrable=True,
        poll_interval=30,
        upload_poll_interval=timedelta(minutes=1),
        upload_timeout=timedelta(hours=6),
        timeout=3600,
        preflight="off",
        outlets=[finished],
        default_args={"retries": 3},
        tooltip="Words.",
    )
    use_image(image)
    use_image_id(image["image_id"])
    many = import_data_images(
        ["bucket:a.qcow2", {"image_url": "bucket:b.qcow2", "min_disk": 80}],
        os_type="Linux",
        group_id="many",
        preflight="warn",
    )
    use_images(many)
    use_image.expand(image=many)
    use_images(import_data_images(list_files(), min_disk=40, os_type="Linux"))

with DAG("housekeeping", schedule="@daily"):
    ImsDeleteImageOperator(task_id="delete", image_id=wait.output["image_id"], retries=2)
    ImsRetentionOperator(
        task_id="retention",
        keep=7,
        dag_id="nightly",
        name_pattern="export-*",
        min_age=timedelta(days=1),
        dry_run=False,
        timeout=600,
        ims_conn_id="huaweicloud_ims_default",
        region=None,
        pool="ims",
    )
    ImsSweepOperator(task_id="sweep", task_ids=["create"], dag_id="nightly", dry_run="{{ params.dry_run }}")


@dag(schedule="@daily", params={"size": Param("a", pattern=whole("[a-z]+")), **data_image_params()})
def decorated() -> None:
    ImsCreateDataImageOperator.partial(task_id="create", min_disk=40, os_type="Linux").expand_kwargs(
        list_files()
    )
    ObsImageFileSensor.partial(task_id="upload").expand(image_url=["bucket:a", "bucket:b"])
    ImsPreflightOperator.partial(task_id="preflight").expand(image_url=["bucket:a", "bucket:b"])

    @task_group
    def inner() -> None:
        use_image(import_data_image(image_url="bucket:a", name="a", min_disk=40, os_type="Linux"))

    inner()


decorated()


def by_hand(path: Path) -> str:
    """What a person writes into a task of his own."""
    obs = ObsHook(ims_conn_id="huaweicloud_ims_default", region="cn-north-4")
    obs.create_bucket("bucket")
    assert obs.head_bucket("bucket").region
    size: int = obs.upload_file(path, "bucket:data.qcow2").size
    size += obs.head_object("bucket:data.qcow2").size
    obs.delete_object("bucket:data.qcow2")
    ims = ImsHook()
    try:
        request = DataImageRequest(name="data", image_url="bucket:data.qcow2", min_disk=40, os_type="Linux")
        job = ims.show_job(ims.create_data_image(request), query="ShowJob")
    except InvalidInputError:
        raise
    except JobFailedError as error:
        return error.error_code
    except ImsAirflowError as error:
        return str(error.retryable)
    for found in ims.list_images({"name": "data"}):
        ims.delete_image(found.image_id)
    shown = ims.show_image("image")
    fine, words = ims.test_connection()
    return words if fine and shown else job.job_id


triggers = [
    ImsJobTrigger(
        "job",
        trouble_budget=900.0,
        job_query="ShowJob",
        verify_image=True,
        ims_conn_id="huaweicloud_ims_default",
        region=None,
        poll_interval=30.0,
        started=0.0,
        deadline=None,
        deadline_name="timeout",
    ),
    ObsImageFileTrigger(
        "bucket:key", expectation=None, longest_interval=None, deadline=1.0, region="cn-north-4"
    ),
]
