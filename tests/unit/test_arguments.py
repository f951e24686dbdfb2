"""The arguments as type checkers see them, held against the arguments as Python sees them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator

from ims_airflow.arguments import (
    OperatorArguments,
    SensorArguments,
    WatchSensorArguments,
    WatchTriggerArguments,
)
from ims_airflow.operators.ims import ImsCreateDataImageOperator, ImsPreflightOperator
from ims_airflow.sensors.base import WatchSensor
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.triggers.base import WatchTrigger

DEFAULTS: dict[str, Any] = {
    "ims_conn_id": "other",
    "region": "cn-south-1",
    "deferrable": True,
    "poll_interval": timedelta(seconds=7),
    "timeout": 77,
    "retries": 4,
    "trouble_budget": 60.0,
    "min_size": 5,
}


def own_arguments(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {one.name for one in parameters if one.kind is not one.VAR_KEYWORD and one.name != "self"}


OPERATOR = own_arguments(BaseOperator.__init__)
SENSOR = OPERATOR | own_arguments(BaseSensorOperator.__init__)


@pytest.mark.parametrize(
    ("spelt_out", "real"),
    [
        (OperatorArguments, OPERATOR),
        (SensorArguments, SENSOR - {"poke_interval"}),
        (WatchSensorArguments, SENSOR | own_arguments(WatchSensor.__init__)),
        (WatchTriggerArguments, own_arguments(WatchTrigger.__init__)),
    ],
)
def test_what_is_spelt_out_is_what_there_is(spelt_out: type, real: set[str]) -> None:
    assert set(spelt_out.__annotations__) == real


def test_default_arguments_of_a_dag_reach_the_sensors() -> None:
    with DAG("defaults", schedule=None, default_args={**DEFAULTS, "mode": "reschedule"}):
        job = ImsJobSensor(task_id="job", job_id="job")
        file = ObsImageFileSensor(task_id="file", image_url="bucket:key")
    for sensor in (job, file):
        assert (sensor.ims_conn_id, sensor.region, sensor.deferrable) == ("other", "cn-south-1", True)
        assert (sensor.poll_interval, sensor.poke_interval, sensor.timeout) == (7.0, 7.0, 77.0)
        assert (sensor.retries, sensor.mode) == (4, "reschedule")
    assert (job.trouble_budget, file.min_size) == (60.0, 5)


def test_default_arguments_of_a_dag_reach_the_operators() -> None:
    with DAG("defaults", schedule=None, default_args={**DEFAULTS, "mode": "warn"}):
        create = ImsCreateDataImageOperator(
            task_id="create", name="data", image_url="bucket:key", min_disk=40, os_type="Linux"
        )
        preflight = ImsPreflightOperator(task_id="preflight", image_url="bucket:key")
    assert (create.ims_conn_id, create.region, create.deferrable) == ("other", "cn-south-1", True)
    assert (create.poll_interval, create.timeout, create.retries) == (7.0, 77, 4)
    assert (preflight.ims_conn_id, preflight.region, preflight.mode) == ("other", "cn-south-1", "warn")


def test_the_poke_interval_of_the_default_arguments_counts_while_deferred_too() -> None:
    with DAG("defaults", schedule=None, default_args={"poke_interval": 9}):
        sensor = ImsJobSensor(task_id="job", job_id="job")
    assert (sensor.poll_interval, sensor.poke_interval) == (9.0, 9.0)


def test_an_argument_precedes_the_default_arguments() -> None:
    with DAG("defaults", schedule=None, default_args=DEFAULTS):
        sensor = ImsJobSensor(task_id="job", job_id="job", region=None, poll_interval=1, deferrable=False)
    assert (sensor.region, sensor.poll_interval, sensor.deferrable) == (None, 1.0, False)


def test_a_sensor_that_is_told_no_interval_pokes_like_any_other_and_adapts_while_deferred() -> None:
    sensor = ImsJobSensor(task_id="job", job_id="job")
    assert (sensor.poll_interval, sensor.poke_interval) == (None, 60.0)


def test_default_arguments_reach_what_is_mapped() -> None:
    with DAG("defaults", schedule=None, default_args=DEFAULTS) as dag:
        ObsImageFileSensor.partial(task_id="file").expand(image_url=["bucket:a", "bucket:b"])
        ImsPreflightOperator.partial(task_id="preflight").expand(image_url=["bucket:a", "bucket:b"])
        ImsJobSensor.partial(task_id="job").expand(job_id=["a", "b"])
    for task_id in ("file", "preflight", "job"):
        task: Any = dag.get_task(task_id)
        one = task.unmap(mapped_value(task))
        assert (one.ims_conn_id, one.region, one.retries) == ("other", "cn-south-1", 4)


def mapped_value(task: Any) -> dict[str, Any]:
    (name,) = task.expand_input.value
    return {name: task.expand_input.value[name][0]}
