"""How a task runs is checked when the DAG is parsed, as its request is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, task

from ims_airflow.exceptions import InvalidInputError
from ims_airflow.operators.ims import (
    ImsCreateDataImageOperator,
    ImsDeleteImageOperator,
    ImsPreflightOperator,
    ImsRetentionOperator,
    ImsSweepOperator,
)
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.task_groups.ims import import_data_image

FILE: dict[str, Any] = {"image_url": "bucket:key"}
REQUEST: dict[str, Any] = {**FILE, "name": "data", "min_disk": 40, "os_type": "Linux"}
NEEDED: dict[Any, dict[str, Any]] = {
    ImsCreateDataImageOperator: REQUEST,
    ImsPreflightOperator: FILE,
    ImsDeleteImageOperator: {"image_id": "i"},
    ImsRetentionOperator: {"keep": 1},
    ImsSweepOperator: {},
    ImsJobSensor: {"job_id": "j"},
    ObsImageFileSensor: FILE,
}
BAD: list[tuple[Any, str, Any]] = [
    (ImsCreateDataImageOperator, "poll_interval", 0),
    (ImsCreateDataImageOperator, "poll_interval", timedelta(seconds=-5)),
    (ImsCreateDataImageOperator, "timeout", "6h"),
    (ImsCreateDataImageOperator, "trouble_budget", -1),
    (ImsCreateDataImageOperator, "settling_window", None),
    (ImsCreateDataImageOperator, "job_query", "showjob"),
    (ImsPreflightOperator, "dry_run", "maybe"),
    (ImsDeleteImageOperator, "poll_interval", 0),
    (ImsJobSensor, "job_id", None),
    (ImsJobSensor, "job_query", "x"),
    (ImsJobSensor, "trouble_budget", "x"),
    (ObsImageFileSensor, "expected_size", "abc"),
    (ObsImageFileSensor, "min_size", -3),
    (ObsImageFileSensor, "expected_etag", 5),
    (ObsImageFileSensor, "stable_for", "x"),
    (ObsImageFileSensor, "abandoned_after", -1),
    *[(kind, "region", "CN North") for kind in NEEDED],
]


@pytest.mark.parametrize(("kind", "field", "value"), BAD)
def test_a_bad_argument_stops_the_parsing(kind: Any, field: str, value: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        kind(task_id="step", **{**NEEDED[kind], field: value})
    first, second = str(caught.value).splitlines()
    assert first == f"{kind.__name__} 'step' breaks a rule:"
    assert second.startswith(f"{field}: ")
    assert "must be" in second


def test_all_mistakes_are_told_at_once() -> None:
    wrong: Any = {**REQUEST, "min_disk": 5, "poll_interval": 0, "region": "CN North"}
    with pytest.raises(InvalidInputError, match=r"(?s)breaks 3 rules.*min_disk.*region.*poll_interval"):
        ImsCreateDataImageOperator(task_id="step", **wrong)


@pytest.mark.parametrize("field", ["poll_interval", "trouble_budget"])
def test_default_arguments_are_checked_like_others(field: str) -> None:
    with DAG("bad", schedule=None, default_args={field: -1}), pytest.raises(InvalidInputError, match=field):
        ImsCreateDataImageOperator(task_id="step", **REQUEST)


def test_a_task_group_checks_how_it_runs() -> None:
    with DAG("bad", schedule=None), pytest.raises(InvalidInputError, match="poll_interval: 0"):
        import_data_image(**REQUEST, poll_interval=0)


def test_what_a_task_gets_later_is_passed_over() -> None:
    with DAG("good", schedule=None):

        @task
        def later() -> Any: ...

        ImsJobSensor(task_id="job", job_id=later(), region="{{ params.region }}")
        ObsImageFileSensor(task_id="file", image_url=later(), expected_size=later(), min_size="{{ 5 }}")
        ImsPreflightOperator(task_id="preflight", **FILE, dry_run="{{ params.dry_run }}")


def test_no_limit_and_an_adapted_interval_are_good() -> None:
    operator = ImsCreateDataImageOperator(task_id="step", **REQUEST, timeout=None, poll_interval=None)
    assert (operator.timeout, operator.poll_interval) == (None, None)


@pytest.mark.parametrize("kind", [ImsJobSensor, ObsImageFileSensor])
def test_a_sensor_takes_the_durations_that_airflow_takes(kind: Any) -> None:
    sensor = kind(task_id="wait", **NEEDED[kind], poke_interval=0, timeout=None)
    assert (sensor.poke_interval, sensor.timeout > 0) == (0, True)


@pytest.mark.parametrize("nothing", ["", None, False])
def test_a_dry_run_that_nobody_asked_for_is_none(nothing: Any) -> None:
    assert not ImsPreflightOperator(task_id="preflight", **FILE, dry_run=nothing).show_request
