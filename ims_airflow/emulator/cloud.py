"""The emulated cloud: all services, their state, and the one way in. No sockets here."""

from __future__ import annotations

from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Protocol

from ims_airflow.emulator.faults import Faults
from ims_airflow.emulator.iam import Iam
from ims_airflow.emulator.ims.jobs import Failure
from ims_airflow.emulator.ims.registry import Registry
from ims_airflow.emulator.ims.service import Ims
from ims_airflow.emulator.journal import Journal
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.metadata import Metadata
from ims_airflow.emulator.obs.service import Obs
from ims_airflow.emulator.obs.store import Store
from ims_airflow.emulator.refusals import new_request_id
from ims_airflow.emulator.settings import Settings
from ims_airflow.emulator.wire import Ask, Refused, Reply
from ims_airflow.emulator.world import World
from ims_airflow.protocol.message import Service

_REQUEST_ID = {Service.OBS: "x-obs-request-id", Service.IMS: "X-Request-Id", Service.IAM: "X-Request-Id"}


class Answering(Protocol):
    """What each service looks like from here."""

    def answer(self, ask: Ask) -> Reply:
        """Answer a request, or raise :class:`Refused`."""


class Cloud:
    """One account in one region.

    :param settings: also what :meth:`reset` returns to.
    :param directory: where objects' bytes go.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._initial = settings
        self.directory = directory
        self.world = World(settings)
        self.reset()

    def reset(self) -> None:
        """Forget everything: state, faults, journal, changed switches and time."""
        for path in self.directory.iterdir():
            path.unlink()
        self.world = World(self._initial)
        ring = KeyRing(self.world)
        self.faults = Faults()
        self.journal = Journal(self._initial.journal_size)
        self.store = Store(self.world, self.directory)
        self.registry = Registry(self.store)
        self._services: dict[Service, Answering] = {
            Service.IMS: Ims(self.registry, ring, self._doom),
            Service.IAM: Iam(self.world, ring),
            Service.OBS: Obs(self.store, ring),
            Service.METADATA: Metadata(self.world, ring),
        }

    def configure(self, settings: Settings) -> None:
        """Change the settings; what has been decided under the old ones stays."""
        self.registry.settle()
        self.world.settings = settings
        for name in settings.buckets:
            if name not in self.store.buckets:
                self.store.add_bucket(name, storage_class=settings.bucket_storage_class)

    def answer(self, ask: Ask, service: Service) -> tuple[Reply, str]:
        """Do what a request asks.

        :returns: the answer, and the error's code or empty.
        """
        code = ""
        try:
            reply = self._services[service].answer(ask)
        except Refused as refused:
            reply, code = refused.reply, refused.code
        headers = dict(reply.headers)
        settings = self.world.settings
        headers["Date"] = formatdate(self.world.clock.machine() + settings.clock_skew, usegmt=True)
        if service in _REQUEST_ID:
            headers.setdefault(_REQUEST_ID[service], new_request_id())
        if service is Service.OBS:
            headers |= {"x-obs-id-2": "emulator", "Server": "OBS"}
        if ask.method == "HEAD":  # errors too come without a body then
            return Reply(reply.status, headers, length=reply.length or 0), code
        return replace(reply, headers=headers), code

    def _doom(self, name: str) -> Failure | None:
        return self.faults.doom(name, self.world.clock.now())
