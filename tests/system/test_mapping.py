"""Operators, sensors and task groups mapped over files, deferred, in a real Airflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from system.example_runs import upload, wait_for_success
from system.running import System

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

DAG_ID = "mapped"
STEPS = ("check_upload", "preflight", "create_data_image")
GROUPS = ("own.import_data_image", "import_data_images.each_file")


@pytest.fixture(scope="module")
def mapping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home, dags = tmp_path_factory.mktemp("airflow"), Path(__file__).parent / "mapped_dags"
    adopt_orphans()
    with (
        Keeper() as keeper,
        DemoCloud(job_seconds=1) as cloud,
        AirflowStack(home, dags, keeper, connections=cloud.connections) as stack,
    ):
        yield System(stack, cloud)


@pytest.fixture(scope="module")
def run_id(mapping: System, tmp_path_factory: pytest.TempPathFactory) -> str:
    api = mapping.stack.api
    upload(mapping, tmp_path_factory.mktemp("disks"), "mapped/one.qcow2", "mapped/two.qcow2")
    mapping.stack.wait_for_dag(DAG_ID)
    run_id = api.trigger(DAG_ID)
    wait_for_success(mapping, DAG_ID, run_id)
    return run_id


def test_each_task_runs_once_for_each_file(mapping: System, run_id: str) -> None:
    rows = mapping.stack.api.task_instances(DAG_ID, run_id)
    often = Counter(row["task_id"] for row in rows if row["state"] == "success")
    mapped = [f"{group}.{step}" for group in GROUPS for step in STEPS]
    mapped += ["upload", "preflight", "create", "wait", "name_of"]
    assert often == {**dict.fromkeys(mapped, 2), "pattern": 1, "import_data_images.images": 1}


def test_no_file_becomes_the_image_of_another(mapping: System, run_id: str) -> None:
    origins = {}
    for row in mapping.stack.api.task_instances(DAG_ID, run_id):
        if row["task_id"].endswith("create_data_image") or row["task_id"] == "wait":
            image = mapping.cloud.image(image_id(mapping, run_id, row["task_id"], row["map_index"]))
            assert image is not None
            origins[image.name, row["task_id"]] = image.data_origin
    one, two = (f"file,{BUCKET}:mapped/{name}.qcow2" for name in ("one", "two"))
    assert origins == {
        ("mapped-0", "wait"): one,
        ("mapped-1", "wait"): two,
        ("own 0", "own.import_data_image.create_data_image"): one,
        ("own 1", "own.import_data_image.create_data_image"): two,
        ("one", "import_data_images.each_file.create_data_image"): one,
        ("two", "import_data_images.each_file.create_data_image"): two,
    }


def image_id(mapping: System, run_id: str, task_id: str, map_index: int) -> str:
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    found = mapping.stack.api.call("GET", path, params={"map_index": map_index, "deserialize": "true"})
    return str(found["value"]["image_id"])
