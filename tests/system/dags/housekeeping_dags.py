"""A DAG that tidies up after another, of images of any age."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from ims_airflow.operators.ims import ImsDeleteImageOperator, ImsRetentionOperator, ImsSweepOperator

PARAMS = {"dag_id": "deferred", "keep": 1, "dry_run": True}

with DAG("tidy", schedule=None, params=PARAMS):
    common: dict[str, Any] = {"dag_id": "{{ params.dag_id }}", "dry_run": "{{ params.dry_run }}"}
    sweep = ImsSweepOperator(task_id="sweep", min_age=0, **common)
    retention = ImsRetentionOperator(task_id="retention", keep="{{ params.keep }}", min_age=0, **common)
    sweep >> retention

with DAG("delete_one", schedule=None, params={"image_id": ""}):
    ImsDeleteImageOperator(task_id="delete", image_id="{{ params.image_id }}", poll_interval=0.5)
