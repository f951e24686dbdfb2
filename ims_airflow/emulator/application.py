"""From a request on a connection to its answer: receive, strike, do, spoil, send, note."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiohttp import web

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


class _Handler:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._control = Control(cloud)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        head = receiving.head_of(request)
        if is_control(head):
            ask = replace(head, body=await receiving.to_memory(request))
            return await sending.send(request, self._control.answer(ask))
        service = service_of(head)
        struck = self._cloud.faults.strike(head, service, self._cloud.world.clock.now())
        number, fault = struck or (None, None)
        at = self._cloud.world.clock.now()
        reply, code = Reply(500), ""
        outcome = "dropped"
        try:
            reply, code = await self._reply(request, head, service, fault)
            response, outcome = await _deliver(request, reply, fault)
        finally:
            self._cloud.journal.note(
                head,
                service,
                at=at,
                status=reply.status if outcome == "answered" else None,
                outcome=outcome,
                fault=number,
                code=code,
            )
        return response

    async def _reply(
        self, request: web.Request, head: Ask, service: Service, fault: Fault | None
    ) -> tuple[Reply, str]:
        """Read the rest of the request and do the work, unless a fault strikes first."""
        try:
            ask = await self._whole(request, head, service)
        except Refused as refused:
            request.protocol.force_close()  # the rest of the body is not read
            return refused.reply, refused.code
        if fault is None:
            return self._cloud.answer(ask, service)
        if fault.before:
            _discard(ask)
            await asyncio.sleep(fault.delay)
            return spoiled(fault, Reply(204)), ""
        reply, code = self._cloud.answer(ask, service)
        await asyncio.sleep(fault.delay)
        return spoiled(fault, reply), code

    async def _whole(self, request: web.Request, head: Ask, service: Service) -> Ask:
        if receiving.goes_to_disk(head, service):
            return replace(head, spooled=await receiving.to_disk(request, self._cloud.store.new_file()))
        return replace(head, body=await receiving.to_memory(request))


def _discard(ask: Ask) -> None:
    if ask.spooled:
        ask.spooled.path.unlink(missing_ok=True)


async def _deliver(request: web.Request, reply: Reply, fault: Fault | None) -> tuple[web.StreamResponse, str]:
    if fault is None or fault.drop is None:
        return await sending.send(request, reply, drip=fault.drip if fault else 0.0), "answered"
    if fault.drop == "half":
        return await sending.send_half(request, reply), "dropped"
    return sending.hang_up(request, fault.drop), "dropped"
