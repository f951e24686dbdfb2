"""The metadata service of an ECS: session tokens and the key of its agency. Source: ECS user guide."""

from __future__ import annotations

import secrets

from ims_airflow.emulator.iam import key_payload
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.wire import Ask, Reply, json_reply
from ims_airflow.emulator.world import World
from ims_airflow.protocol.credentials import AccessKey

ROTATE_BEFORE = 600.0  # seconds before its end at which the ECS shows a new key
NO_AGENCY = "Please configure Cloud Service Agency first"  # the vendor's SDK looks for these words


class Metadata:
    """What answers on 169.254.169.254 in the cloud."""

    def __init__(self, world: World, ring: KeyRing) -> None:
        self._world = world
        self._ring = ring
        self._sessions: dict[str, float] = {}
        self._key: AccessKey | None = None

    def answer(self, ask: Ask) -> Reply:
        """Answer a request."""
        if ask.path == "/meta-data/latest/api/token":
            return self._open_session(ask)
        if ask.path == "/openstack/latest/securitykey" and ask.method == "GET":
            return self._show_key(ask)
        return _text(404, "404 Not Found")

    def _open_session(self, ask: Ask) -> Reply:
        if self._world.settings.imdsv2 == "absent":
            return _text(404, "404 Not Found")
        if ask.method != "PUT":
            return _text(405, "405 Method Not Allowed")
        seconds = ask.header("x-metadata-token-ttl-seconds")
        if not seconds.isdecimal():
            return _text(400, "400 Bad Request")
        session = secrets.token_urlsafe(40)
        self._sessions[session] = self._world.clock.now() + int(seconds)
        return _text(200, session)

    def _show_key(self, ask: Ask) -> Reply:
        session = ask.header("x-metadata-token")
        fresh = self._sessions.get(session, 0.0) > self._world.clock.now()
        if (session or self._world.settings.imdsv2 == "required") and not fresh:
            return _text(401, "401 Unauthorized")
        if not self._world.settings.agency:
            return _text(401, NO_AGENCY)
        if self._key is None or (self._key.expires_at or 0) - self._world.clock.now() < ROTATE_BEFORE:
            self._key = self._ring.issue_key(self._world.settings.metadata_key_seconds)
        return json_reply({"credential": key_payload(self._key)})


def _text(status: int, text: str) -> Reply:
    return Reply(status, {"Content-Type": "text/plain"}, text.encode())
