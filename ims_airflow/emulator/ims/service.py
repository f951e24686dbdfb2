"""IMS as a whole: a table of calls. Source: IMS API reference, one page per call."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ims_airflow.emulator import gateway, refusals
from ims_airflow.emulator.ims import filters, tags
from ims_airflow.emulator.ims.file_check import check_file
from ims_airflow.emulator.ims.images import Image, row
from ims_airflow.emulator.ims.job_answers import show_job, show_job_progress
from ims_airflow.emulator.ims.jobs import Failure, Job
from ims_airflow.emulator.ims.patching import patch_image
from ims_airflow.emulator.ims.registry import Registry
from ims_airflow.emulator.ims.rules import Submission, malformed, read_submission
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.wire import Ask, Reply, json_reply

Handler = Callable[..., Reply]
Doom = Callable[[str], Failure | None]


class Ims:
    """The image service of the emulated project.

    :param doom: tells whether the job of an image of some name is bound to fail.
    """

    def __init__(self, registry: Registry, ring: KeyRing, doom: Doom) -> None:
        self.registry = registry
        self._ring = ring
        self._doom = doom
        project = r"(?P<project_id>[^/]+)"
        image = r"(?P<image_id>[^/]+)"
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(pattern), handler)
            for method, pattern, handler in (
                ("POST", r"/v(1|2\.1)/cloudimages/dataimages/action", self._create_data_image),
                ("GET", rf"/v1/{project}/jobs/(?P<job_id>[^/]+)", self._show_job),
                ("GET", r"/v1/cloudimages/job/(?P<job_id>[^/]+)", self._show_job_progress),
                ("GET", r"/v2/cloudimages", self._list_images),
                ("PATCH", rf"/v2/cloudimages/{image}", self._update_image),
                ("GET", r"/v2/images", self._list_images),
                ("GET", rf"/v2/images/{image}", self._show_image),
                ("DELETE", rf"/v2/images/{image}", self._delete_image),
                ("GET", rf"/v1/(?:{project}/)?cloudimages/quota", self._show_quota),
                ("GET", rf"/v2/{project}/images/tags", self._list_all_tags),
                ("POST", rf"/v2/{project}/images/resource_instances/action", self._find_by_tags),
                ("POST", rf"/v2/{project}/images/{image}/tags", self._add_tag),
                ("GET", rf"/v2/{project}/images/{image}/tags", self._list_tags),
                ("POST", rf"/v2/{project}/images/{image}/tags/action", self._change_tags),
                ("DELETE", rf"/v2/{project}/images/{image}/tags/(?P<key>[^/]+)", self._delete_tag),
                ("GET", r"/(?:v[12]/?)?", self._versions),
            )
        ]

    def answer(self, ask: Ask) -> Reply:
        """Answer a request.

        :raises Refused: it is not granted.
        """
        caller = gateway.let_in(ask, self._ring)
        scoped = caller.bound_to or ask.header("x-project-id")
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(ask.path)
            if found and method == ask.method:
                named = found.groupdict()
                _check_project(caller.project_id, scoped, named.pop("project_id", None))
                return handler(ask, **named)
        raise refusals.gateway(404, "APIGW.0101")

    def _create_data_image(self, ask: Ask) -> Reply:
        settings = self.registry.world.settings
        submission = read_submission(ask.body, os_type_required=settings.os_type_required)
        self._check_limits(submission)
        if settings.checks_at == "submit" and (wrong := check_file(submission, self.registry.store)):
            raise refusals.ims(wrong.code, wrong.reason)
        job = self.registry.accept(submission, self._doom(submission.name))
        return json_reply({"job_id": job.job_id})  # 200, although the work has only begun

    def _check_limits(self, submission: Submission) -> None:
        settings, images = self.registry.world.settings, self.registry.images()
        if settings.duplicate_names == "refuse" and any(one.name == submission.name for one in images):
            raise refusals.ims("IMG.0009", "The image name already exists.")
        if len(images) >= settings.image_quota:
            raise refusals.ims("IMG.0015", "The number of private images has reached the maximum allowed.")
        if self.registry.in_flight() >= settings.most_jobs:
            raise refusals.ims("IMG.0060", "The number of tasks exceeds the flow control limit.")

    def _show_job(self, _ask: Ask, job_id: str) -> Reply:
        return json_reply(show_job(self._asked_job(job_id), self.registry.world.settings))

    def _show_job_progress(self, _ask: Ask, job_id: str) -> Reply:
        return json_reply(show_job_progress(self._asked_job(job_id), self.registry.world.settings))

    def _asked_job(self, job_id: str) -> Job:
        job = self.registry.job(job_id)
        if job is None:
            status = int(self.registry.world.settings.unknown_job)
            raise refusals.ims("IMG.0023", "An exception occurred during task query.", status)
        self.registry.read(job)
        return job

    def _list_images(self, ask: Ask) -> Reply:
        rows, marker = filters.page_of(self.registry.images(), ask.args, self.registry.world.settings)
        payload: dict[str, Any] = {"images": rows}
        if marker:
            payload["page_info"] = {"next_marker": marker}
        return json_reply(payload)

    def _show_image(self, _ask: Ask, image_id: str) -> Reply:
        return json_reply(row(self._image(image_id, 404), self.registry.world.settings))

    def _update_image(self, ask: Ask, image_id: str) -> Reply:
        image = self._image(image_id)
        if image.status != "active":
            raise refusals.ims("IMG.0046", "The image is unavailable.")
        patch_image(image, ask.body, self.registry.world.clock.now())
        return json_reply(row(image, self.registry.world.settings))

    def _delete_image(self, _ask: Ask, image_id: str) -> Reply:
        image = self._image(image_id, 404)
        if image.status in {"queued", "saving"}:
            raise refusals.ims("IMG.0090", "The image being created cannot be deleted.")
        if image.protected:
            raise refusals.ims("IMG.0091", "The protected image cannot be deleted.")
        if image.gone_at is None:  # the row goes some time after the answer
            image.gone_at = self.registry.world.clock.now() + self.registry.world.settings.delete_seconds
        return Reply(204)

    def _image(self, image_id: str, status: int = 400) -> Image:
        image = self.registry.image(image_id)
        if image is None:
            raise refusals.ims("IMG.0027", "The image ID in the request does not exist.", status)
        return image

    def _show_quota(self, _ask: Ask) -> Reply:
        quota = self.registry.world.settings.image_quota
        used = len(self.registry.images())
        resource = {"type": "image", "used": used, "quota": quota, "min": 0, "max": max(quota, 1000)}
        return json_reply({"quotas": {"resources": [resource]}})

    def _list_all_tags(self, _ask: Ask) -> Reply:
        return tags.list_all_tags(self.registry.images())

    def _find_by_tags(self, ask: Ask) -> Reply:
        return tags.find_by_tags(self.registry.images(), _body(ask))

    def _add_tag(self, ask: Ask, image_id: str) -> Reply:
        return tags.add_tag(self._image(image_id), _body(ask))

    def _list_tags(self, _ask: Ask, image_id: str) -> Reply:
        return tags.list_tags(self._image(image_id))

    def _change_tags(self, ask: Ask, image_id: str) -> Reply:
        return tags.change_tags(self._image(image_id), _body(ask))

    def _delete_tag(self, _ask: Ask, image_id: str, key: str) -> Reply:
        return tags.delete_tag(self._image(image_id), key)

    def _versions(self, _ask: Ask) -> Reply:
        return json_reply({"versions": [{"id": name, "status": "CURRENT"} for name in ("v1", "v2")]})


def _body(ask: Ask) -> dict[str, Any]:
    try:
        body = ask.json()
    except ValueError:
        raise malformed() from None
    if not isinstance(body, dict):
        raise malformed()
    return body


def _check_project(wanted: str, scoped: str, in_path: str | None) -> None:
    if scoped not in {"", wanted}:
        raise refusals.gateway(403, "APIGW.0310")
    if (in_path or scoped) != wanted or in_path not in {None, wanted}:
        raise refusals.ims("IMG.0030", "The project ID and token in the request are invalid.")
