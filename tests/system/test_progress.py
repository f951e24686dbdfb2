"""Imports in a real Airflow: what a person sees while they run, and what other DAGs get to know of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from system.running import System

from ims_airflow.demo.cloud import BUCKET, DemoCloud
from ims_airflow.demo.dag_files import example_dags
from ims_airflow.demo.disk import write_qcow2
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack

HERE = Path(__file__).parent
LINEAGE = "lineage.jsonl"
KEY = "nightly/data.qcow2"
PRODUCER, CONSUMER = "example_ims_asset_producer", "example_ims_asset_consumer"
JOB = 15.0  # seconds; long enough to be looked at
FIELDS = {
    "image_url",
    "name",
    "region",
    "job_id",
    "status",
    "process_percent",
    "current_task",
    "image_id",
    "error_code",
    "fail_reason",
    "submitted_at",
    "begin_time",
    "started_at",
    "end_time",
    "updated_at",
}


@dataclass
class Look:
    """One task at one moment."""

    state: str | None
    shown: dict[str, Any]
    links: dict[str, Any]


@dataclass
class Watched:
    """Everything that was seen of the runs, by task."""

    system: System
    runs: dict[str, str]
    looks: dict[tuple[str, str, int], list[Look]] = field(default_factory=dict)

    def while_(self, state: str, *task: str | int) -> list[Look]:
        return [look for look in self.looks[task] if look.state == state and look.shown]  # type: ignore[index]

    def last(self, *task: str | int) -> Look:
        return self.looks[task][-1]  # type: ignore[index]

    def xcom(self, dag_id: str, task_id: str, map_index: int = -1, key: str = "return_value") -> Any:
        path = f"/dags/{dag_id}/dagRuns/{self.runs[dag_id]}/taskInstances/{task_id}/xcomEntries/{key}"
        query = {"map_index": map_index, "deserialize": "true"}
        rows = self.system.stack.api.call("GET", path.rpartition("/")[0], params={"map_index": map_index})
        if key not in {row["key"] for row in rows["xcom_entries"]}:
            return None
        return self.system.stack.api.call("GET", path, params=query)["value"]

    def look(self, dag_id: str) -> None:
        api = self.system.stack.api
        for row in api.task_instances(dag_id, self.runs[dag_id]):
            task_id, index = row["task_id"], row["map_index"]
            if row["state"] in {None, "scheduled"} or task_id == "check_upload":
                continue
            path = f"/dags/{dag_id}/dagRuns/{self.runs[dag_id]}/taskInstances/{task_id}/links"
            links = api.call("GET", path, params={"map_index": index})["extra_links"]
            shown = self.xcom(dag_id, task_id, index, "ims_import") or {}
            seen = self.looks.setdefault((dag_id, task_id, index), [])
            seen.append(Look(row["state"], shown, links))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    place = tmp_path_factory.mktemp("progress")
    dags = place / "dags"
    dags.mkdir()
    shutil.copy(HERE / "dags" / "progress_dags.py", dags)
    shutil.copy(example_dags() / f"{CONSUMER}.py", dags)
    lineage = {"type": "file", "log_file_path": str(place / LINEAGE), "append": True}
    settings = {
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage),  # without that provider nobody reads it
    }
    disk = place / "data.qcow2"
    write_qcow2(disk, data=b"data " * 1000)
    adopt_orphans()
    with Keeper() as keeper, DemoCloud(job_seconds=JOB, tags_visible=True) as cloud:
        cloud.upload(disk, KEY)
        connections = cloud.connections
        with AirflowStack(
            place / "airflow", dags, keeper, connections=connections, settings=settings
        ) as stack:
            yield seen_through(System(stack, cloud))


def seen_through(system: System) -> Watched:
    """Run everything once and look at it all the time."""
    api = system.stack.api
    runs = {}
    for dag_id in ("shown_deferred", "shown_poking", PRODUCER, CONSUMER):
        system.stack.wait_for_dag(dag_id)
    for dag_id in ("shown_deferred", "shown_poking", PRODUCER):
        runs[dag_id] = api.trigger(dag_id)
    watched = Watched(system, runs)
    end = time.monotonic() + 150
    while {api.run_state(dag_id, run_id) for dag_id, run_id in runs.items()} != {"success"}:
        assert time.monotonic() < end, {dag_id: api.task_states(dag_id, runs[dag_id]) for dag_id in runs}
        for dag_id in runs:
            watched.look(dag_id)
        time.sleep(0.3)
    for dag_id in runs:
        watched.look(dag_id)
    return watched


@pytest.mark.parametrize("map_index", [0, 1])
def test_a_deferred_import_is_shown_by_its_trigger(watched: Watched, map_index: int) -> None:
    task = ("shown_deferred", "create", map_index)
    shown = [look.shown for look in watched.while_("deferred", *task)]
    assert {one["status"] for one in shown} >= {"RUNNING"}
    assert len({one["process_percent"] for one in shown}) >= 3
    assert all(one.keys() == FIELDS for one in shown)
    assert {one["name"] for one in shown} == {("first", "second")[map_index]}


def test_a_poking_import_is_shown_while_its_worker_runs(watched: Watched) -> None:
    shown = [look.shown for look in watched.while_("running", "shown_poking", "wait", -1)]
    assert {one["status"] for one in shown} >= {"RUNNING"}
    # What the operator before it knows, the sensor knows too.
    assert {one["image_url"] for one in shown} == {f"{BUCKET}:{KEY}"}
    assert {one["region"] for one in shown} == {"cn-north-4"}


def test_links_are_there_while_the_task_runs(watched: Watched) -> None:
    poking = watched.while_("running", "shown_poking", "wait", -1)
    assert all(look.links["Image in the IMS console"] for look in poking)
    for map_index in (0, 1):
        deferred = watched.while_("deferred", "shown_deferred", "create", map_index)
        assert all("/obs/manage/demo-images/" in look.links["File in the OBS console"] for look in deferred)


@pytest.mark.parametrize(
    "task", [("shown_deferred", "create", 0), ("shown_poking", "wait", -1), (PRODUCER, "create", -1)]
)
def test_the_end_is_shown_by_the_worker(watched: Watched, task: tuple[str, str, int]) -> None:
    shown, result = watched.last(*task).shown, watched.xcom(*task)
    assert (shown["status"], shown["image_id"]) == ("SUCCESS", result["image_id"])
    assert (shown["begin_time"], shown["end_time"]) == (result["begin_time"], result["end_time"])
    assert sum(result["seconds"][name] or 0 for name in ("queue", "job")) == pytest.approx(JOB, abs=3)


def test_the_upload_check_is_part_of_the_account(watched: Watched) -> None:
    checked = watched.xcom(PRODUCER, "check_upload", key="ims_upload_check")
    assert checked["image_url"] == f"{BUCKET}:{KEY}"
    result = watched.xcom(PRODUCER, "create")
    assert result["seconds"]["upload_check"] == checked["seconds"]
    log = "\n".join(watched.system.stack.api.log(PRODUCER, watched.runs[PRODUCER], "create"))
    assert f"Image {result['image_id']} (nightly-data) is active: job {result['job_id']}, a disk of 40" in log
    assert "upload check" in log


def test_the_image_starts_the_dag_that_is_scheduled_on_it(watched: Watched) -> None:
    api = watched.system.stack.api
    end = time.monotonic() + 60
    while not (runs := api.call("GET", f"/dags/{CONSUMER}/dagRuns")["dag_runs"]):
        assert time.monotonic() < end
        time.sleep(0.5)
    assert api.wait_for_run(CONSUMER, runs[0]["dag_run_id"], timeout=60) == "success"
    used = api.xcom(CONSUMER, runs[0]["dag_run_id"], "use_image")
    made = watched.xcom(PRODUCER, "create")
    checked = watched.xcom(PRODUCER, "check_upload", key="ims_upload_check")
    assert used == {
        "image_id": made["image_id"],
        "image_name": "nightly-data",
        "region": "cn-north-4",
        "job_id": made["job_id"],
        "image_url": f"{BUCKET}:{KEY}",
        "size": checked["size"],
        "etag": checked["etag"],
        "duration": pytest.approx(JOB, abs=3),
    }


def test_each_image_of_an_alias_has_an_event_of_its_own(watched: Watched) -> None:
    events = watched.system.stack.api.call("GET", "/assets/events", params={"limit": 100})["asset_events"]
    extras = {event["uri"]: event["extra"] for event in events}
    assert extras.keys() >= {
        "ims://cn-north-4/first",
        "ims://cn-north-4/second",
        "ims://cn-north-4/nightly-data",
    }
    # Nobody checked the upload of this file, so the operator has asked for it once.
    first = extras["ims://cn-north-4/first"]
    assert first["size"] == extras["ims://cn-north-4/nightly-data"]["size"]
    assert first["etag"] == extras["ims://cn-north-4/nightly-data"]["etag"]


def test_openlineage_gets_image_and_source(watched: Watched) -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="needs apache-airflow-providers-openlineage")
    path = watched.system.stack.home.parent / LINEAGE
    events = [json.loads(line) for line in path.read_text().splitlines()]
    told = [event for event in events if event["job"]["name"] == f"{PRODUCER}.create" and event["outputs"]]
    [event] = [event for event in told if event["eventType"] == "COMPLETE"]
    made = watched.xcom(PRODUCER, "create")
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [(f"obs://{BUCKET}", KEY)]
    [image] = event["outputs"]
    assert (image["namespace"], image["name"]) == ("ims://cn-north-4", "nightly-data")
    assert image["facets"]["version"]["datasetVersion"] == made["image_id"]
