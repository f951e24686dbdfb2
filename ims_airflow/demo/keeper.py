"""Cleans up after a demo that had no chance to do it itself, such as one that was killed with SIGKILL.

The keeper is a small process at the other end of a pipe. It is told what to clean, and when the pipe breaks,
for whatever reason, it kills the sessions and removes the directories that are still on its list.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ims_airflow.demo.interrupts import uninterrupted
from ims_airflow.demo.session import kill_session


class Keeper:
    """The near end of the pipe. A context manager; leaving it makes the keeper clean up and end."""

    def __enter__(self) -> Self:
        with uninterrupted():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ims_airflow.demo.keeper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C in the terminal is not for the keeper
                text=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin  # noqa: S101  # a pipe, see above
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def keep(self, what: int | Path) -> None:
        """Put a session or a directory on the list."""
        self._tell(f"+{what}")

    def release(self, what: int | Path) -> None:
        """Take it off again: it is gone, or it shall stay."""
        self._tell(f"-{what}")

    def _tell(self, line: str) -> None:
        assert self._process.stdin  # noqa: S101
        with suppress(BrokenPipeError):  # without a keeper the demo still cleans up itself
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()


def clean_up_after(lines: Iterable[str]) -> None:
    """Follow a list until it breaks off, then clean what is still on it."""
    kept: list[str] = []
    for line in lines:
        order, what = line[0], line[1:].rstrip("\n")
        if order == "+":
            kept.append(what)
        elif what in kept:
            kept.remove(what)
    for what in kept:
        if what.isdecimal():
            kill_session(int(what))
    for what in kept:
        if not what.isdecimal():
            shutil.rmtree(what, ignore_errors=True)


if __name__ == "__main__":
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    clean_up_after(sys.stdin)
