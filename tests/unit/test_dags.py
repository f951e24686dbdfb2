from __future__ import annotations

import runpy
import sys
from copy import copy
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import ParamValidationError

from ims_airflow.demo.dag_files import EXAMPLE_DAG, example_dags
from ims_airflow.operators.ims import ImsRetentionOperator, ImsSweepOperator
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.sensors.base import WatchSensor

GOOD: dict[str, Any] = {
    "bucket": "my-bucket.1",
    "key": "images/数据 disk.qcow2".replace(" ", "-"),
    "name": "data 镜像_1.0",
    "min_disk": 40,
    "os_type": "Windows",
    "description": "two\nlines, 100 %",
    "tags": ["team.storage", "键.值.x", "bare"],
}

# What the API rejects, by parameter.
BAD: dict[str, list[Any]] = {
    "bucket": [
        "",
        "ab",
        "a" * 64,
        "My-Bucket",
        "-bucket",
        "bucket-",
        "a..b",
        "10.0.0.1",
        "my_bucket",
        "bucket\n",
    ],
    "key": [
        "",
        "/images/a.qcow2",
        "a b.qcow2",
        "images/../a.qcow2",
        "./a",
        "a\tb",
        "a" * 1025,
        "a\n",
        "a/..",
    ],
    "name": ["", " data", "data ", "a" * 129, "a/b", "a\n", "name!", "a\tb"],
    "min_disk": [39, 2049, "40 GB", 40.5, None, True],
    "os_type": ["linux", "Other", "", None],
    "description": ["<b>", "a > b", "line\r\nline", "x" * 1025],
    "tags": [["key with space"], [""], [".value"], ["a" * 37], [f"k.{'v' * 44}"], ["k.v!"], ["k.v\n"], "k.v"],
}
BAD["tags"].append([f"key{number}.v" for number in range(11)])


EXAMPLES = sorted(path.stem for path in example_dags().glob("*.py"))


@pytest.fixture(scope="module")
def bag() -> DagBag:
    bag = DagBag(str(example_dags()), bundle_name="examples")
    assert not bag.import_errors
    return bag


@pytest.fixture(scope="module")
def dag(bag: DagBag) -> DAG:
    found: DAG = bag.dags[EXAMPLE_DAG]
    return found


def param(dag: DAG, name: str) -> Param:
    return copy(dag.params.get_param(name))  # to resolve one changes it


def request(values: dict[str, Any]) -> DataImageRequest:
    rest = {name: value for name, value in values.items() if name not in {"bucket", "key"}}
    return DataImageRequest.from_arguments(image_url=f"{values['bucket']}:{values['key']}", **rest)


def test_the_tasks_follow_one_another(dag: DAG) -> None:
    order = ["check_upload", "preflight", "create_data_image", "wait_for_image", "use_image"]
    assert set(dag.task_ids) == set(order)
    assert [dag.get_task(task_id).upstream_task_ids for task_id in order] == [
        set(),
        *({one} for one in order[:-1]),
    ]


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_a_failed_try_is_repeated(bag: DagBag, dag_id: str) -> None:
    assert all((task.retries or 0) >= 2 for task in bag.dags[dag_id].tasks)


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_every_example_is_called_like_its_file_and_explained(bag: DagBag, dag_id: str) -> None:
    found = bag.dags[dag_id]
    assert (found.doc_md or "").strip().startswith("###")
    assert {"example", "ims"} <= set(found.tags)
    assert all(param(found, name).schema["title"] for name in found.params)
    assert all(param(found, name).description for name in found.params)


def test_a_schedule_can_fill_in_its_form_by_itself(bag: DagBag) -> None:
    found = bag.dags["example_ims_daily"]
    assert all(param(found, name).has_value for name in found.params)
    assert not found.catchup


@pytest.mark.parametrize(
    ("name", "value"),
    [("prefix", "a b"), ("prefix", "/a"), ("prefix", "a\n"), ("name_prefix", "a/b"), ("name_prefix", "")],
)
def test_the_daily_form_rejects_what_makes_no_name(bag: DagBag, name: str, value: str) -> None:
    with pytest.raises(ParamValidationError):
        param(bag.dags["example_ims_daily"], name).resolve(value)


def test_the_waiting_is_deferred(dag: DAG) -> None:
    for task_id in ("check_upload", "wait_for_image"):
        task = dag.get_task(task_id)
        assert isinstance(task, WatchSensor)
        assert task.deferrable


@pytest.mark.parametrize("name", GOOD)
def test_each_field_of_the_form_is_explained(dag: DAG, name: str) -> None:
    assert param(dag, name).schema["title"]
    assert param(dag, name).description


@pytest.mark.parametrize("name", GOOD)
def test_the_form_lets_good_values_through(dag: DAG, name: str) -> None:
    assert param(dag, name).resolve(GOOD[name]) == GOOD[name]
    assert not request(GOOD).violations()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD.items() for value in values]
)
def test_the_form_rejects_what_the_api_would_reject(dag: DAG, name: str, value: Any) -> None:
    assert request({**GOOD, name: value}).violations(), "the table above is wrong"
    with pytest.raises(ParamValidationError):
        param(dag, name).resolve(value)


@pytest.mark.parametrize("name", ["bucket", "key", "name"])
def test_what_nobody_can_guess_must_be_given(dag: DAG, name: str) -> None:
    with pytest.raises(ParamValidationError):
        param(dag, name).resolve()


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_the_import_starts_nothing_and_opens_no_connection(bag: DagBag, dag_id: str) -> None:
    assert bag  # all that Airflow itself does at its first DAG is done
    events: list[str] = []
    sys.addaudithook(lambda event, _: events.append(event))
    runpy.run_path(str(example_dags() / f"{dag_id}.py"))
    assert not [event for event in events if event.startswith(("socket.", "subprocess.", "sqlite3.", "os."))]


def test_the_files_of_the_clone_are_found() -> None:
    assert (example_dags() / f"{EXAMPLE_DAG}.py").is_file()
    assert isinstance(example_dags(), Path)


@pytest.fixture(scope="module")
def housekeeping() -> DAG:
    found: DAG = DagBag(str(example_dags()), bundle_name="examples").dags["example_ims_housekeeping"]
    return found


def test_housekeeping_sweeps_and_retains_and_deletes_nothing_unasked(housekeeping: DAG) -> None:
    sweep, retention = housekeeping.get_task("sweep"), housekeeping.get_task("retention")
    assert isinstance(sweep, ImsSweepOperator)
    assert isinstance(retention, ImsRetentionOperator)
    assert retention.upstream_task_ids == {"sweep"}
    assert sweep.plan_only == retention.plan_only == "{{ params.dry_run }}"
    assert param(housekeeping, "dry_run").resolve() is True
    assert housekeeping.is_paused_upon_creation


@pytest.mark.parametrize("name", ["dag_id", "keep", "dry_run"])
def test_each_field_of_the_housekeeping_form_is_explained(housekeeping: DAG, name: str) -> None:
    assert param(housekeeping, name).schema["title"]
    assert param(housekeeping, name).description


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dag_id", ""),
        ("dag_id", None),
        ("keep", 0),
        ("keep", "7"),
        ("keep", None),
        ("dry_run", "no"),
        ("dry_run", None),
    ],
)
def test_the_housekeeping_form_rejects_what_would_delete_by_mistake(
    housekeeping: DAG, name: str, value: Any
) -> None:
    with pytest.raises(ParamValidationError):
        param(housekeeping, name).resolve(value)
