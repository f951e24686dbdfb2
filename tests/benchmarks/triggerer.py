"""Many triggers in one real Airflow triggerer: loop lag, memory, polls per second, start-up time.

Run: ``PYTHONPATH=tests python -m benchmarks.triggerer [--count 1 100 …] [--window 70] [--json FILE]``.
Each number is measured three times: with triggers that do nothing, with triggers that wake once a minute and
do nothing, and with ours, which follow jobs that have run for more than an hour and are looked at once a
minute, against a local server in another process. What our code costs is the difference to the second kind.
The longest pause of Python's garbage collector is part of the longest lag: its full pass visits all that
waits, and takes longer where that has been made anew since, as whatever sleeps again is.
The database is SQLite in a temporary directory, and only the triggerer runs.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.local_server import Local, local_server
from benchmarks.results import save

from ims_airflow.demo.component import Component
from ims_airflow.demo.environment import airflow_environment, connection_variables
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.stack import COMPONENTS

KINDS = ("empty", "waking", "ours")
START = 600.0  # seconds that the triggers may take to run; ten thousand take a minute on an idle machine


def environment(home: Path, base: str) -> dict[str, str]:
    connection = {
        "conn_type": "huaweicloud_ims",
        "login": "A" * 20,
        "password": "S" * 40,
        "extra": {
            "region": "r-1",
            "project_id": "0" * 32,
            "ims_endpoint": base,
            "max_requests_in_flight": 64,
            "max_requests_per_second": 1000,
        },
    }
    (home / "dags").mkdir()
    return {
        **airflow_environment(home, home / "dags", 1, secrets.token_urlsafe(64)),
        **connection_variables({"huaweicloud_ims_default": connection}),
        "AIRFLOW__TRIGGERER__CAPACITY": "20000",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }


def served(local: Local) -> int:
    with urllib.request.urlopen(f"{local.http}/count") as answer:
        return int(json.load(answer)["count"])


def lines(path: Path) -> list[dict[str, Any]]:
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


def measure(kind: str, count: int, window: float, local: Local) -> dict[str, float]:
    """Run one triggerer and return its figures."""
    with tempfile.TemporaryDirectory() as place, Keeper() as keeper:
        home, probe = Path(place), Path(place) / "probe.jsonl"
        settings = environment(home, local.http)
        for command in (["airflow", "db", "migrate"], ["benchmarks.fill", kind, str(count), str(probe)]):
            subprocess.run(
                [sys.executable, "-P", "-m", *command], env=settings, check=True, capture_output=True
            )
        triggerer = Component("triggerer", list(COMPONENTS["triggerer"]), settings, home / "log", keeper)
        triggerer.start()
        try:
            seconds = started(probe, count, triggerer)
            before = served(local)
            time.sleep(window)
            polls = served(local) - before
            return {"start_s": seconds, "polls_per_s": polls / window, **figures(lines(probe), window)}
        finally:
            triggerer.terminate()
            triggerer.stop(timeout=20)


def started(probe: Path, count: int, triggerer: Component) -> float:
    """Wait until all triggers run and return the seconds since the first."""
    end = time.monotonic() + START
    while not ((seen := lines(probe)) and seen[-1]["tasks"] > count):
        if time.monotonic() > end or not triggerer.alive:
            running = seen[-1]["tasks"] if seen else 0
            raise SystemExit(f"{running} of {count} triggers run: {triggerer.log.read_text()[-2000:]}")
        time.sleep(0.5)
    time.sleep(3)  # those that came last get their client
    return float(next(line["at"] for line in seen if line["tasks"] > count) - seen[0]["at"])


def figures(seen: list[dict[str, Any]], window: float) -> dict[str, float]:
    last = [line for line in seen if line["at"] > seen[-1]["at"] - window]
    lags = sorted(lag for line in last for lag in line["lags_ms"])
    return {
        "lag_max_ms": lags[-1],
        "lag_99_ms": lags[int(0.99 * len(lags))],
        "gc_max_ms": max(line["gc_ms"] for line in last),
        "gc_ms": full_pass(last),
        "lag_median_ms": statistics.median(lags),
        "rss_mb": last[-1]["rss"] / 2**20,
        "cpu_share": (last[-1]["cpu"] - last[0]["cpu"]) / max(last[-1]["at"] - last[0]["at"], 1),
    }


def full_pass(lines: list[dict[str, Any]]) -> float:
    """Return how long a full pass of the garbage collector took in the middle, 0 where there was none."""
    return float(statistics.median([line["gc_full_ms"] for line in lines if line["gc_full_ms"]] or [0]))


def difference(ours: dict[str, float], other: dict[str, float], count: int) -> dict[str, float]:
    names = ("lag_max_ms", "lag_99_ms", "gc_max_ms", "gc_ms", "start_s", "cpu_share")
    rss = (ours["rss_mb"] - other["rss_mb"]) * 1024 / count
    return {**{name: ours[name] - other[name] for name in names}, "rss_kb_per_trigger": rss}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, nargs="+", default=[1, 100, 1000, 10_000])
    parser.add_argument("--window", type=float, default=70, help="seconds to measure, once all run")
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    names = "start_s lag_median_ms lag_99_ms lag_max_ms gc_max_ms gc_ms rss_mb cpu_share polls_per_s".split()
    print(f"{'triggers':>8} {'kind':<6}" + "".join(f"{name:>14}" for name in names))
    with tempfile.TemporaryDirectory() as folder, local_server(Path(folder)) as local:
        for count in options.count:
            rows = {}
            for kind in KINDS:
                rows[kind] = row = measure(kind, count, options.window, local)
                print(f"{count:>8} {kind:<6}" + "".join(f"{row[name]:>14.2f}" for name in names), flush=True)
            alone = {kind: difference(rows["ours"], rows[kind], count) for kind in KINDS[:-1]}
            for kind, figures in alone.items():
                words = ", ".join(f"{name} {figure:.2f}" for name, figure in figures.items())
                print(f"{'':>8} ours less {kind}: {words}", flush=True)
            found[str(count)] = {**rows, "difference": alone}
    save("triggerer", found, options.json)


if __name__ == "__main__":
    main()
