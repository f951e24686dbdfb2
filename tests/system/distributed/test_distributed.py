"""The stack of the compose file without containers: whatever dies or stalls, each image is made once."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.net import get_hostname
from container_files import compose, health_command, service
from system.distributed.conftest import IMAGES
from system.distributed.deployment import Deployment
from system.distributed.servers import Given, Server

from ims_airflow import metrics
from ims_airflow.demo.stack import COMPONENTS
from ims_airflow.protocol.submission import MARKER_TAG

OUTAGE = float(os.environ.get("IMS_AIRFLOW_DISTRIBUTED_OUTAGE", "120"))
DAG, EXAMPLE, ON_NEW_FILE = "distributed_imports", "example_ims_data_image", "example_ims_on_new_file"
FINAL = {"success", "failed"}
PATIENCE = 600.0  # seconds; a healthy run needs a fraction of it, also on a busy machine


def test_the_components_are_started_by_the_commands_of_the_compose_file() -> None:
    services = compose()["services"]
    for kind, arguments in COMPONENTS.items():
        here = [word for word in arguments if word != "--skip-serve-logs"]
        assert services[kind]["command"] == ["airflow", *here]


def test_init_has_prepared_the_database(deployment: Deployment) -> None:
    assert deployment.init.returncode == 0, deployment.init.stderr
    pool = deployment.stack.api.call("GET", "/pools/ims_imports")
    assert (pool["slots"], pool["include_deferred"]) == (40, True)


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "triggerer", "worker"])
def test_a_component_is_healthy_by_the_check_of_the_compose_file(deployment: Deployment, name: str) -> None:
    # Two workers share a host name here, so they have names of their own before it.
    here = {"celery@${HOSTNAME}": f"worker@{socket.gethostname()}", "${HOSTNAME}": get_hostname()}  # type: ignore[no-untyped-call]
    words = health_command(name)
    for there, word in here.items():
        words = [one.replace(there, word) for one in words]
    for _ in range(service(name)["healthcheck"]["retries"]):  # one failure is none for the engine either
        done = deployment.run(words)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_hundred_imports_outlive_everything(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    stack, cloud = deployment.stack, deployment.emulator
    cloud.tell("PATCH", "settings", buckets=["demo-images", "image-test"])
    cloud.put("image-test", "disk.qcow2")
    cloud.put("demo-images", "images/data.raw")
    with capsys.disabled():
        print()
        for dag_id in (DAG, EXAMPLE, ON_NEW_FILE):
            stack.wait_for_dag(dag_id)
        conf = {"bucket": "demo-images", "key": "images/data.raw", "name": "example", "min_disk": 40}
        runs = {EXAMPLE: stack.api.trigger(EXAMPLE, conf), DAG: stack.api.trigger(DAG)}
        deployment.note(f"triggered {IMAGES} mapped imports and {EXAMPLE}")
        strike(deployment)
        ends = {dag_id: end_of(deployment, dag_id, run_id) for dag_id, run_id in runs.items()}
        cloud.put("demo-images", "incoming/new.qcow2")
        begun = partial(runs_of, deployment, ON_NEW_FILE)
        (run_id,) = deployment.until("the run of a new file", begun, PATIENCE)
        ends[ON_NEW_FILE] = end_of(deployment, ON_NEW_FILE, run_id)
        report(deployment)
    jobs = imports(deployment)
    assert ends == {EXAMPLE: "success", DAG: "success", ON_NEW_FILE: "success"}
    assert sorted(job["name"] for job in jobs) == [f"distributed-{number:03}" for number in range(IMAGES)]
    assert {job["image_status"] for job in jobs} == {"active"}
    assert (made(deployment, "example"), made(deployment, "new")) == (1, 1)
    # Submits are counted by workers, the ends of jobs by triggerers.
    assert deployment.heard[metrics.SUBMITS] > 0
    assert deployment.heard[metrics.SUCCEEDED] > 0
    assert deployment.heard[metrics.JOB_POLLS] > 0


def test_no_secret_is_in_any_log(deployment: Deployment) -> None:
    secret = "SKemulator00000000000000000000000000000001"
    logs = [*deployment.stack.logs, *Path(deployment.stack.home).glob("*.cfg")]
    assert not [path for path in logs if secret in path.read_text(errors="replace")]


def test_airflow_has_written_nothing_but_its_settings_and_logs(deployment: Deployment) -> None:
    """So its containers can have a file system that is read-only, but for two places."""
    written = {path.name for path in deployment.stack.home.iterdir()}
    assert written - {"bytecode"} <= {"airflow.cfg", "logs"}


def strike(deployment: Deployment) -> None:
    """Disturb the imports, each time when some more of them are accepted."""
    blows = [
        partial(deployment.kill, "worker"),
        partial(deployment.kill, "triggerer"),
        partial(deployment.kill, "scheduler"),
        partial(restart, deployment, "PostgreSQL", deployment.database),
        partial(restart, deployment, "Redis", deployment.broker),
        partial(stop_cloud, deployment),
    ]
    for number, blow in enumerate(blows):
        wait_for_imports(deployment, IMAGES * (number + 1) // (len(blows) + 2))
        blow()
        deployment.watch()


def restart(deployment: Deployment, name: str, server: Server | Given) -> None:
    if server.ours:
        server.restart()
        deployment.note(f"restarted {name}")
    else:
        deployment.note(f"{name} is not ours to restart")


def stop_cloud(deployment: Deployment) -> None:
    deployment.emulator.process.pause()
    deployment.note(f"stopped the emulator for {OUTAGE:.0f} s")
    end = time.monotonic() + OUTAGE
    while time.monotonic() < end:
        deployment.watch()
        time.sleep(0.5)
    deployment.emulator.process.resume()
    deployment.note("the emulator goes on")


def wait_for_imports(deployment: Deployment, number: int) -> None:
    deployment.until(f"{number} imports", lambda: len(imports(deployment)) >= number, PATIENCE)


def end_of(deployment: Deployment, dag_id: str, run_id: str) -> str:
    def ended() -> str | None:
        state = deployment.stack.api.run_state(dag_id, run_id)
        return state if state in FINAL else None

    state: str = deployment.until(f"the end of {dag_id}", ended, PATIENCE)
    deployment.note(f"{dag_id} ended in {state}")
    return state


def runs_of(deployment: Deployment, dag_id: str) -> list[str]:
    rows = deployment.stack.api.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
    return [row["dag_run_id"] for row in rows]


def imports(deployment: Deployment) -> list[dict[str, Any]]:
    return [job for job in deployment.emulator.submissions if job["name"].startswith("distributed-")]


def made(deployment: Deployment, name: str) -> int:
    return sum(job["name"] == name for job in deployment.emulator.submissions)


def report(deployment: Deployment) -> None:
    jobs = imports(deployment)
    markers = Counter(job["tags"].get(MARKER_TAG) for job in jobs)
    print(f"images wanted {IMAGES}, active {sum(job['image_status'] == 'active' for job in jobs)}")
    print(f"submissions accepted {len(jobs)}, twice by marker {sum(n - 1 for n in markers.values())}")
    print(f"components started again by the restart policy {dict(deployment.restarted)}")
    print(f"metrics {dict(deployment.heard)}", flush=True)
