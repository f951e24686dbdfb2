"""Faults of processes: whatever dies, freezes or is clicked away, one image comes out."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ims_airflow.demo.component import Component
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack
from ims_airflow.emulator import EmulatorServer, Settings, connection

DAGS = Path(__file__).parent / "dags"
LONG = 3600.0  # seconds that a job takes; nobody waits for it, the emulator's clock is moved
SETTINGS = {
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
}
SUBMIT = {"method": "POST", "path": "dataimages"}


@dataclass
class Stage:
    """A real Airflow with the fault DAGs, and the emulated cloud behind it."""

    stack: AirflowStack
    cloud: EmulatorServer

    def start(self, dag_id: str) -> Run:
        self.stack.wait_for_dag(dag_id)
        before = len(self.cloud.submissions())
        return Run(self, dag_id, self.stack.api.trigger(dag_id), before)


@dataclass
class Run:
    """One DAG run, and what it submitted."""

    stage: Stage
    dag_id: str
    run_id: str
    before: int

    @property
    def submissions(self) -> list[dict[str, Any]]:
        return self.stage.cloud.submissions()[self.before :]

    def until(self, what: str, ready: Callable[[], Any], timeout: float = 60) -> Any:
        end = time.monotonic() + timeout
        while not (found := ready()):
            assert time.monotonic() < end, f"waited {timeout} s for {what}\n{self.log()}"
            time.sleep(0.2)
        return found

    def accepted(self) -> str:
        """Wait until the cloud has accepted the submission; return its job_id."""
        self.until("a submission", lambda: self.submissions)
        return str(self.submissions[0]["job_id"])

    def is_in(self, state: str, task_id: str = "create") -> None:
        states = self.stage.stack.api.task_states
        self.until(f"{task_id} {state}", lambda: states(self.dag_id, self.run_id).get(task_id) == state)

    def polled(self, times: int = 2) -> None:
        """Wait until the job was asked about some more times."""
        [job] = self.submissions
        self.until("polls", lambda: self.submissions[0]["reads"] >= job["reads"] + times)

    def finish(self) -> None:
        self.stage.cloud.advance(LONG + 1)

    def ends(self, state: str = "success", timeout: float = 90) -> None:
        api = self.stage.stack.api
        final = {"success", "failed"}
        found = self.until("the end", lambda: final & {api.run_state(self.dag_id, self.run_id)}, timeout)
        assert found == {state}, self.log()

    def log(self, task_id: str = "create") -> str:
        rows = self.stage.stack.api.task_instances(self.dag_id, self.run_id)
        tries = next((row["try_number"] for row in rows if row["task_id"] == task_id), 1)
        numbers = range(1, max(tries, 1) + 1)
        return "\n".join(
            line for n in numbers for line in self.stage.stack.api.log(self.dag_id, self.run_id, task_id, n)
        )

    def one_image(self) -> None:
        assert len(self.submissions) == 1, self.log()
        assert [job["image_status"] for job in self.submissions] == ["active"]
        assert not [entry for entry in self.stage.cloud.journal() if entry["method"] == "DELETE"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    place = tmp_path_factory.mktemp("faults")
    adopt_orphans()
    with Keeper() as keeper, EmulatorServer(Settings(job_seconds=LONG, tags_visible=True)) as cloud:
        cloud.put_object("image-test", "disk.qcow2", b"disk")
        connections = {"huaweicloud_ims_default": connection(cloud.settings, cloud.url)}
        with AirflowStack(
            place / "airflow", DAGS, keeper, connections=connections, settings=SETTINGS
        ) as stack:
            yield Stage(stack, cloud)


@pytest.fixture(autouse=True)
def no_faults_left(stage: Stage) -> Iterator[None]:
    yield
    stage.cloud.clear_faults()


def task_processes(scheduler: Component) -> list[int]:
    """The processes in which tasks run, without their supervisors."""
    names = {
        pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace") for pid in scheduler.members()
    }
    return [pid for pid, name in names.items() if "worker -- " in name and "LocalExecutor" not in name]


def kill_task(run: Run) -> None:
    scheduler = run.stage.stack.component("scheduler")
    for pid in run.until("a task process", lambda: task_processes(scheduler)):
        os.kill(pid, signal.SIGKILL)


def freeze(component: Component, database: Path) -> None:
    """Freeze a component, but not while it writes: in SQLite nobody else could, and all would die of that."""
    while True:
        component.pause()
        with closing(sqlite3.connect(database, timeout=1, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                component.resume()
                time.sleep(0.1)
            else:
                return


def test_a_worker_killed_before_it_could_store_the_job_id(stage: Stage) -> None:
    stage.cloud.add_fault({"match": SUBMIT, "times": 1, "when": "after", "delay": 30})
    run = stage.start("waiting")
    run.accepted()
    kill_task(run)
    stage.cloud.clear_faults()
    run.until("the adoption", lambda: "Adopting image" in run.log())
    run.finish()
    run.ends()
    run.one_image()


@pytest.mark.parametrize(("dag_id", "task_id"), [("waiting", "create"), ("poking", "wait")])
def test_a_worker_killed_while_it_polls(stage: Stage, dag_id: str, task_id: str) -> None:
    run = stage.start(dag_id)
    job_id = run.accepted()
    run.is_in("running", task_id)
    run.polled()
    kill_task(run)
    run.polled(3)
    run.finish()
    run.ends()
    run.one_image()
    assert job_id in run.log(task_id)


def test_trouble_is_summed_up_in_the_workers_log(stage: Stage) -> None:
    run = stage.start("deferred")
    job_id = run.accepted()
    run.is_in("deferred")
    stage.cloud.add_fault({"match": {"path": "/jobs/"}, "times": 3, "status": 503, "body": "<html>"})
    run.until("trouble", lambda: "answers again after" in run.log())
    run.finish()
    run.ends()
    log = run.log()
    assert f"is active: job {job_id}" in log
    assert "s of trouble" in log


def test_a_triggerer_killed(stage: Stage) -> None:
    run = stage.start("deferred")
    run.accepted()
    run.is_in("deferred")
    run.polled()
    stage.stack.component("triggerer").kill()
    stage.stack.component("triggerer").start()
    run.polled()
    run.finish()
    run.ends()
    run.one_image()


def test_a_triggerer_frozen_until_another_took_over(stage: Stage) -> None:
    run = stage.start("deferred")
    run.accepted()
    run.is_in("deferred")
    run.polled()
    first = stage.stack.component("triggerer")
    freeze(first, stage.stack.home / "airflow.db")
    second = stage.stack.start_component("triggerer")
    try:
        run.polled()  # by the second: the first is frozen
    finally:
        first.resume()
    time.sleep(5)  # the first wakes up, finds its trigger taken, and lets go of it
    run.finish()
    run.ends()
    run.one_image()
    second.stop()


@pytest.mark.parametrize("state", ["failed", "success"])
def test_a_deferred_task_that_a_person_marks_leaves_the_job_alone_and_says_so(
    stage: Stage, state: str
) -> None:
    run = stage.start("deferred")
    job_id = run.accepted()
    run.is_in("deferred")
    run.polled()
    stage.stack.api.set_state("deferred", run.run_id, "create", state)
    run.until("the word of the trigger", lambda: f"job {job_id} goes on in the cloud" in run.log(), 20)
    run.finish()
    run.one_image()


def test_a_deferred_task_that_is_cleared_reattaches(stage: Stage) -> None:
    run = stage.start("deferred")
    job_id = run.accepted()
    run.is_in("deferred")
    run.polled()
    stage.stack.api.clear("deferred", run.run_id, "create")
    run.until("the reattachment", lambda: f"Reattaching to {job_id}" in run.log())
    run.finish()
    run.ends()
    run.one_image()


def test_a_finished_task_that_is_cleared_makes_a_new_image(stage: Stage) -> None:
    run = stage.start("deferred")
    run.accepted()
    run.finish()
    run.ends()
    stage.stack.api.clear("deferred", run.run_id, "create")
    run.until("another submission", lambda: len(run.submissions) == 2)
    run.finish()
    run.ends()


def test_an_execution_timeout_ends_a_deferred_task(stage: Stage) -> None:
    run = stage.start("short_execution_timeout")
    run.accepted()
    run.ends("failed")
    assert "execution_timeout" in run.log()


def test_a_rescheduled_sensor_times_out(stage: Stage) -> None:
    run = stage.start("rescheduled")
    run.accepted()
    run.ends("failed")
    assert "timed out" in run.log("wait")


def test_the_reason_of_a_failed_job_is_in_the_workers_log(stage: Stage) -> None:
    run = stage.start("deferred")
    job_id = run.accepted()
    run.is_in("deferred")
    stage.cloud.fail_job(job_id, "IMG.0057", "the file is no image")
    run.ends("failed")
    log = run.log()
    assert "IMG.0057: the file is no image. What to do:" in log
    assert len(run.submissions) == 1


def test_many_triggers_that_fire_at_once(stage: Stage) -> None:
    stage.cloud.configure(job_seconds=3, most_jobs=1000, image_quota=1000)
    try:
        run = stage.start("many")
        run.ends(timeout=240)
    finally:
        stage.cloud.configure(job_seconds=LONG, most_jobs=40, image_quota=100)
    assert sorted(job["name"] for job in run.submissions) == sorted(f"image-{n}" for n in range(60))
    assert {job["image_status"] for job in run.submissions} == {"active"}


def test_no_secret_is_in_any_log(stage: Stage) -> None:
    secret = stage.cloud.settings.sk
    assert not [path for path in stage.stack.logs if secret in path.read_text(errors="replace")]
