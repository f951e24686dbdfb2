"""What is asked and what came back, as values. Nothing here knows how bytes travel.

What is made with each poll is a named tuple: it costs a quarter of a frozen dataclass.
"""

from __future__ import annotations

import enum
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from ims_airflow.protocol.credentials import AccessKey, Token

T = TypeVar("T")


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Service(enum.StrEnum):
    """The four HTTP services that this package talks to."""

    IMS = "ims"
    IAM = "iam"
    OBS = "obs"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class FilePart:
    """A stretch of a local file as a request body, so that an upload of any size costs no memory.

    :param path: the file.
    :param offset: first byte.
    :param length: number of bytes.
    """

    path: Path
    offset: int
    length: int


class Call(NamedTuple):
    """One question to a service, before anybody knows endpoints, project or keys.

    :param path: for IMS and IAM the path, where ``{project_id}`` is filled in later; for OBS the object
        key, unquoted, empty for the bucket itself.
    :param signed: whether the account adds its credential; False for the calls that obtain one.
    :param credential: asks with this one instead; goes with ``signed=False``.
    :param repeatable: whether asking twice does no harm. A submit is not: it is sent again only after an
        answer that proves that nothing happened.
    :param attempts: how often a driver may send it altogether.
    :param fresh: seconds for which the answer to the same call of somebody else will do.
    :param read_limit: the most bytes of an answer's body that anybody will look at.
    :param brief: whether the answer is so short that it comes in one piece or not at all.
    """

    service: Service
    method: str
    path: str
    bucket: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = NO_HEADERS
    body: bytes | FilePart = b""
    signed: bool = True
    credential: AccessKey | Token | None = None
    repeatable: bool = True
    attempts: int = 4
    fresh: float = 0.0
    read_limit: int = 4 * 1024 * 1024
    brief: bool = False

    def __repr__(self) -> str:
        # Headers and bodies of IAM calls hold secrets; the address says enough.
        return f"<Call {self.service} {self.method} {self.bucket}{':' if self.bucket else ''}{self.path}>"


class Request(NamedTuple):
    """A call made ready for the wire: percent-encoded URL, signed headers."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | FilePart = b""

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url.partition('?')[0]}>"


class Response(NamedTuple):
    """An answer.

    :param headers: are found under their names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before going on.

    :param seconds: how long.
    :param reason: for a log line.
    """

    seconds: float
    reason: str = ""


# A conversation: yields a Call and is sent its Response (or has the call's error thrown in), or yields a
# Pause and is sent None. Written once; the sync driver and the async driver both run it.
Flow = Generator["Call | Pause", Any, T]
