"""One process, of Airflow unless told otherwise, and everything it forks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from ims_airflow.demo.interrupts import uninterrupted
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.session import kill_session, session_members, signal_session

# -P: what lies in the current directory is not for Airflow to import
AIRFLOW = (sys.executable, "-P", "-m", "airflow")


class Component:
    """A component that can be started, stalled, killed and started again.

    :param name: unique in its stack, such as ``triggerer`` or ``triggerer-2``.
    :param arguments: of the command.
    :param environment: of the process, complete.
    :param log: file that its output is appended to.
    :param keeper: ends the component should this process die.
    :param program: the command without its arguments.
    :param user: whom the process belongs to, None for whoever starts it; only root can choose.
    """

    def __init__(
        self,
        name: str,
        arguments: list[str],
        environment: Mapping[str, str],
        log: Path,
        keeper: Keeper,
        *,
        program: Sequence[str] = AIRFLOW,
        user: str | None = None,
    ) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._environment = environment
        self._keeper = keeper
        self._program = program
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session."""
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """What the process ended with, None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def alive(self) -> bool:
        """Whether the process runs (or is stalled)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process in a session of its own, out of reach of the terminal's Ctrl-C."""
        with uninterrupted(), self.log.open("ab") as log:  # torn in two, a start leaves an orphan
            self._process = subprocess.Popen(
                [*self._program, *self._arguments],
                env=self._environment,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._keeper.keep(self.pid)

    def members(self) -> list[int]:
        """Return the ids of all its living processes."""
        return session_members(self.pid)

    def wait(self, timeout: float) -> int | None:
        """Wait for its end and return the exit status, None when it still runs.

        :param timeout: seconds.
        """
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout) if self._process else None
        return None

    def terminate(self) -> None:
        """Ask the process to end, and do not wait for it."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
            os.kill(self.pid, signal.SIGCONT)  # a stalled one would never hear of it

    def kill(self) -> None:
        """End it and everything it forked at once, as a power cut would."""
        if self._process is None:
            return
        kill_session(self.pid)
        self._process.wait()
        self._keeper.release(self.pid)

    def stop(self, *, timeout: float = 5) -> None:
        """Ask it to end, then insist.

        :param timeout: seconds between the two.
        """
        self.terminate()
        try:
            self.wait(timeout)  # a scheduler may want minutes, for idle workers
        finally:
            self.kill()

    def restart(self) -> None:
        """Stop it and start it again with the same settings."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stall it, as a machine without air would."""
        signal_session(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """End the stall."""
        signal_session(self.pid, signal.SIGCONT)

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its output."""
        with self.log.open(errors="replace") as log:
            return "".join(deque(log, lines))
