"""Answers that a fault replaces or spoils. Pure; what happens to the connection is :mod:`.sending`."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ims_airflow.emulator.faults import Fault
from ims_airflow.emulator.wire import Reply, Stretch

HUGE = 100 * 1000 * 1000  # bytes


def spoiled(fault: Fault, reply: Reply) -> Reply:
    """Return what leaves instead of an answer.

    :param reply: the real answer, empty where the work was not done.
    """
    if fault.redirect:
        return Reply(fault.status or 307, {"Location": fault.redirect, **fault.headers})
    if fault.status is not None:
        kind = {} if any(name.lower() == "content-type" for name in fault.headers) else _kind(fault.body)
        return Reply(fault.status, {**kind, **fault.headers}, fault.body.encode())
    return _malformed(fault.malform, reply) if fault.malform else reply


def _kind(body: str) -> dict[str, str]:
    """Guess a content type: load balancers send HTML, the services JSON or XML, and some send nothing."""
    start = body.lstrip()[:1]
    if start == "<":
        return {"Content-Type": "text/html" if "<html" in body.lower() else "application/xml"}
    return {"Content-Type": "application/json"} if start in {"{", "["} else {}


def _malformed(how: str, reply: Reply) -> Reply:
    if how == "cut":
        return replace(reply, body=reply.body[: len(reply.body) // 2])
    if how == "text":
        return replace(reply, body=b"\x00\xff this is not what you asked for")
    if how == "huge":
        return Reply(reply.status, reply.headers, stretches=(Stretch(None, 0, HUGE),))
    try:
        payload = json.loads(reply.body)
    except ValueError:
        return replace(reply, body=b"[]")
    changed = _mistyped(payload) if how == "types" else _widened(payload)
    return replace(reply, body=json.dumps(changed).encode())


def _mistyped(payload: Any) -> Any:
    """Give every leaf another type than it has, and leave the shape."""
    if isinstance(payload, dict):
        return {key: _mistyped(value) for key, value in payload.items()}
    if isinstance(payload, list):
        return {"0": [_mistyped(one) for one in payload]}
    return [payload] if isinstance(payload, int | float) else {"value": payload}


def _widened(payload: Any) -> Any:
    """Add fields that no page names, everywhere."""
    if isinstance(payload, dict):
        return {key: _widened(value) for key, value in payload.items()} | {
            "x_new_field": {"nested": [1, None]}
        }
    return [_widened(one) for one in payload] if isinstance(payload, list) else payload
