from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ims_airflow.demo.keeper import Keeper, clean_up_after
from ims_airflow.demo.session import kill_session, session_members

# A process whose child leaves its group, as Airflow's tasks do.
FAMILY = "import os, time\nif os.fork() == 0: os.setpgid(0, 0)\ntime.sleep(60)"


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", FAMILY], start_new_session=True)
    end = time.monotonic() + 5
    while len(session_members(process.pid)) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    yield process
    kill_session(process.pid)
    process.wait()


def test_a_session_is_killed_across_process_groups(family: subprocess.Popen[bytes]) -> None:
    assert len(session_members(family.pid)) == 2
    kill_session(family.pid)
    assert session_members(family.pid) == []


def test_what_is_on_the_list_at_the_end_is_cleaned(family: subprocess.Popen[bytes], tmp_path: Path) -> None:
    kept, released = tmp_path / "kept", tmp_path / "released"
    for directory in (kept, released):
        (directory / "deep").mkdir(parents=True)
    clean_up_after([f"+{kept}\n", f"+{released}\n", f"+{family.pid}\n", f"-{released}\n", "-/never/there\n"])
    assert (kept.exists(), released.exists()) == (False, True)
    assert session_members(family.pid) == []


def test_the_keeper_acts_when_its_demo_is_killed(family: subprocess.Popen[bytes], tmp_path: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from ims_airflow.demo.keeper import Keeper
with Keeper() as keeper:
    keeper.keep({family.pid})
    keeper.keep(Path({str(tmp_path / "place")!r}))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    (tmp_path / "place").mkdir()
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 10
    while (session_members(family.pid) or (tmp_path / "place").exists()) and time.monotonic() < end:
        time.sleep(0.02)
    assert session_members(family.pid) == []
    assert not (tmp_path / "place").exists()


def test_the_keeper_ignores_a_ctrl_c() -> None:
    with Keeper() as keeper:
        time.sleep(0.2)
        os.kill(keeper._process.pid, signal.SIGINT)
        time.sleep(0.1)
        assert keeper._process.poll() is None
