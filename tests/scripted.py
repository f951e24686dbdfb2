"""Runs flows without a network: a function answers the calls, a list takes the pauses, time is a number."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ims_airflow.protocol.message import Call, Flow, Pause, Response
from ims_airflow.protocol.waiting import Surroundings

T = TypeVar("T")
Answer = Response | Exception


@dataclass
class Clock:
    """A clock that only moves when told to."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def surroundings(self, chance: float = 0.0) -> Surroundings:
        return Surroundings(clock=self, chance=lambda: chance)


@dataclass
class Lines:
    """A log that remembers its lines."""

    lines: list[str] = field(default_factory=list)

    def info(self, message: str, /, *args: object) -> None:
        self.lines.append(message % args)

    warning = info

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def ok(payload: Any, status: int = 200, **headers: str) -> Response:
    """An answer with a JSON body."""
    return Response(status, headers, json.dumps(payload).encode())


def run(flow: Flow[T], server: Callable[[Call], Answer], clock: Clock | None = None) -> T:
    """Run a flow against a function; pauses move the clock."""
    clock = clock or Clock()
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                clock.now += step.seconds
                step = flow.send(None)
                continue
            answer = server(step)
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


def script(*answers: Answer) -> Callable[[Call], Answer]:
    """Answer call after call from a list; the last answer repeats."""
    left = list(answers)
    return lambda _call: left.pop(0) if len(left) > 1 else left[0]
