"""PostgreSQL and Redis for the distributed test: servers given by URL, or Debian's packages, started here."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from container_files import health_command, service

from ims_airflow.demo.component import Component
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.port import free_port

POSTGRES_URL, REDIS_URL = "IMS_AIRFLOW_TEST_POSTGRES", "IMS_AIRFLOW_TEST_REDIS"
READY_TIMEOUT = 90.0
OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


@dataclass
class Given:
    """A server that somebody else runs, and nobody here restarts."""

    url: str
    ours: bool = False

    def restart(self) -> None:
        raise NotImplementedError("a given server is not ours to restart")


class Server(ABC):
    """A server of our own.

    :param place: its directory, which belongs to its user.
    """

    ours = True

    def __init__(self, name: str, program: Path, arguments: list[str], place: Path, keeper: Keeper) -> None:
        self.place = place
        self.port = lasting_port()
        self.log = place / f"{name}.log"
        words = [word.replace("PORT", str(self.port)) for word in arguments]
        self._component = Component(
            name, words, os.environ, self.log, keeper, program=(str(program),), user=_user()
        )
        self._program = program

    @property
    @abstractmethod
    def url(self) -> str:
        """Where Airflow finds it."""

    @property
    @abstractmethod
    def health(self) -> list[str]:
        """The health check of its service in the compose file, for this port."""

    def healthy(self) -> bool:
        environment = {**os.environ, "PATH": f"{self._program.parent}:{os.environ['PATH']}"}
        done = subprocess.run(self.health, env=environment, capture_output=True, check=False)
        return done.returncode == 0

    def start(self) -> None:
        self._component.start()
        end = time.monotonic() + READY_TIMEOUT
        while not self.healthy():
            assert self._component.alive, self._component.tail()
            assert time.monotonic() < end, self._component.tail()
            time.sleep(0.1)

    def stop(self) -> None:
        if self._component.alive:
            os.kill(self._component.pid, signal.SIGINT)  # of PostgreSQL: without waiting for its clients
            self._component.wait(20)
        self._component.kill()

    def restart(self) -> None:
        self.stop()
        time.sleep(3)  # long enough to be noticed by everybody
        self.start()


class Postgres(Server):
    """PostgreSQL with an empty database, as the service of the compose file starts it."""

    def __init__(self, programs: Path, place: Path, keeper: Keeper) -> None:
        self._programs, data = programs, place / "data"
        _run(programs / "initdb", "-D", data, "-U", "airflow", "--auth", "trust")
        words = [*service("postgres")["command"][1:], "-D", str(data), "-k", str(place)]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "port=PORT"]
        super().__init__("postgres", programs / "postgres", words, place, keeper)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg2://airflow@127.0.0.1:{self.port}/airflow"

    @property
    def health(self) -> list[str]:
        return [*health_command("postgres"), "--host", "127.0.0.1", "--port", str(self.port)]

    def make_database(self) -> None:
        _run(self._programs / "createdb", "-h", "127.0.0.1", "-p", self.port, "-U", "airflow", "airflow")


class Redis(Server):
    """Redis that keeps its queue, as the service of the compose file starts it."""

    def __init__(self, program: Path, place: Path, keeper: Keeper) -> None:
        words = [*service("redis")["command"][1:], "--dir", str(place), "--bind", "127.0.0.1"]
        super().__init__("redis", program, [*words, "--port", "PORT"], place, keeper)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def health(self) -> list[str]:
        client, *words = health_command("redis")
        return [client, "-p", str(self.port), *words]


def lasting_port() -> int:
    """Return a free port that is still free after a restart.

    While a server is down, the port of :func:`free_port` may be given to an outgoing connection, even to the
    one that asks for that very server. Those below the range of outgoing connections are given to nobody.
    """
    first = int(OUTGOING_PORTS.read_text().split()[0]) if OUTGOING_PORTS.exists() else 0
    lasting = range(max(first // 2, 1024), first)
    for port in random.sample(lasting, min(len(lasting), 100)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    return free_port()


@contextmanager
def database(keeper: Keeper) -> Iterator[Postgres | Given]:
    """A database for Airflow; skips the test where there is none to be had."""
    if url := os.environ.get(POSTGRES_URL):
        yield Given(url)
        return
    programs = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
    if programs is None:
        pytest.skip(f"needs PostgreSQL: a URL in {POSTGRES_URL}, or Debian's package postgresql")
    with _place("postgres", keeper) as place, ExitStack() as stack:
        server = Postgres(programs, place, keeper)
        stack.callback(server.stop)
        server.start()
        server.make_database()
        yield server


@contextmanager
def broker(keeper: Keeper) -> Iterator[Redis | Given]:
    """A broker for Celery; skips the test where there is none to be had."""
    if url := os.environ.get(REDIS_URL):
        yield Given(url)
        return
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip(f"needs Redis: a URL in {REDIS_URL}, or Debian's package redis-server")
    with _place("redis", keeper) as place, ExitStack() as stack:
        server = Redis(Path(program), place, keeper)
        stack.callback(server.stop)
        server.start()
        yield server


def _user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def _place(name: str, keeper: Keeper) -> Iterator[Path]:
    """A directory that its user can reach, which the directories of pytest are not."""
    place = Path(tempfile.mkdtemp(prefix=f"ims-airflow-{name}-"))
    keeper.keep(place)
    if user := _user():
        shutil.chown(place, user)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        keeper.release(place)


def _run(*words: object) -> None:
    done = subprocess.run(
        [str(word) for word in words], user=_user(), cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
