"""One run of each example DAG, by the name of its file: from what starts it to its last task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from system.running import System

from ims_airflow.demo.cloud import BUCKET
from ims_airflow.demo.disk import write_qcow2

CONF: dict[str, Any] = {
    "bucket": BUCKET,
    "key": "images/data.qcow2",
    "name": "2024",  # a name that looks like a number must stay a text
    "min_disk": 41,
    "os_type": "Windows",
    "description": "Größe: 41 GB 镜像",
    "tags": ["team.storage", "键.值"],
}
KEYS = ("many/one.qcow2", "many/two.qcow2", "many/late.qcow2")
DAY = "2026-11-22"


def data_image(system: System, place: Path) -> str:
    """Run it with a form filled in, before its file is there, so that both sensors are deferred."""
    api, dag_id = system.stack.api, "example_ims_data_image"
    run_id = api.trigger(dag_id, CONF)
    api.wait_for_task(dag_id, run_id, "check_upload", {"deferred"}, timeout=30)
    upload(system, place, CONF["key"])
    return run_id


def daily(system: System, place: Path) -> str:
    """Make up for a day of the past, whose file comes late."""
    api, dag_id = system.stack.api, "example_ims_daily"
    api.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
    body = {"logical_date": f"{DAY}T02:00:00Z", "conf": {}}
    run_id: str = api.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
    api.wait_for_task(dag_id, run_id, "import_data_image.check_upload", {"deferred"}, timeout=30)
    upload(system, place, f"exports/{DAY}/data.qcow2")
    return run_id


def many_files(system: System, place: Path) -> str:
    """Import several files, the last of which is uploaded when the others are images already."""
    api, dag_id = system.stack.api, "example_ims_many_files"
    upload(system, place, *KEYS[:-1])
    run_id = api.trigger(dag_id, {"bucket": BUCKET, "keys": list(KEYS), "tags": ["team.storage"]})
    wait_until(
        lambda: made(system, dag_id, run_id) == len(KEYS) - 1, "the images of the files that are there"
    )
    upload(system, place, KEYS[-1])
    return run_id


def on_new_file(system: System, place: Path) -> str:
    """Upload files until one of them starts a run."""
    dag_id = "example_ims_on_new_file"
    # What lies there before the watcher's first look is no news; nobody knows when that look comes.
    for key in (f"incoming/new-{number}.qcow2" for number in range(15)):
        upload(system, place, key)
        time.sleep(6)
        if runs := runs_of(system, dag_id):
            return runs[0]
    raise AssertionError("no upload has started a run")


def asset_consumer(system: System, place: Path) -> str:
    """Make the image that it is scheduled on."""
    upload(system, place, "nightly/data.qcow2")
    system.stack.api.trigger("example_ims_asset_producer")
    wait_until(lambda: bool(runs_of(system, "example_ims_asset_consumer")), "the run that the image starts")
    return runs_of(system, "example_ims_asset_consumer")[0]


def housekeeping(system: System, place: Path) -> str:
    """Run it as it is: it only tells what it would delete."""
    system.stack.api.call("PATCH", "/dags/example_ims_housekeeping", json={"is_paused": False})
    return system.stack.api.trigger("example_ims_housekeeping")


RUNS: Mapping[str, Callable[[System, Path], str]] = {
    "example_ims_asset_consumer": asset_consumer,
    "example_ims_daily": daily,
    "example_ims_data_image": data_image,
    "example_ims_housekeeping": housekeeping,
    "example_ims_many_files": many_files,
    "example_ims_on_new_file": on_new_file,
}


def run_to_success(system: System, dag_id: str, place: Path) -> str:
    """Run an example to its end, and return the id of the run. What went wrong is in the message."""
    system.stack.wait_for_dag(dag_id)
    run_id = RUNS[dag_id](system, place)
    wait_for_success(system, dag_id, run_id)
    return run_id


def wait_for_success(system: System, dag_id: str, run_id: str) -> None:
    state = system.stack.api.wait_for_run(dag_id, run_id, timeout=120)
    assert state == "success", json.dumps(dict(logs_of_failures(system, dag_id, run_id)), indent=1)


def logs_of_failures(system: System, dag_id: str, run_id: str) -> Iterator[tuple[str, list[str]]]:
    """Pair each task that has failed with its last log."""
    for row in system.stack.api.task_instances(dag_id, run_id):
        if row["state"] == "failed":
            task_id, index = row["task_id"], row["map_index"]
            log = system.stack.api.log(dag_id, run_id, task_id, row["try_number"], map_index=index)
            yield f"{task_id}[{index}]", log


def runs_of(system: System, dag_id: str) -> list[str]:
    """Return the ids of the runs that a DAG has."""
    return [run["dag_run_id"] for run in system.stack.api.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]]


def upload(system: System, place: Path, *keys: str) -> None:
    """Put small disks into the bucket."""
    for key in keys:
        disk = place / "disk.qcow2"
        write_qcow2(disk, data=key.encode() * 100)
        system.cloud.upload(disk, key)


def made(system: System, dag_id: str, run_id: str) -> int:
    """Count the images that a run has made so far."""
    rows = system.stack.api.task_instances(dag_id, run_id)
    return sum(row["state"] == "success" and row["task_id"].endswith("create_data_image") for row in rows)


def wait_until(ready: Callable[[], bool], what: str, timeout: float = 90) -> None:
    end = time.monotonic() + timeout
    while not ready():
        assert time.monotonic() < end, f"waited {timeout:.0f} s for {what} in vain"
        time.sleep(0.5)
