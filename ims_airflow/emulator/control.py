"""The path ``/_emulator/``: look into the emulated cloud, arrange its state, set its faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ims_airflow.emulator.clock import to_the_millisecond
from ims_airflow.emulator.cloud import Cloud
from ims_airflow.emulator.faults import Fault
from ims_airflow.emulator.ims.images import row
from ims_airflow.emulator.ims.jobs import Failure, Job
from ims_airflow.emulator.obs.arranging import arrange_object
from ims_airflow.emulator.routing import CONTROL
from ims_airflow.emulator.wire import Ask, Reply, json_reply
from ims_airflow.exceptions import InvalidInputError

Handler = Callable[..., Any]


class Control:
    """Answers control requests. They are neither journaled nor struck by faults."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(CONTROL + pattern), handler)
            for method, pattern, handler in (
                ("GET", "/health", self._health),
                ("GET", "/journal", lambda ask: cloud.journal.entries(ask.args.get("service", ""))),
                ("GET", "/submissions", lambda _ask: cloud.registry.submissions()),
                ("GET", "/faults", lambda _ask: cloud.faults.listing()),
                ("POST", "/faults", self._add_fault),
                ("DELETE", "/faults", lambda _ask: cloud.faults.clear()),
                ("DELETE", r"/faults/(?P<number>\d+)", self._clear_fault),
                ("GET", "/settings", lambda _ask: cloud.world.settings.public()),
                ("PATCH", "/settings", self._change_settings),
                ("GET", "/clock", self._clock),
                ("POST", "/clock", self._advance),
                ("POST", "/reset", lambda _ask: cloud.reset()),
                ("POST", "/objects", self._put_object),
                ("GET", "/images", self._images),
                ("GET", "/jobs", lambda _ask: cloud.registry.submissions()),
                ("POST", "/jobs/(?P<job_id>[0-9a-f]+)/advance", self._advance_job),
                ("POST", "/jobs/(?P<job_id>[0-9a-f]+)/fail", self._fail_job),
                ("POST", "/jobs/(?P<job_id>[0-9a-f]+)/succeed", self._succeed_job),
            )
        ]

    def answer(self, ask: Ask) -> Reply:
        """Answer a control request."""
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(ask.path.rstrip("/"))
            if found and method == ask.method:
                try:
                    return json_reply(handler(ask, **found.groupdict()))
                except (InvalidInputError, ValueError, TypeError) as error:
                    return json_reply({"error": str(error)}, 400)
                except LookupError as error:
                    return json_reply({"error": f"unknown: {error.args[0]}"}, 404)
        return json_reply({"error": f"no such control call: {ask.method} {ask.path}"}, 404)

    def _health(self, _ask: Ask) -> dict[str, Any]:
        settings = self._cloud.world.settings
        return {"status": "ok", "region": settings.region, "project_id": settings.project_id}

    def _add_fault(self, ask: Ask) -> dict[str, Any]:
        return {"id": self._cloud.faults.add(Fault.from_data(_body(ask)), self._cloud.world.clock.now())}

    def _clear_fault(self, _ask: Ask, number: str) -> None:
        self._cloud.faults.clear(int(number))

    def _change_settings(self, ask: Ask) -> dict[str, Any]:
        self._cloud.configure(self._cloud.world.settings.changed(_body(ask)))
        return self._cloud.world.settings.public()

    def _clock(self, _ask: Ask) -> dict[str, Any]:
        return {"now": to_the_millisecond(self._cloud.world.clock.now())}

    def _advance(self, ask: Ask) -> dict[str, Any]:
        self._cloud.world.clock.advance(float(_body(ask)["advance"]))
        return self._clock(ask)

    def _put_object(self, ask: Ask) -> None:
        given = _body(ask)
        data = str(given.pop("text", "")).encode()
        arrange_object(self._cloud.store, given.pop("bucket"), given.pop("key"), data, **given)

    def _images(self, _ask: Ask) -> list[dict[str, Any]]:
        # Whoever looks from here sees the tags.
        settings = replace(self._cloud.world.settings, tags_visible=True)
        return [row(image, settings) for image in self._cloud.registry.images()]

    def _job(self, job_id: str) -> Job:
        return self._cloud.registry.jobs[job_id]

    def _advance_job(self, ask: Ask, job_id: str) -> dict[str, str]:
        job = self._job(job_id)
        self._cloud.registry.step(job, int(_body(ask).get("steps", 1)))
        return {"status": job.status}

    def _fail_job(self, ask: Ask, job_id: str) -> dict[str, str]:
        job, given = self._job(job_id), _body(ask)
        code, reason = given.get("error_code", "IMG.0061"), given.get("fail_reason", "Unknown system error.")
        self._cloud.registry.fail(job, Failure(str(code), str(reason), given.get("where")))
        return {"status": job.status}

    def _succeed_job(self, _ask: Ask, job_id: str) -> dict[str, str]:
        job = self._job(job_id)
        self._cloud.registry.move(job, 1.0)
        return {"status": job.status}


def _body(ask: Ask) -> dict[str, Any]:
    body = ask.json() if ask.body else {}
    if not isinstance(body, dict):
        raise InvalidInputError("the body must be a JSON object")
    return body
