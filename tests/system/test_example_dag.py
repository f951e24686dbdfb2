"""The example DAG in a real Airflow, from the trigger over REST to the image."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from system.running import System

from ims_airflow.demo.cloud import BUCKET
from ims_airflow.demo.dag_files import EXAMPLE_DAG as DAG_ID
from ims_airflow.demo.disk import write_qcow2
from ims_airflow.demo.failure import DemoError

TASKS = ("check_upload", "preflight", "create_data_image", "wait_for_image", "use_image")
CONF: dict[str, Any] = {
    "bucket": BUCKET,
    "key": "images/data.qcow2",
    "name": "2024",  # a name that looks like a number must stay a text
    "min_disk": 41,
    "os_type": "Windows",
    "description": "Größe: 41 GB 镜像",
    "tags": ["team.storage", "键.值"],
}


@pytest.fixture(scope="module")
def finished_run(system: System, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run that first has to wait for its file, so that both sensors are deferred."""
    api = system.stack.api
    system.stack.wait_for_dag(DAG_ID)
    run_id = api.trigger(DAG_ID, CONF)
    api.wait_for_task(DAG_ID, run_id, "check_upload", {"deferred"}, timeout=30)
    disk = tmp_path_factory.mktemp("disk") / "data.qcow2"
    write_qcow2(disk, data=b"data " * 1000)
    system.cloud.upload(disk, CONF["key"])
    state = api.wait_for_run(DAG_ID, run_id, timeout=90)
    logs = {task_id: api.log(DAG_ID, run_id, task_id) for task_id in TASKS}
    assert state == "success", json.dumps(logs, indent=1)
    return run_id


def test_every_task_succeeds(system: System, finished_run: str) -> None:
    states = system.stack.api.task_states(DAG_ID, finished_run)
    assert states == dict.fromkeys(TASKS, "success")


def test_the_image_is_active_and_as_asked_for(system: System, finished_run: str) -> None:
    image_id = system.stack.api.xcom(DAG_ID, finished_run, "use_image")
    image = system.cloud.image(image_id)
    assert image is not None
    assert (image.status, image.name, image.min_disk, image.os_type) == ("active", "2024", 41, "Windows")
    assert image.data_origin == f"file,{BUCKET}:{CONF['key']}"
    assert {("team", "storage"), ("键", "值")} <= image.tags


def test_the_tasks_hand_over_what_they_promise(system: System, finished_run: str) -> None:
    api = system.stack.api
    uploaded, report, job_id, job, image_id = (api.xcom(DAG_ID, finished_run, task) for task in TASKS)
    assert (report["format"], report["findings"]) == ("qcow2", [])
    assert uploaded.keys() >= {"bucket", "key", "size", "etag", "last_modified", "storage_class"}
    assert (uploaded["bucket"], uploaded["key"]) == (BUCKET, CONF["key"])
    assert api.xcom(DAG_ID, finished_run, "create_data_image", "job_id") == job_id
    assert job.keys() >= {"job_id", "status", "image_id", "image_name", "begin_time", "end_time"}
    assert (job["job_id"], job["status"], job["image_name"]) == (job_id, "SUCCESS", "2024")
    assert job["image_id"] == image_id


def test_the_trigger_writes_into_the_log_of_its_task(system: System, finished_run: str) -> None:
    log = "\n".join(system.stack.api.log(DAG_ID, finished_run, "wait_for_image"))
    assert system.stack.api.xcom(DAG_ID, finished_run, "create_data_image") in log


def test_the_templates_show_what_was_asked_for(system: System, finished_run: str) -> None:
    fields = system.stack.api.rendered(DAG_ID, finished_run, "create_data_image")
    assert fields["name"] == "2024"
    assert fields["image_url"] == f"{BUCKET}:{CONF['key']}"


def test_the_console_is_one_click_away(system: System, finished_run: str) -> None:
    path = f"/dags/{DAG_ID}/dagRuns/{finished_run}/taskInstances/create_data_image/links"
    links = system.stack.api.call("GET", path)["extra_links"]
    assert set(links) == {"Image in the IMS console", "File in the OBS console"}
    assert all(str(link).startswith("https://console.huaweicloud.com/") for link in links.values())


def test_a_new_file_starts_a_dag_by_itself(system: System, tmp_path: Path) -> None:
    api, dag_id = system.stack.api, "example_ims_on_new_file"
    system.stack.wait_for_dag(dag_id)
    disk = tmp_path / "new.qcow2"
    write_qcow2(disk, data=b"new " * 100)
    end = time.monotonic() + 90
    number = 0
    # What lies there before the watcher's first look is no news; nobody knows when that look comes.
    while not (runs := api.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]):
        assert time.monotonic() < end
        number += 1
        system.cloud.upload(disk, f"incoming/new-{number}.qcow2")
        time.sleep(6)
    assert api.wait_for_run(dag_id, runs[0]["dag_run_id"], timeout=90) == "success"
    states = {row["task_id"]: row["state"] for row in api.task_instances(dag_id, runs[0]["dag_run_id"])}
    assert states == {"requests": "success", "create": "success"}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"min_disk": 39}, "min_disk"), ({"name": "a/b"}, "name"), ({"bucket": "A"}, "bucket")],
)
def test_the_form_rejects_what_the_api_would(system: System, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(DemoError, match=f"400: .*{named}"):
        system.stack.api.trigger(DAG_ID, CONF | wrong)


def test_no_secret_is_written_anywhere(system: System, finished_run: str) -> None:
    assert finished_run
    secrets = [system.cloud.sk, "Signature=", f"OBS {system.cloud.ak}:", "X-Auth-Token", "Authorization:"]
    found = [(where, secret) for where, text in written(system) for secret in secrets if secret in text]
    assert not found


def written(system: System) -> Iterator[tuple[str, str]]:
    """Everything that Airflow keeps: its log files, and every table of its database."""
    for path in system.stack.logs:
        yield str(path), path.read_text(errors="replace")
    with closing(sqlite3.connect(system.stack.home / "airflow.db")) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert {"trigger", "xcom", "rendered_task_instance_fields", "task_instance"} <= set(tables)
        for table in tables:
            for row in database.execute(f'SELECT * FROM "{table}"'):
                yield f"table {table}", readable(row)


def readable(row: tuple[Any, ...]) -> str:
    return " ".join(cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for cell in row)


def test_the_search_for_secrets_would_find_one(system: System, finished_run: str) -> None:
    # The bucket is no secret and is everywhere, so that the search is known to look into the right places.
    assert finished_run
    places = {where for where, text in written(system) if BUCKET in text}
    assert {"table xcom", "table rendered_task_instance_fields"} <= places
    assert any(Path(where).suffix == ".log" for where in places)
