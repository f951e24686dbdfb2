"""Reads a request from its connection: objects to disk, everything else to memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from urllib.parse import parse_qsl

from aiohttp import web

from ims_airflow.emulator import refusals
from ims_airflow.emulator.obs.writing import LARGEST_PUT
from ims_airflow.emulator.routing import obs_address
from ims_airflow.emulator.wire import Ask, Spooled
from ims_airflow.protocol.message import Service

LARGEST_BODY = 12 * 1024 * 1024  # bytes of a signed request (signing guide)
CHUNK = 256 * 1024


def head_of(request: web.BaseRequest) -> Ask:
    """Return a request without its body."""
    path, _, query = request.raw_path.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    # Of a header that comes twice the values are joined, as HTTP has it.
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return Ask(request.method, path, pairs, headers)


def goes_to_disk(ask: Ask, service: Service, buckets: Collection[str]) -> bool:
    """Whether a request brings bytes of an object."""
    uploads = ask.method == "PUT" or (ask.method == "POST" and "append" in ask.args)
    return service is Service.OBS and uploads and bool(obs_address(ask, buckets).key)


async def to_memory(request: web.BaseRequest) -> bytes:
    """Read a body.

    :raises Refused: it is larger than the gateway takes.
    """
    parts = []
    async for part in _limited(request, LARGEST_BODY):
        parts.append(part)  # noqa: PERF401  # an async comprehension hides the loop that may raise
    return b"".join(parts)


async def to_disk(request: web.BaseRequest, path: Path) -> Spooled:
    """Write a body to a new file; of one that breaks off nothing stays.

    :raises Refused: it is larger than one PUT may be.
    """
    digest, size = hashlib.md5(usedforsecurity=False), 0
    try:
        with path.open("wb") as file:  # a local disk is fast enough to be written from the loop
            async for part in _limited(request, LARGEST_PUT):
                digest.update(part)
                size += len(part)
                file.write(part)
    except BaseException:
        path.unlink(missing_ok=True)  # noqa: ASYNC240
        raise
    return Spooled(path, size, digest.hexdigest())


async def _limited(request: web.BaseRequest, most: int) -> AsyncIterator[bytes]:
    size = request.content_length or 0
    if size > most:
        raise _too_large(most)
    size = 0
    async for part in request.content.iter_chunked(CHUNK):
        size += len(part)
        if size > most:
            raise _too_large(most)
        yield part


def _too_large(most: int) -> Exception:
    if most == LARGEST_PUT:
        return refusals.obs(400, "EntityTooLarge", "One request stores at most 5 GB; use a multipart upload.")
    return refusals.gateway(413, "APIGW.0201")
