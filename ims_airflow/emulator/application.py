"""From a request on a connection to its answer: receive, strike, do, spoil, send, note."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from aiohttp import ClientPayloadError, web

from ims_airflow.emulator import receiving, sending
from ims_airflow.emulator.cloud import Cloud
from ims_airflow.emulator.control import Control
from ims_airflow.emulator.faults import Fault
from ims_airflow.emulator.routing import is_control, service_of
from ims_airflow.emulator.spoiling import spoiled
from ims_airflow.emulator.wire import Ask, Refused, Reply
from ims_airflow.protocol.message import Service


def application(cloud: Cloud) -> web.Application:
    """Return the web application that serves a cloud."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _Handler(cloud).handle)
    return app


@dataclass(slots=True)
class _Exchange:
    """One request on its way through.

    :param number: of the fault that struck.
    :param unread: whether the request's body was left on the connection.
    """

    request: web.Request
    head: Ask
    service: Service
    number: int | None
    fault: Fault | None
    code: str = ""
    unread: bool = False


class _Handler:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._control = Control(cloud)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        head = receiving.head_of(request)
        if is_control(head):
            ask = replace(head, body=await receiving.to_memory(request))
            return await sending.send(request, self._control.answer(ask))
        service, at = service_of(head), self._cloud.world.clock.now()
        number, fault = self._cloud.faults.strike(head, service, at) or (None, None)
        exchange = _Exchange(request, head, service, number, fault)
        response, status = await self._run(exchange)
        self._cloud.journal.note(head, service, at=at, status=status, fault=number, code=exchange.code)
        return response

    async def _run(self, exchange: _Exchange) -> tuple[web.StreamResponse, int | None]:
        """Answer, and return the status that the client saw, None where it saw no whole answer."""
        try:
            reply = await self._reply(exchange)
            return await _deliver(exchange, reply)
        except (ConnectionError, ClientPayloadError):  # the client has hung up
            return sending.hang_up(exchange.request, "close"), None

    async def _reply(self, exchange: _Exchange) -> Reply:
        """Read the rest of the request and do the work, unless a fault strikes first."""
        fault = exchange.fault
        try:
            ask = await self._whole(exchange)
        except Refused as refused:
            exchange.code, exchange.unread = refused.code, True
            return refused.reply
        if fault is None:
            return self._work(exchange, ask)
        if fault.replaces:
            _discard(ask)
            reply = Reply(204)
        elif fault.when == "before":
            await asyncio.sleep(fault.delay)
            return spoiled(fault, self._work(exchange, ask))
        else:
            reply = self._work(exchange, ask)
        await asyncio.sleep(fault.delay)
        return spoiled(fault, reply)

    def _work(self, exchange: _Exchange, ask: Ask) -> Reply:
        reply, exchange.code = self._cloud.answer(ask, exchange.service)
        if exchange.code:
            _discard(ask)
        return reply

    async def _whole(self, exchange: _Exchange) -> Ask:
        head, store = exchange.head, self._cloud.store
        if receiving.goes_to_disk(head, exchange.service, store.buckets):
            return replace(head, spooled=await receiving.to_disk(exchange.request, store.new_file()))
        return replace(head, body=await receiving.to_memory(exchange.request))


def _discard(ask: Ask) -> None:
    """Remove the bytes of an upload that nobody wants."""
    if ask.spooled:
        ask.spooled.path.unlink(missing_ok=True)


async def _deliver(exchange: _Exchange, reply: Reply) -> tuple[web.StreamResponse, int | None]:
    request, fault = exchange.request, exchange.fault
    if fault is None or fault.drop is None:
        drip = fault.drip if fault else 0.0
        return await sending.send(request, reply, drip=drip, last=exchange.unread), reply.status
    if fault.drop == "half":
        return await sending.send_half(request, reply), None
    return sending.hang_up(request, fault.drop), None
