"""Each benchmark runs in a small size and writes what it should. How fast anything is, is not a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


def figures(name: str, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark and return what it wrote."""
    path = folder / "figures.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments, "--json", str(path)]
    places = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    written = json.loads(path.read_text())
    assert written["cores"] >= 1
    assert written["packages"]["aiohttp"]
    found: dict[str, Any] = written["figures"]
    return found


def test_the_polling_policy(tmp_path: Path) -> None:
    found = figures("policy", tmp_path, "--count", "3", "--herd", "100")
    assert found.keys() == {
        "fixed 10 s",
        "usable",
        "unusable",
        "doubtful",
        "recorded durations",
        "herd",
    }
    for one in found["usable"]:
        assert one.keys() == {"course", "minutes", "calls", "share", "most", "delay", "late"}


def test_the_cost_of_a_poll(tmp_path: Path) -> None:
    found = figures("poll", tmp_path, "--count", "64", "--runs", "1")
    peers = {"bare aiohttp", "httpx", "requests in threads", "bare aiohttp, TLS", "dbt Cloud trigger, TLS"}
    assert found.keys() == {*peers, "ours, signed", "ours, signed, TLS"}
    for row in found.values():
        assert row.keys() == {"cpu_us", "per_second", "cpu_ratio"}
        assert min(row.values()) > 0


def test_the_requests_of_a_submit(tmp_path: Path) -> None:
    found = figures("submit", tmp_path, "--count", "1")
    assert found["access key, project_id"] == {"ims": 1, "iam": 0}  # counts, not timings
    assert len(found) == 4


def test_the_bytes_of_a_preflight(tmp_path: Path) -> None:
    found = figures("inspection_reads", tmp_path, "--runs", "1")
    assert found["raw, OBS"].keys() == {"requests", "bytes", "ms"}


def test_the_time_of_an_import(tmp_path: Path) -> None:
    found = figures("import_time", tmp_path, "--runs", "1")
    assert found["ims_airflow.operators.ims"].keys() == {"ms", "modules"}


def test_a_waiting_trigger_needs_little_memory_and_few_objects(tmp_path: Path) -> None:
    found = figures("waiting", tmp_path, "--count", "1000")["1000"]  # few would pay for all connections
    assert found.keys() == {"bytes", "objects", "cpu_us"}
    assert 0 < found["bytes"] <= 8 * 1024  # allocations, not timings
    assert 0 < found["objects"] <= 17  # those of asyncio among them
