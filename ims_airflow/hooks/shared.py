"""One client for all triggers of an event loop that use the same Connection.

A client of one's own per trigger costs a connection pool, a TLS handshake and a megabyte each; a triggerer
follows thousands of jobs. The first trigger opens the client, the last one to leave closes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow.sdk import BaseHook

from ims_airflow.hooks.connection import Profile, read_connection

if TYPE_CHECKING:
    from ims_airflow.client.aio import AsyncClient
    from ims_airflow.protocol.account import Account

Key = tuple[str, str | None]


@dataclass(slots=True)
class _Shelf:
    """The clients of one event loop."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    clients: dict[Key, AsyncClient] = field(default_factory=dict)
    users: dict[Key, int] = field(default_factory=dict)


_SHELVES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shelf] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(ims_conn_id: str, region: str | None) -> AsyncIterator[AsyncClient]:
    """Lend the client of a Connection.

    :raises InvalidInputError: naming every field of the Connection that is wrong.
    """
    shelf = _SHELVES.setdefault(asyncio.get_running_loop(), _Shelf())
    key = (ims_conn_id, region or None)
    shelf.users[key] = shelf.users.get(key, 0) + 1
    try:
        yield await _client(shelf, key)
    finally:
        shelf.users[key] -= 1
        if not shelf.users[key]:
            del shelf.users[key]
            client = shelf.clients.pop(key, None)
            if client is not None:
                await asyncio.shield(client.aclose())


async def _client(shelf: _Shelf, key: Key) -> AsyncClient:
    if key in shelf.clients:
        return shelf.clients[key]
    from ims_airflow.client.aio import AsyncClient  # noqa: PLC0415  # parsing a DAG needs no HTTP library

    async with shelf.lock:  # the look-up takes a while: one does it, the others wait
        if key not in shelf.clients:
            profile = await _profile(*key)

            async def reload() -> Account:
                return (await _profile(*key)).account()

            shelf.clients[key] = AsyncClient(profile.account(), profile.options, reload=reload)
        return shelf.clients[key]


async def _profile(ims_conn_id: str, region: str | None) -> Profile:
    return read_connection(await BaseHook.aget_connection(ims_conn_id), region)
