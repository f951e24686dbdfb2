"""Make a data image of each day's export: one file a day, named after the day."""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param

from ims_airflow.params import data_image_params, whole
from ims_airflow.task_groups.ims import import_data_image

# A run that a person starts without a date is about the day on which it runs.
DAY = "{{ ds | default(dag_run.run_after | ds) }}"
FORM = data_image_params(bucket=os.environ.get("IMS_EXAMPLE_BUCKET", "demo-images"))

with DAG(
    dag_id="example_ims_daily",
    schedule="0 2 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=3,
    is_paused_upon_creation=True,  # nobody uploads the example's files
    default_args={"retries": 3, "retry_delay": timedelta(seconds=10), "deferrable": True},
    params={
        **{name: FORM[name] for name in ("bucket", "min_disk", "os_type")},
        "prefix": Param(
            "exports",
            type="string",
            title="Folder",
            description="Where the exports lie: the file of a day is <folder>/2026-01-31/data.qcow2.",
            examples=["exports", "backups/database"],
            pattern=whole(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*"),
            maxLength=200,
        ),
        "name_prefix": Param(
            "export",
            type="string",
            title="Beginning of the image name",
            description="The day follows: export-2026-01-31. Letters, digits, hyphens and underscores.",
            examples=["export", "nightly_backup"],
            pattern=whole(r"[A-Za-z0-9_-]+"),
            maxLength=100,
        ),
    },
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### One image a day

Every night at two (UTC), the export of that day becomes a data image that bears the day in its name and its
tags. The run waits up to six hours for the upload, in the triggerer.

Start it by hand with a date to make up for a day, or run a *backfill* for several. Clearing a run that has
failed takes up its job where it stands.

It needs a Connection `huaweicloud_ims_default` of type *Huawei Cloud IMS*.
""",
):
    import_data_image(
        image_url="{{ params.bucket }}:{{ params.prefix }}/" + DAY + "/data.qcow2",
        name="{{ params.name_prefix }}-" + DAY,
        min_disk="{{ params.min_disk }}",
        os_type="{{ params.os_type }}",
        description="Export of " + DAY,
        tags=["source.export", "day." + DAY],
        upload_poll_interval=15,
        upload_timeout=timedelta(hours=6),
    )
