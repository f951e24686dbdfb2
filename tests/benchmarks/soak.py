"""Many submissions through a real Airflow while the cloud answers badly and processes are killed.

Run: ``python tests/benchmarks/soak.py [--images 500] [--faults 0.05]``. Ends with status 1 when an image is
missing, was made twice, or a secret is in a log.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ims_airflow.demo.component import Component
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import adopt_orphans
from ims_airflow.demo.stack import AirflowStack
from ims_airflow.emulator import EmulatorServer, Settings, connection
from ims_airflow.protocol.submission import MARKER_TAG

DAGS = Path(__file__).parent / "dags"
ACTIONS: list[dict[str, Any]] = [
    {"drop": "reset", "when": "before"},
    {"drop": "reset", "when": "after"},
    {"drop": "half"},
    {"status": 503, "body": "<html>Service Unavailable</html>"},
    {"status": 429, "headers": {"Retry-After": "2"}},
    {"delay": 3},
]


def kill_a_task(scheduler: Component) -> bool:
    for pid in scheduler.members():
        name = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"worker -- " in name and b"LocalExecutor" not in name:
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def disturb(stack: AirflowStack, cloud: EmulatorServer, run_id: str, images: int) -> Counter[str]:
    """Wait for the run's end; kill a task and the triggerer when a third of the requests is accepted."""
    killed: Counter[str] = Counter()
    while stack.api.run_state("soak", run_id) not in {"success", "failed"}:
        accepted = len(cloud.submissions())
        if accepted > images // 3 and not killed["triggerer"]:
            stack.component("triggerer").kill()
            stack.component("triggerer").start()
            killed["triggerer"] += 1
        if accepted > images // 4 and killed["task"] < 3 and kill_a_task(stack.component("scheduler")):
            killed["task"] += 1
        time.sleep(1)
    return killed


def leaks(stack: AirflowStack, cloud: EmulatorServer) -> int:
    return sum(cloud.settings.sk in path.read_text(errors="replace") for path in stack.logs)


def report(stack: AirflowStack, cloud: EmulatorServer, run_id: str, images: int) -> dict[str, Any]:
    submissions = cloud.submissions()
    active = [job for job in submissions if job["image_status"] == "active"]
    markers = Counter(job["tags"][MARKER_TAG] for job in submissions)
    journal = cloud.journal("ims")
    return {
        "run": stack.api.run_state("soak", run_id),
        "images wanted": images,
        "images active": len({job["name"] for job in active}),
        "submissions accepted": len(submissions),
        "duplicates by marker": sum(count - 1 for count in markers.values()),
        "duplicates by name": len(submissions) - len({job["name"] for job in submissions}),
        "requests to IMS": len(journal),
        "faulty answers": sum(entry["fault"] is not None for entry in journal),
        "adopted images": sum("Adopting" in path.read_text(errors="replace") for path in stack.logs),
        "logs with a secret": leaks(stack, cloud),
    }


def soak(images: int, share: float) -> dict[str, Any]:
    settings = Settings(job_seconds=20, most_jobs=10_000, image_quota=10_000, journal_size=200_000)
    environment = {"SOAK_IMAGES": str(images), "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "1000"}
    adopt_orphans()
    with tempfile.TemporaryDirectory() as place, Keeper() as keeper, EmulatorServer(settings) as cloud:
        cloud.put_object("image-test", "disk.qcow2", b"disk")
        for number, action in enumerate(ACTIONS):
            match = {"service": "ims"}
            cloud.add_fault({"match": match, "probability": share / len(ACTIONS), "seed": number, **action})
        connections = {"huaweicloud_ims_default": connection(cloud.settings, cloud.url)}
        with AirflowStack(Path(place), DAGS, keeper, connections=connections, settings=environment) as stack:
            stack.wait_for_dag("soak")
            began = time.monotonic()
            run_id = stack.api.trigger("soak")
            killed = disturb(stack, cloud, run_id, images)
            figures = report(stack, cloud, run_id, images)
            return {**figures, "killed": dict(killed), "seconds": round(time.monotonic() - began)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--faults", type=float, default=0.05, help="share of IMS answers that are faulty")
    options = parser.parse_args()
    figures = soak(options.images, options.faults)
    for name, value in figures.items():
        print(f"{name:<24} {value}")
    print(json.dumps(figures))
    whole = figures["images active"] == options.images and not figures["duplicates by name"]
    return 0 if whole and not figures["logs with a secret"] else 1


if __name__ == "__main__":
    sys.exit(main())
