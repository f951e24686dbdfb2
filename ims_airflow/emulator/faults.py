"""Faults as data: which requests they meet, how often, and what then goes wrong."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, get_args

from ims_airflow.emulator.ims.jobs import Failure, Place
from ims_airflow.emulator.wire import Ask
from ims_airflow.exceptions import InvalidInputError
from ims_airflow.protocol.message import Service

Drop = Literal["reset", "close", "half"]
Malform = Literal["cut", "types", "fields", "huge", "text"]


@dataclass(frozen=True, slots=True)
class JobFault:
    """A job that is bound to fail.

    :param match_name: pattern that is looked for in the image's name.
    :param where: in the job's answer the reason stands; None follows the settings.
    """

    match_name: str = ""
    error_code: str = "IMG.0057"
    fail_reason: str = "The image file does not exist, is empty, or in the incorrect format."
    where: Place | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a fault meets. Empty fields meet all.

    :param path: pattern that is looked for in the decoded path.
    """

    service: str = ""
    method: str = ""
    path: str = ""

    def meets(self, ask: Ask, service: Service) -> bool:
        """Whether a request is meant."""
        return (
            self.service in {"", service.value}
            and self.method.upper() in {"", ask.method}
            and re.search(self.path, ask.path) is not None
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    :param skip: how many matching requests pass first.
    :param times: how many it then meets; None for ever.
    :param for_seconds: how long after it was set it ends, in the emulator's time; None never.
    :param probability: of meeting a matching request, drawn from a sequence that ``seed`` fixes.
    :param when: strikes ``before`` or ``after`` the work. What stands in for the real answer strikes before
        and keeps the work from being done unless told otherwise; a delay comes after it.
    :param status: answered instead of the real answer.
    :param body: goes with ``status``; a mapping or list becomes JSON.
    :param drop: no answer: connection reset, closed cleanly, or closed after half of the answer.
    :param delay: seconds that the answer comes late.
    :param drip: bytes per second at which the answer flows.
    :param malform: answer cut off, with wrong types, with unknown fields, 100 MB long, or no JSON.
    :param redirect: address that the answer sends the client to, with ``status`` or 307.
    :param job: a job fault; nothing of the above then applies but skip, times and for_seconds.
    """

    match: Match = Match()
    skip: int = 0
    times: int | None = None
    for_seconds: float | None = None
    probability: float = 1.0
    seed: int = 0
    when: Literal["before", "after", ""] = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    drop: Drop | None = None
    delay: float = 0.0
    drip: float = 0.0
    malform: Malform | None = None
    redirect: str = ""
    job: JobFault | None = None

    @property
    def replaces(self) -> bool:
        """Whether it answers or hangs up in place of the service, which then does nothing."""
        instead = self.status is not None or self.redirect or self.drop in {"reset", "close"}
        return bool(instead) and self.when != "after"

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read a fault as tests and the control path give it.

        :raises InvalidInputError: it has an unknown field or a value that it cannot have.
        """
        given = dict(data)
        try:
            match, job = Match(**given.pop("match", {})), given.pop("job", None)
            re.compile(match.path)
            body = given.pop("body", "")
            if not isinstance(body, str):
                body = json.dumps(body)
                given["headers"] = {"Content-Type": "application/json", **given.get("headers", {})}
            fault = cls(match=match, body=body, job=JobFault(**job) if job is not None else None, **given)
        except (TypeError, re.error) as error:
            raise InvalidInputError(f"fault: {error}") from error
        fault._check()
        return fault

    def _check(self) -> None:
        choices = {
            "when": ("before", "after", ""),
            "drop": (None, *get_args(Drop)),
            "malform": (None, *get_args(Malform)),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise InvalidInputError(f"fault: {name} must be one of {', '.join(filter(None, allowed))}")
        if self.match.service not in {"", *(one.value for one in Service)}:
            raise InvalidInputError("fault: match.service must be ims, iam, obs or metadata")
        acts = (self.status, self.drop, self.delay, self.drip, self.malform, self.redirect, self.job)
        if not any(acts):
            raise InvalidInputError("fault: names nothing that goes wrong")


@dataclass(slots=True)
class _Set:
    fault: Fault
    number: int
    since: float
    chance: random.Random
    seen: int = 0
    met: int = 0


class Faults:
    """The faults that are set."""

    def __init__(self) -> None:
        self._set: list[_Set] = []
        self._count = 0

    def add(self, fault: Fault, now: float) -> int:
        """Set a fault and return its number.

        :param now: the emulator's time.
        """
        self._count += 1
        chance = random.Random(fault.seed)  # noqa: S311  # repeatable on purpose
        self._set.append(_Set(fault, self._count, now, chance))
        return self._count

    def clear(self, number: int | None = None) -> None:
        """Remove one fault, or all."""
        self._set = [] if number is None else [one for one in self._set if one.number != number]

    def strike(self, ask: Ask, service: Service, now: float) -> tuple[int, Fault] | None:
        """Return the first fault that meets a request, and count it."""
        for one in self._set:
            fits = one.fault.job is None and one.fault.match.meets(ask, service)
            if fits and _due(one, now):
                return one.number, one.fault
        return None

    def doom(self, name: str, now: float) -> Failure | None:
        """Return why the job of an image of this name will fail, if a fault says so."""
        for one in self._set:
            job = one.fault.job
            if job and re.search(job.match_name, name) and _due(one, now):
                return Failure(job.error_code, job.fail_reason, job.where)
        return None

    def listing(self) -> list[dict[str, Any]]:
        """Show the faults that are set, with how often each has met a request."""
        return [_shown(one) for one in self._set]


def _due(one: _Set, now: float) -> bool:
    fault = one.fault
    if fault.for_seconds is not None and now - one.since >= fault.for_seconds:
        return False
    if fault.times is not None and one.met >= fault.times:
        return False
    one.seen += 1
    if one.seen <= fault.skip or one.chance.random() >= fault.probability:
        return False
    one.met += 1
    return True


def _shown(one: _Set) -> dict[str, Any]:
    default = Fault()
    told = {
        item.name: getattr(one.fault, item.name)
        for item in fields(Fault)
        if item.name not in {"match", "job"} and getattr(one.fault, item.name) != getattr(default, item.name)
    }
    match, job = one.fault.match, one.fault.job
    told["match"] = {item.name: getattr(match, item.name) for item in fields(Match)}
    if job:
        told["job"] = {item.name: getattr(job, item.name) for item in fields(JobFault)}
    return {"id": one.number, **told, "seen": one.seen, "met": one.met}
