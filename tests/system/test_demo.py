"""The command ``ims-airflow demo``, as a person runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from ims_airflow.demo.disk import write_qcow2

LIMIT = 120  # seconds, of the issue that asked for the demo


class Demo:
    """A running demo. Its directory is made in a place that can be looked at afterwards."""

    def __init__(self, place: Path, *arguments: str) -> None:
        self.place = place
        place.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ims_airflow", "demo", *arguments],
            env={**os.environ, "TMPDIR": str(place), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.text = ""

    def read_until(self, words: str) -> None:
        """Read its output until a line holds some words."""
        assert self._process.stdout
        for line in self._process.stdout:
            self.text += line
            if words in line:
                return
        pytest.fail(f"the demo ended without a line with {words!r}:\n{self.text}")

    def signal(self, signum: signal.Signals) -> None:
        self._process.send_signal(signum)

    def end(self) -> int:
        """Wait for its end and return the exit status."""
        self.text += self._process.communicate(timeout=LIMIT)[0]
        return self._process.returncode

    def leavings(self) -> list[str]:
        """Return what is left of it: processes, listening ports, files."""
        # Every process that it starts has the directory below in its environment.
        processes = [f"process {pid}" for pid in marked_processes(f"TMPDIR={self.place}")]
        ports = [f"port {port}" for port in self.ports() if listening(port)]
        return processes + ports + [f"file {path}" for path in self.place.rglob("*")]

    def ports(self) -> set[int]:
        addresses = (word.rstrip(".") for word in self.text.split() if word.startswith("http://"))
        return {port for address in addresses if (port := urlsplit(address).port)}


def marked_processes(mark: str) -> Iterator[int]:
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            environment = (directory / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment.split(b"\0"):
            yield int(directory.name)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_demo_makes_an_image_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "my own disk.qcow2"
    write_qcow2(disk, virtual_size=50 * 1024**3, data=b"mine" * 1000)
    began = time.monotonic()
    demo = Demo(tmp_path / "place", "--file", str(disk))
    assert demo.end() == 0, demo.text
    assert time.monotonic() - began < LIMIT
    for words in ("images/my-own-disk.qcow2", "active", "50 GB", "Follow the job: done."):
        assert words in demo.text
    assert len(demo.ports()) == 2
    assert demo.leavings() == []


def test_a_failed_job_is_explained(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "place")
    demo.read_until("Request the image: done.")
    job_id = demo.text.split()[-1]
    failure = {"error_code": "IMG.0040", "fail_reason": "the disk is made of cheese"}
    address = next(word for word in demo.text.split() if word.startswith("http://"))
    requests.post(f"{address}/_emulator/jobs/{job_id}/fail", json=failure, timeout=5).raise_for_status()
    assert demo.end() == 1, demo.text
    assert "Follow the job: FAILED." in demo.text
    assert "Task wait_for_image did not succeed." in demo.text
    assert "the disk is made of cheese" in demo.text
    assert demo.leavings() == []


def test_a_ctrl_c_half_way_leaves_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "place")
    demo.read_until("Follow the job:")
    assert len(demo.leavings()) > 10  # so much for the search
    demo.signal(signal.SIGINT)
    assert demo.end() == 130
    assert demo.leavings() == []


def test_a_killed_demo_leaves_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "place")
    demo.read_until("Start Airflow:")
    time.sleep(6)  # some of its components are up by then
    demo.signal(signal.SIGKILL)
    assert demo.end() == -signal.SIGKILL
    end = time.monotonic() + 10  # for the keeper, who learns of it from a broken pipe
    while demo.leavings() and time.monotonic() < end:
        time.sleep(0.1)
    assert demo.leavings() == []
