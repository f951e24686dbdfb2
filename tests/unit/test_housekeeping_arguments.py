from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from ims_airflow.operators.ims import ImsDeleteImageOperator, ImsRetentionOperator, ImsSweepOperator


def test_the_operators_survive_the_way_through_the_database() -> None:
    with DAG("tidy", schedule=None) as dag:
        ImsDeleteImageOperator(task_id="delete", image_id="{{ params.image_id }}")
        ImsRetentionOperator(task_id="retain", keep="{{ params.keep }}", dry_run="{{ params.dry_run }}")
        ImsSweepOperator(task_id="sweep", dag_id="nightly", min_age=timedelta(days=1), task_ids=["create"])
        ImsDeleteImageOperator.partial(task_id="delete_each").expand(image_id=["a", "b"])
        ImsRetentionOperator.partial(task_id="retain_each", keep=3).expand(dag_id=["a", "b"])
        ImsSweepOperator.partial(task_id="sweep_each", dry_run=False).expand(dag_id=["a", "b"])
    restored: Any = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert set(restored.task_ids) == set(dag.task_ids)
    assert restored.get_task("retain").plan_only == "{{ params.dry_run }}"
    assert restored.get_task("sweep").of_dag == "nightly"


@pytest.mark.parametrize("kind", [ImsRetentionOperator, ImsSweepOperator])
def test_without_being_told_nothing_is_deleted(kind: Any) -> None:
    operator = kind(task_id="tidy", **({"keep": 1} if kind is ImsRetentionOperator else {}))
    assert operator.plan_only is True
    assert operator.min_age == 3600


@pytest.mark.parametrize(("given", "rendered"), [(None, "tidy"), ("{{ params.dag_id }}", "nightly")])
def test_the_dag_is_the_own_one_unless_another_is_named(given: str | None, rendered: str) -> None:
    with DAG("tidy", schedule=None) as dag:
        operator = ImsSweepOperator(task_id="sweep", dag_id=given, task_ids=["{{ params.task_id }}"])
    operator.render_template_fields({"dag": dag, "params": {"dag_id": "nightly", "task_id": "create"}})
    assert operator.subject == rendered
    assert operator.task_ids == ["create"]


def test_a_dry_run_can_be_a_parameter() -> None:
    with DAG("tidy", schedule=None) as dag:
        operator = ImsRetentionOperator(
            task_id="retain", keep="{{ params.keep }}", dry_run="{{ params.dry_run }}"
        )
    operator.render_template_fields({"dag": dag, "params": {"keep": 0, "dry_run": False}})
    assert (operator.keep, operator.plan_only) == ("0", "False")
