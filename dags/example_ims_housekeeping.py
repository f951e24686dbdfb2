"""Tidy up the data images of a DAG every day: remove what killed runs have left, and keep the newest."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from ims_airflow.operators.ims import ImsRetentionOperator, ImsSweepOperator

PARAMS = {
    "dag_id": Param(
        "example_ims_data_image",
        type="string",
        title="DAG",
        description="Id of the DAG that makes the images. Images of other DAGs are not touched.",
        minLength=1,
        maxLength=250,
    ),
    "keep": Param(
        7,
        type="integer",
        title="Images to keep",
        description="How many of its newest images stay. Protected images stay too, and do not count.",
        minimum=1,
        maximum=1000,
    ),
    "dry_run": Param(
        True,
        type="boolean",
        title="Dry run",
        description="Only tell in the log what would be deleted. Deleted images cannot be brought back.",
    ),
}

with DAG(
    dag_id="example_ims_housekeeping",
    schedule="@daily",
    catchup=False,
    is_paused_upon_creation=True,  # nothing that can delete starts by itself
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params=PARAMS,
    tags=["example", "huawei cloud", "ims"],
    doc_md="""
### Tidy up the data images of a DAG

1. **sweep** looks for images whose task was killed or has failed: the job went on in the cloud, and nobody
   uses the image.
2. **retention** keeps the newest images and removes the older ones.

Both look only at images that this package tagged for the DAG, never at protected ones or at those that are
younger than an hour. As long as **Dry run** is on they only tell what they would delete: look at their logs,
then change the default of the parameter.
""",
):
    sweep = ImsSweepOperator(
        task_id="sweep",
        dag_id="{{ params.dag_id }}",
        dry_run="{{ params.dry_run }}",
        min_age=timedelta(hours=1),
    )
    retention = ImsRetentionOperator(
        task_id="retention",
        dag_id="{{ params.dag_id }}",
        keep="{{ params.keep }}",
        dry_run="{{ params.dry_run }}",
        min_age=timedelta(hours=1),
    )
    sweep >> retention
