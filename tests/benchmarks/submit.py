"""Requests that one submit costs, by what the Connection holds.

Run: ``PYTHONPATH=tests python -m benchmarks.submit [--count 5] [--json FILE]``. Each image is asked for by
the real operator with a client of its own, as in Airflow, which forks a process for each task: nothing that
one task learns in memory reaches the next, and nothing is kept on disk. A Connection that holds
``project_id`` needs one request.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import Any

from airflow_task import Task
from benchmarks.results import save

from ims_airflow.emulator import EmulatorServer, connection
from ims_airflow.operators.ims import ImsCreateDataImageOperator


def connections(server: EmulatorServer) -> dict[str, dict[str, Any]]:
    known, settings = connection(server.settings, server.url), server.settings
    user = {"login": settings.user_name, "password": settings.password}
    password = {"auth": "password", "domain_name": settings.domain_name}
    return {
        "access key, project_id": known,
        "access key": {**known, "extra": {**known["extra"], "project_id": ""}},
        "IAM user, project_id": {**known, **user, "extra": {**known["extra"], **password}},
        "IAM user": {**known, **user, "extra": {**known["extra"], **password, "project_id": ""}},
    }


def submit(number: int) -> None:
    Task(
        lambda: ImsCreateDataImageOperator(
            task_id="create",
            name=f"image-{number}",
            image_url="image-test:disk.qcow2",
            min_disk=40,
            os_type="Linux",
        )
    ).run()


def measure(server: EmulatorServer, count: int) -> dict[str, dict[str, float]]:
    rows = {}
    for name, fields in connections(server).items():
        os.environ["AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"] = json.dumps(fields)
        before = len(server.journal())
        for number in range(count):
            submit(number)
        calls = Counter(str(entry["service"]) for entry in server.journal()[before:])
        rows[name] = {"ims": calls["ims"] / count, "iam": calls["iam"] / count}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5, help="images for each Connection")
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    with EmulatorServer() as server:
        server.put_object("image-test", "disk.qcow2", b"QFI\xfb")
        server.configure(most_jobs=10_000, image_quota=10_000)
        rows = measure(server, options.count)
    print(f"{'the Connection holds':<24} {'to IMS':>7} {'to IAM':>7}   requests per image")
    for name, row in rows.items():
        print(f"{name:<24} {row['ims']:>7g} {row['iam']:>7g}")
    save("submit", rows, options.json)


if __name__ == "__main__":
    main()
