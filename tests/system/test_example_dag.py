"""The example DAGs in a real Airflow, from what starts them to the image."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from system.example_runs import CONF, DAY, KEYS, RUNS, run_to_success
from system.running import System

from ims_airflow.demo.cloud import BUCKET
from ims_airflow.demo.dag_files import EXAMPLE_DAG as DAG_ID
from ims_airflow.demo.dag_files import example_dags
from ims_airflow.demo.failure import DemoError

TASKS = ("check_upload", "preflight", "create_data_image", "wait_for_image", "use_image")
EXAMPLES = sorted(path.stem for path in example_dags().glob("*.py"))
Runs = Callable[[str], str]


@pytest.fixture(scope="module")
def run_of(system: System, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs an example the first time that somebody asks for its run."""
    return cache(lambda dag_id: run_to_success(system, dag_id, tmp_path_factory.mktemp(dag_id)))


@pytest.fixture(scope="module")
def finished_run(run_of: Runs) -> str:
    return run_of(DAG_ID)


@pytest.mark.parametrize("dag_id", EXAMPLES)
def test_every_example_runs_to_success(system: System, run_of: Runs, dag_id: str) -> None:
    assert dag_id in RUNS, f"dags/{dag_id}.py has no run in tests/system/example_runs.py"
    states = [row["state"] for row in system.stack.api.task_instances(dag_id, run_of(dag_id))]
    assert states
    assert set(states) == {"success"}


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


def test_a_new_file_starts_a_dag_by_itself(system: System, run_of: Runs) -> None:
    dag_id = "example_ims_on_new_file"
    run_id = run_of(dag_id)
    states = {row["task_id"]: row["state"] for row in system.stack.api.task_instances(dag_id, run_id)}
    assert states == {"requests": "success", "create": "success"}


def test_the_image_of_a_day_bears_its_date(system: System, run_of: Runs) -> None:
    dag_id = "example_ims_daily"
    made = system.stack.api.xcom(dag_id, run_of(dag_id), "import_data_image.create_data_image")
    image = system.cloud.image(made["image_id"])
    assert image is not None
    assert (image.name, image.status) == (f"export-{DAY}", "active")
    assert {("source", "export"), ("day", DAY)} <= image.tags
    assert image.data_origin == f"file,{BUCKET}:exports/{DAY}/data.qcow2"


def test_each_of_many_files_becomes_an_image_of_its_name(system: System, run_of: Runs) -> None:
    dag_id = "example_ims_many_files"
    image_ids = system.stack.api.xcom(dag_id, run_of(dag_id), "use_images")
    images = [image for one in image_ids if (image := system.cloud.image(one))]
    assert [image.name for image in images] == ["one", "two", "late"]
    assert [image.data_origin for image in images] == [f"file,{BUCKET}:{key}" for key in KEYS]
    assert all(("team", "storage") in image.tags for image in images)


def test_the_mapped_tasks_are_told_apart_by_their_files(system: System, run_of: Runs) -> None:
    dag_id = "example_ims_many_files"
    rows = system.stack.api.task_instances(dag_id, run_of(dag_id))
    labels = {row["rendered_map_index"] for row in rows if row["map_index"] >= 0}
    assert labels == {f"{BUCKET}:{key}" for key in KEYS}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"min_disk": 39}, "min_disk"), ({"name": "a/b"}, "name"), ({"bucket": "A"}, "bucket")],
)
def test_the_form_rejects_what_the_api_would(system: System, wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(DemoError, match=f"400: .*{named}"):
        system.stack.api.trigger(DAG_ID, CONF | wrong)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"keys": []}, "keys"),
        ({"keys": ["a b"]}, "keys"),
        ({"keys": [f"{n}.raw" for n in range(51)]}, "keys"),
        ({"bucket": "A"}, "bucket"),
        ({}, "keys"),
    ],
)
def test_the_form_of_many_files_rejects_what_cannot_be_imported(
    system: System, wrong: dict[str, Any], named: str
) -> None:
    system.stack.wait_for_dag("example_ims_many_files")
    with pytest.raises(DemoError, match=f"400: .*{named}"):
        system.stack.api.trigger("example_ims_many_files", wrong)


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
