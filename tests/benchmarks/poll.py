"""What one poll costs: CPU time and requests per second, peers and ours side by side on one local server.

Run: ``PYTHONPATH=tests python -m benchmarks.poll [--count 4000] [--runs 5] [--json FILE]``. Each way asks the
same server in another process, 32 requests in flight, in turns; the median of the runs counts. CPU is that of
the asking process. The dbt Cloud provider speaks TLS only, so it is held against ours over TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import requests
from benchmarks.local_server import JOB, Local, local_server
from benchmarks.results import save

from ims_airflow.client.options import HttpOptions
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.endpoints import endpoints_for
from ims_airflow.protocol.job_watch import JobWatch

FLIGHT = 32
JOB_ID = str(JOB["job_id"])
PATH = f"/v1/{'0' * 32}/jobs/{JOB_ID}"
log = logging.getLogger("benchmark")

Poll = Callable[[], Awaitable[Any]]
Way = Callable[[Local, int], Coroutine[Any, Any, tuple[float, float]]]


async def timed(poll: Poll, count: int) -> tuple[float, float]:
    """Return CPU seconds and seconds of ``count`` polls."""

    async def some(number: int) -> None:
        for _ in range(number):
            await poll()

    await some(20)  # opens connections, fills caches
    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(some(count // FLIGHT) for _ in range(FLIGHT)))
    return time.process_time() - cpu, time.perf_counter() - wall


async def bare_aiohttp(base: str, count: int, bundle: Path | None = None) -> tuple[float, float]:
    import ssl

    import aiohttp  # not above: on import it reads which certificates are trusted

    security = ssl.create_default_context(cafile=bundle) if bundle else True
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=security)) as session:

        async def poll() -> Any:
            async with session.get(base + PATH) as answer:
                return json.loads(await answer.read())

        return await timed(poll, count)


async def ours(base: str, count: int, bundle: Path | None = None) -> tuple[float, float]:
    from ims_airflow.client.aio import AsyncClient

    account = Account(AccessKey("A" * 20, "S" * 40), endpoints_for("r-1", ims=base), project_id="0" * 32)
    verify = str(bundle) if bundle else True
    options = HttpOptions(verify, max_requests_in_flight=FLIGHT, max_requests_per_second=1e6)
    async with AsyncClient(account, options) as client:
        watches = [JobWatch(JOB_ID, started=time.time(), log=log) for _ in range(FLIGHT)]
        turn = iter(range(10**9))

        async def poll() -> Any:
            return await client.run(watches[next(turn) % FLIGHT].look(time.time()))

        return await timed(poll, count)


async def with_httpx(local: Local, count: int) -> tuple[float, float]:
    async with httpx.AsyncClient() as client:

        async def poll() -> Any:
            return json.loads((await client.get(local.http + PATH)).content)

        return await timed(poll, count)


async def with_requests(local: Local, count: int) -> tuple[float, float]:
    own = threading.local()

    def ask() -> Any:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        return json.loads(own.session.get(local.http + PATH).content)

    async with AsyncExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(FLIGHT))
        loop = asyncio.get_running_loop()
        return await timed(lambda: loop.run_in_executor(pool, ask), count)


async def dbt_cloud(local: Local, count: int) -> tuple[float, float]:
    """Let the provider's trigger poll without a pause, cut off after as many polls."""
    from airflow.providers.dbt.cloud.triggers.dbt import DbtCloudRunJobTrigger

    left = count

    class Counted(DbtCloudRunJobTrigger):
        @property
        def poll_interval(self) -> float:  # asked for once after each poll
            nonlocal left
            left -= 1
            if left < 0:
                raise asyncio.CancelledError
            return 0.0

        @poll_interval.setter
        def poll_interval(self, value: float) -> None:
            pass

    host = local.https.removeprefix("https://")
    os.environ["AIRFLOW_CONN_DBT_BENCHMARK"] = json.dumps(
        {"conn_type": "dbt_cloud", "host": host, "login": "1", "password": "token"}
    )

    async def follow() -> None:
        trigger = Counted("dbt_benchmark", 5, time.time() + 3600, 0, 1)
        try:
            async for _ in trigger.run():
                pass
        except asyncio.CancelledError:
            pass

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(follow() for _ in range(FLIGHT)))
    return time.process_time() - cpu, time.perf_counter() - wall


WAYS: dict[str, Way] = {
    "bare aiohttp": lambda local, count: bare_aiohttp(local.http, count),
    "ours, signed": lambda local, count: ours(local.http, count),
    "httpx": with_httpx,
    "requests in threads": with_requests,
    "bare aiohttp, TLS": lambda local, count: bare_aiohttp(local.https, count, local.bundle),
    "ours, signed, TLS": lambda local, count: ours(local.https, count, local.bundle),
    "dbt Cloud trigger, TLS": dbt_cloud,
}
SLOW = {"httpx": 8, "requests in threads": 8, "dbt Cloud trigger, TLS": 40}  # they get fewer polls


def measure(local: Local, count: int, runs: int) -> dict[str, dict[str, float]]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(runs):
        for name, way in WAYS.items():
            polls = max(count // SLOW.get(name, 1) // FLIGHT, 1) * FLIGHT
            cpu, wall = asyncio.run(way(local, polls))
            found[name].append((cpu / polls, wall / polls))
    rows = {
        name: {
            "cpu_us": statistics.median(cpu for cpu, _ in times) * 1e6,
            "per_second": 1 / statistics.median(wall for _, wall in times),
        }
        for name, times in found.items()
    }
    for name, row in rows.items():
        base = "bare aiohttp, TLS" if name.endswith("TLS") else "bare aiohttp"
        # Within one run, so that a machine that is busy for a while slows both.
        ratios = [mine[0] / bare[0] for mine, bare in zip(found[name], found[base], strict=True)]
        row["cpu_ratio"] = statistics.median(ratios)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=4000, help="polls of each way and run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, local_server(Path(folder)) as local:
        os.environ["SSL_CERT_FILE"] = str(local.bundle)
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"  # the provider logs each poll
        rows = measure(local, options.count, options.runs)
    print(f"{'one poll':<24} {'CPU µs':>8} {'of bare aiohttp':>16} {'per second':>11}")
    for name, row in rows.items():
        print(f"{name:<24} {row['cpu_us']:>8.0f} {row['cpu_ratio']:>16.2f} {row['per_second']:>11.0f}")
    save("poll", rows, options.json)


if __name__ == "__main__":
    main()
