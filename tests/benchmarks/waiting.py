"""What one waiting trigger of ours costs: bytes, objects, and CPU from its start through its first look.

Run: ``PYTHONPATH=tests python -m benchmarks.waiting [--count 1 100 …] [--json FILE]``. The triggers run
in a plain event loop against a local server in another process; after its first look each sleeps until the
next. Bytes are those that Python allocated (``tracemalloc``), connections and all; objects are those that
each full pass of its garbage collector visits, asyncio's own among them.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import tempfile
import time
import tracemalloc
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.local_server import JOB, Local, local_server
from benchmarks.results import save

WARM = 100  # triggers that fill all caches, open the connections, and go


def served(local: Local) -> int:
    with urllib.request.urlopen(f"{local.http}/count") as answer:
        return int(json.load(answer)["count"])


async def follow() -> None:
    from ims_airflow.triggers.ims import ImsJobTrigger  # not above: Airflow reads its settings on import

    # The job has run for an hour, so that no second look comes before the end of the measurement.
    trigger = ImsJobTrigger(str(JOB["job_id"]), started=time.time() - 3600)
    async for event in trigger.run():
        raise AssertionError(event)


async def waiting(count: int, local: Local) -> list[asyncio.Task[None]]:
    """Start triggers and wait until each has looked once."""
    before = served(local)
    tasks = [asyncio.create_task(follow()) for _ in range(count)]
    while await asyncio.to_thread(served, local) < before + count:  # noqa: ASYNC110  # it is elsewhere
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)
    return tasks


async def end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def cpu(count: int, local: Local) -> float:
    began = time.process_time()
    tasks = await waiting(count, local)
    used = time.process_time() - began
    await end(tasks)
    return used


async def memory(count: int, local: Local) -> tuple[int, int]:
    warm = await waiting(WARM, local)
    gc.collect()
    before = len(gc.get_objects())
    tracemalloc.start()
    tasks = await waiting(count, local)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    objects = len(gc.get_objects()) - before
    await end([*tasks, *warm])
    return used, objects


def measure(count: int, local: Local) -> dict[str, float]:
    used, objects = asyncio.run(memory(count, local))
    return {
        "bytes": used / count,
        "objects": objects / count,
        "cpu_us": asyncio.run(cpu(count, local)) / count * 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[1, 100, 1000, 10_000])
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    rows: dict[str, Any] = {}
    print(f"{'triggers':>8} {'bytes each':>11} {'objects each':>13} {'CPU µs each':>12}")
    with tempfile.TemporaryDirectory() as folder, local_server(Path(folder)) as local:
        extra = {
            "region": "r-1",
            "project_id": "0" * 32,
            "ims_endpoint": local.http,
            "max_requests_per_second": 1000,
        }
        connection = {"conn_type": "huaweicloud_ims", "login": "A" * 20, "password": "S" * 40, "extra": extra}
        os.environ["AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"] = json.dumps(connection)
        for count in options.count:
            rows[str(count)] = row = measure(count, local)
            print(
                f"{count:>8} {row['bytes']:>11.0f} {row['objects']:>13.1f} {row['cpu_us']:>12.0f}", flush=True
            )
    save("waiting", rows, options.json)


if __name__ == "__main__":
    main()
