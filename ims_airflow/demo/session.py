"""All processes of a session, however deep and in whatever process group.

Airflow puts each task into a process group of its own, so killing a component's group would leave its tasks
behind. The session is what they all share.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def session_members(session: int) -> list[int]:
    """Return the ids of the living processes of a session; zombies are dead."""
    return [pid for pid in _living() if _session_of(pid) == session]


def signal_session(session: int, signum: signal.Signals) -> None:
    """Send a signal to every process of a session."""
    for pid in session_members(session):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signum)


def kill_session(session: int, *, timeout: float = 5) -> None:
    """Kill a session and wait until it is gone.

    :param timeout: seconds; a process in an uninterruptible system call may take longer than any.
    """
    end = time.monotonic() + timeout
    while session_members(session) and time.monotonic() < end:
        signal_session(session, signal.SIGKILL)  # again and again: a member may be forking just now
        time.sleep(0.02)
    _bury(session)


def adopt_orphans() -> None:
    """Make orphans below this process its children, so that :func:`kill_session` can bury them.

    Else they go to process 1, which in many a container leaves them lying about as zombies. Linux only.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _bury(session: int) -> None:
    for pid in _pids():
        # The leader is somebody's Popen, which wants to learn of its end by itself.
        if pid != session and _session_of(pid) == session:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.glob("[0-9]*")]


def _living() -> Iterable[int]:
    if (_PROC / "self/stat").exists():
        return (pid for pid in _pids() if not _is_zombie(pid))
    return _living_after_ps()


def _is_zombie(pid: int) -> bool:
    try:
        # "pid (name) state …", and the name may hold anything
        return (_PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX"
    except (OSError, IndexError):
        return True


def _living_after_ps() -> Iterator[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, state = line.split(maxsplit=1)
        if not state.startswith("Z"):
            yield int(pid)
