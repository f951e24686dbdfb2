"""Make a data image of every new file in a bucket: an upload starts the DAG."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, get_current_context, task

from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.triggers.obs_event import ObsNewImageFileTrigger

BUCKET = os.environ.get("IMS_EXAMPLE_BUCKET", "demo-images")
PREFIX = "incoming/"

new_files = Asset(
    "obs_incoming_images",
    uri=f"obs://{BUCKET}/{PREFIX}",
    watchers=[
        AssetWatcher(
            name="new_image_files",
            trigger=ObsNewImageFileTrigger(BUCKET, PREFIX, f"{PREFIX}*.qcow2", poll_interval=5),
        )
    ],
)

with DAG(
    dag_id="example_ims_on_new_file",
    schedule=[new_files],
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["example", "huawei cloud", "ims"],
    doc_md=f"""
### New file in OBS → data image in IMS

Every `*.qcow2` that is uploaded to `{BUCKET}:{PREFIX}` becomes a data image. Nothing is polled by a task: the
triggerer lists the bucket, once for all DAGs that watch it.
""",
):

    @task
    def requests() -> list[dict[str, Any]]:
        """Return what to ask for: all files of all events that started this run."""
        events = get_current_context()["triggering_asset_events"][new_files]
        files = [file for event in events for file in (event.extra or {}).get("payload", {}).get("files", [])]
        return [{"image_url": file["image_url"], "name": PurePosixPath(file["key"]).stem} for file in files]

    ImsCreateDataImageOperator.partial(
        task_id="create", min_disk=40, os_type="Linux", wait_for_completion=True, deferrable=True
    ).expand_kwargs(requests())
