"""Serves an emulated cloud on a real socket: beside a test in a thread of its own, or as a process."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from ims_airflow.emulator.application import application
from ims_airflow.emulator.cloud import Cloud
from ims_airflow.emulator.faults import Fault
from ims_airflow.emulator.ims.jobs import Failure
from ims_airflow.emulator.obs.arranging import arrange_object
from ims_airflow.emulator.settings import Settings
from ims_airflow.exceptions import InvalidInputError

T = TypeVar("T")


class EmulatorServer:
    """An emulated cloud in a thread of its own, with everything that a test wants to arrange or to see.

    Its state lives on its own event loop; the methods here go there and come back with the answer.

    :param host: must be a loopback address unless ``allow_public`` is set, because the control path has
        no password.
    :param port: 0 for a free one.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_public: bool = False,
    ) -> None:
        _check_host(host, allow_public=allow_public)
        self.settings = settings or Settings()
        self.url = ""
        self._host, self._port = host, port
        self._ready = threading.Event()
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="ims-emulator", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._cloud: Cloud

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start to serve.

        :raises OSError: the port is taken.
        """
        self._thread.start()
        self._ready.wait()
        if self._trouble is not None:
            raise self._trouble

    def stop(self) -> None:
        """Stop serving and remove all data."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def journal(self, service: str = "") -> list[dict[str, Any]]:
        """Return the requests that were answered or dropped, oldest first.

        :param service: ``ims``, ``iam``, ``obs`` or ``metadata`` for those alone.
        """
        return self._there(lambda cloud: cloud.journal.entries(service))

    def submissions(self) -> list[dict[str, Any]]:
        """Return the data image requests that were accepted, oldest first."""
        return self._there(lambda cloud: cloud.registry.submissions())

    def add_fault(self, fault: Mapping[str, Any]) -> int:
        """Set a fault (fields: :class:`~ims_airflow.emulator.faults.Fault`) and return its number.

        :raises InvalidInputError: no fault looks like that.
        """
        read = Fault.from_data(fault)
        return self._there(lambda cloud: cloud.faults.add(read, cloud.world.clock.now()))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that are set, with how often each has met a request."""
        return self._there(lambda cloud: cloud.faults.listing())

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._there(lambda cloud: cloud.faults.clear())

    def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward: jobs, tokens and temporary keys age."""
        self._there(lambda cloud: cloud.world.clock.advance(seconds))

    def configure(self, **switches: Any) -> None:
        """Change switches (:class:`~ims_airflow.emulator.settings.Settings`).

        :raises InvalidInputError: there is no such switch, or it cannot have that value.
        """
        self._there(lambda cloud: cloud.configure(cloud.world.settings.changed(switches)))

    def put_object(self, bucket: str, key: str, data: bytes = b"", **looks: Any) -> str:
        """Store an object without HTTP and return its ETag.

        :param looks: see :func:`~ims_airflow.emulator.obs.arranging.arrange_object`; ``size=`` makes an
            object of many GB out of nothing.
        """
        return self._there(lambda cloud: arrange_object(cloud.store, bucket, key, data, **looks).etag)

    def add_bucket(self, name: str, *, region: str = "", storage_class: str = "STANDARD") -> None:
        """Make a bucket, where it is missing."""
        self._there(lambda cloud: cloud.store.add_bucket(name, region=region, storage_class=storage_class))

    def advance_job(self, job_id: str, steps: int = 1) -> None:
        """Move a job by hand; four steps are its whole life."""
        self._there(lambda cloud: cloud.registry.step(cloud.registry.jobs[job_id], steps))

    def fail_job(self, job_id: str, error_code: str, fail_reason: str) -> None:
        """End a job with a failure, now."""
        failure = Failure(error_code, fail_reason)
        self._there(lambda cloud: cloud.registry.fail(cloud.registry.jobs[job_id], failure))

    def reset(self) -> None:
        """Forget everything, as if started anew on the same port."""
        self._there(lambda cloud: cloud.reset())

    def _there(self, do: Callable[[Cloud], T]) -> T:
        async def run() -> T:
            return do(self._cloud)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # whatever it is, start() raises it in its caller
            self._trouble = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with _serving(self.settings, self._host, self._port) as (self._cloud, self.url):
            self._ready.set()
            await self._stop.wait()


def serve(
    settings: Settings | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    announce: Callable[[str], None] | None = None,
    *,
    allow_public: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM.

    :param announce: called with the address once it answers; prints a line where it is left out.
    :raises InvalidInputError: the host is no loopback address, and ``allow_public`` is not set.
    """
    _check_host(host, allow_public=allow_public)
    asyncio.run(_serve_until_signal(settings or Settings(), host, port, announce or _announce))


async def _serve_until_signal(
    settings: Settings, host: str, port: int, announce: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _serving(settings, host, port) as (_, url):
        announce(url)
        await stop.wait()


def _announce(url: str) -> None:
    print(f"IMS, IAM, OBS and ECS metadata emulated on {url}", flush=True)  # noqa: T201


@contextlib.asynccontextmanager
async def _serving(settings: Settings, host: str, port: int) -> AsyncIterator[tuple[Cloud, str]]:
    with tempfile.TemporaryDirectory(prefix="ims-emulator-") as directory:
        cloud = Cloud(settings, Path(directory))
        runner = web.AppRunner(application(cloud), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield cloud, f"http://{_written(host)}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _check_host(host: str, *, allow_public: bool) -> None:
    if allow_public or host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InvalidInputError(
            f"host: {host} is not a loopback address; the emulator has no password on its control path, so "
            "serving others must be asked for (allow_public, or --public on the command line)"
        )
