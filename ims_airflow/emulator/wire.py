"""A request as it arrived and an answer as it will leave, as values. Nothing here knows sockets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of bytes: of a file, or of zeros where there is no file.

    An object is a list of these, so that completing a multipart upload copies nothing and a sparse object
    of any size costs no disk either.
    """

    path: Path | None
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Spooled:
    """A request body that was written to disk while it came in.

    :param md5: hex.
    """

    path: Path
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request.

    :param raw_path: percent-encoded, as on the wire.
    :param query: decoded pairs.
    :param headers: lower-case names.
    :param body: empty where it was spooled to disk.
    """

    method: str
    raw_path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    spooled: Spooled | None = None

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.raw_path)

    @property
    def args(self) -> dict[str, str]:
        """The query as a mapping; of a repeated key the last value."""
        return dict(self.query)

    def header(self, name: str) -> str:
        """Return a header's value, empty where it is missing."""
        return self.headers.get(name, "")

    def json(self) -> Any:
        """Return the body's JSON.

        :raises ValueError: it is none.
        """
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    :param stretches: the body where it lies on disk; ``body`` is empty then.
    :param length: what ``Content-Length`` says where no body is sent, for HEAD.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    stretches: tuple[Stretch, ...] = ()
    length: int | None = None

    @property
    def size(self) -> int:
        """Number of bytes of the body."""
        return len(self.body) + sum(one.length for one in self.stretches)


class Refused(Exception):  # noqa: N818
    """Thrown from anywhere in the handling of a request to answer it with an error.

    :param code: what the journal shows as the reason.
    """

    def __init__(self, reply: Reply, code: str) -> None:
        super().__init__(code)
        self.reply = reply
        self.code = code


def json_reply(payload: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with JSON."""
    body = json.dumps(payload, ensure_ascii=False).encode()
    return Reply(status, {"Content-Type": "application/json;charset=utf-8", **(headers or {})}, body)


def xml_reply(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with XML."""
    text = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{body}'
    return Reply(status, {"Content-Type": "application/xml", **(headers or {})}, text.encode())
