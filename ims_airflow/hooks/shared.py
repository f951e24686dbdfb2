"""One client for all triggers of an event loop that use the same Connection.

A client of one's own per trigger costs a connection pool, a TLS handshake and a megabyte each; a triggerer
follows thousands of jobs. The first trigger opens the client, the last one to leave closes it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
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


FRESH = 60.0  # seconds after which a newcomer has the Connection read again


@dataclass(slots=True)
class Lent:
    """A client and how many use it just now.

    :param read_at: when its Connection was read, by the loop's clock.
    """

    client: AsyncClient
    profile: Profile
    read_at: float
    shelf: _Shelf
    key: Key
    users: int = 0

    async def give_back(self) -> None:
        """Leave the client; the last one to leave closes it."""
        self.users -= 1
        await _close_unused(self)


@dataclass(slots=True)
class _Shelf:
    """The clients of one event loop.

    :param coming: how many are on their way to a client. A herd that comes at once must not find it closed
        behind those who were first: it remembers that keys were refused.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    clients: dict[Key, Lent] = field(default_factory=dict)
    coming: Counter[Key] = field(default_factory=Counter)


_SHELVES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shelf] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(ims_conn_id: str, region: str | None) -> AsyncIterator[AsyncClient]:
    """Borrow the client of a Connection for a block.

    :raises InvalidInputError: naming every field of the Connection that is wrong.
    """
    lent = await borrow(ims_conn_id, region)
    try:
        yield lent.client
    finally:
        await lent.give_back()


async def borrow(ims_conn_id: str, region: str | None) -> Lent:
    """Borrow the client of a Connection; whoever does gives it back.

    Rotated keys reach all users. A changed endpoint or region reaches those who come a minute later; who is
    in the middle of something stays with what it began with.

    :raises InvalidInputError: naming every field of the Connection that is wrong.
    """
    shelf = _SHELVES.setdefault(asyncio.get_running_loop(), _Shelf())
    key = (ims_conn_id, region or None)
    shelf.coming[key] += 1
    try:
        lent = await _lent(shelf, key)
        lent.users += 1
    except BaseException:
        shelf.coming[key] -= 1
        if key in shelf.clients:  # it may have been kept open for this one alone
            await _close_unused(shelf.clients[key])
        raise
    shelf.coming[key] -= 1
    return lent


async def _close_unused(lent: Lent) -> None:
    if lent.users:
        return
    shelf, key = lent.shelf, lent.key
    if shelf.clients.get(key) is lent:
        if shelf.coming[key]:
            return
        del shelf.clients[key]
    await asyncio.shield(lent.client.aclose())


def _fresh(shelf: _Shelf, key: Key) -> Lent | None:
    lent = shelf.clients.get(key)
    now = asyncio.get_running_loop().time()
    return lent if lent is not None and now - lent.read_at < FRESH else None


async def _lent(shelf: _Shelf, key: Key) -> Lent:
    if lent := _fresh(shelf, key):
        return lent
    async with shelf.lock:  # the look-up takes a while: one does it, the others wait
        if lent := _fresh(shelf, key):
            return lent
        profile = await _profile(*key)
        return _replaced(shelf, key, profile)


def _replaced(shelf: _Shelf, key: Key, profile: Profile) -> Lent:
    now = asyncio.get_running_loop().time()
    lent = shelf.clients.get(key)
    if lent is not None and lent.profile == profile:
        lent.read_at = now
        return lent
    from ims_airflow.client.aio import AsyncClient  # noqa: PLC0415  # parsing a DAG needs no HTTP library

    async def reload() -> Account:
        return (await _profile(*key)).account()

    client = AsyncClient(profile.account(), profile.options, reload=reload)
    shelf.clients[key] = Lent(client, profile, now, shelf, key)
    return shelf.clients[key]


async def _profile(ims_conn_id: str, region: str | None) -> Profile:
    return read_connection(await BaseHook.aget_connection(ims_conn_id), region)
