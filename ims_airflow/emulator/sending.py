"""Writes an answer to its connection, whole or broken in one of the ways that a fault asks for."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator

from aiohttp import web

from ims_airflow.emulator.faults import Drop
from ims_airflow.emulator.wire import Reply, Stretch

CHUNK = 256 * 1024
_ZEROS = bytes(CHUNK)


async def send(
    request: web.BaseRequest, reply: Reply, *, drip: float = 0.0, last: bool = False
) -> web.StreamResponse:
    """Send an answer.

    :param drip: bytes per second, 0 for as fast as it goes.
    :param last: whether the connection closes after it, because the request was not read to its end.
    """
    response = _response(reply)
    if last:
        response.force_close()
    await response.prepare(request)
    if request.method != "HEAD":
        for chunk in _chunks(reply, max(1, int(drip / 10)) if drip else CHUNK):
            if drip:
                await asyncio.sleep(len(chunk) / drip)
            await response.write(chunk)
    await response.write_eof()
    return response


async def send_half(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Send the head of an answer with its full length and half of the body, then hang up."""
    if not reply.size:
        return hang_up(request, "close")
    response = _response(reply)
    await response.prepare(request)
    left = reply.size // 2
    for chunk in _chunks(reply, CHUNK):
        await response.write(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            break
    return hang_up(request, "close", response)


def hang_up(
    request: web.BaseRequest, how: Drop, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    """End the connection without a (whole) answer."""
    transport = request.transport
    if transport is not None and how == "reset":
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        found: socket.socket = transport.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif transport is not None:
        transport.close()
    return response or web.Response()


def _response(reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    if reply.status != 204:
        response.content_length = reply.size if reply.length is None else reply.length
    return response


def _chunks(reply: Reply, size: int) -> Iterator[bytes]:
    for start in range(0, len(reply.body), size):
        yield reply.body[start : start + size]
    for stretch in reply.stretches:
        yield from _zeros(stretch, size) if stretch.path is None else _read(stretch, size)


def _zeros(stretch: Stretch, size: int) -> Iterator[bytes]:
    for start in range(0, stretch.length, size):
        yield _ZEROS[: min(size, stretch.length - start)]


def _read(stretch: Stretch, size: int) -> Iterator[bytes]:
    assert stretch.path is not None  # noqa: S101
    with stretch.path.open("rb") as file:
        file.seek(stretch.offset)
        left = stretch.length
        while left and (chunk := file.read(min(size, left))):
            left -= len(chunk)
            yield chunk
