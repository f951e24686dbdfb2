"""Region, project and permissions: what the answers to a few read-only questions tell.

The permissions are named as the pages of IMS, IAM and OBS on permissions and supported actions name them.
"""

from __future__ import annotations

from typing import TypeGuard

from ims_airflow.doctor.asking import Asker, NotAsked, is_denied
from ims_airflow.doctor.check import Check, failed, ok, skipped, warning, words
from ims_airflow.exceptions import ApiError, ImsAirflowError
from ims_airflow.protocol.errors import json_object
from ims_airflow.protocol.iam import list_project_ids
from ims_airflow.protocol.message import Call, Flow, Service
from ims_airflow.protocol.obs_listing import list_buckets
from ims_airflow.protocol.quota import Quota, show_quota

LIST_PROJECTS = "iam:projects:listProjects"
LIST_IMAGES = "ims:images:list"
GET_QUOTA = "ims:quotas:get"
LIST_BUCKETS = "obs:bucket:ListAllMyBuckets"
# Refusals that are about the project, whatever the permissions (API signing guide; IMS, 错误码).
_PROJECT_CODES = frozenset({"APIGW.0310", "APIG.0310", "IMG.0030"})
_ATTEMPTS = 2  # somebody waits for the answer

Answer = ImsAirflowError | NotAsked
Projects = list[str] | Answer


def examine_rights(asker: Asker) -> Flow[list[Check]]:
    """Ask what the keys may do, and say it permission by permission."""
    yield from asker.prepare()
    account = asker.account
    given = account.project_id
    projects: Projects = NotAsked("no region is set")
    if account.region:
        projects = yield from asker.ask(Service.IAM, list_project_ids(account.region, attempts=_ATTEMPTS))
    if not given and isinstance(projects, list) and len(projects) == 1:
        account.project_id = projects[0]
    images = yield from asker.ask(Service.IMS, _one_image())
    quota = yield from asker.ask(Service.IMS, show_quota(attempts=_ATTEMPTS))
    buckets = yield from asker.ask(Service.OBS, list_buckets(attempts=_ATTEMPTS))
    return [
        *asker.checks(),
        _region(account.region, projects),
        _project(account.project_id, projects, images),
        _list_images(images),
        *_quota(quota),
        _list_buckets(buckets),
        *NOT_TRIED,
    ]


NOT_TRIED = (
    skipped("ims:images:get", "ims:images:get is not tried: it needs an image."),
    skipped("ims:dataImages:create", "ims:dataImages:create is not tried: that would create an image."),
    skipped("ims:imageJobs:getPercentage", "ims:imageJobs:getPercentage is not tried: it needs a job."),
    *(
        skipped(name, f"{name} is not tried: it needs a bucket.")
        for name in (
            "obs:bucket:HeadBucket",
            "obs:bucket:ListBucket",
            "obs:bucket:ListBucketMultipartUploads",
        )
    ),
    skipped(
        "obs:object:GetObject",
        "obs:object:GetObject is not tried: it needs a file. Use ims-airflow inspect bucket:key.",
    ),
)


def _one_image() -> Flow[None]:
    query = (("__imagetype", "private"), ("limit", "1"))
    answer = yield Call(Service.IMS, "GET", "/v2/cloudimages", query=query, attempts=_ATTEMPTS)
    json_object(answer, "the image list")


def _region(region: str, projects: Projects) -> Check:
    if isinstance(projects, NotAsked):
        return skipped("region", f"The region was not looked up: {projects.reason}.")
    if is_denied(projects):
        rule = "which is needed only where project_id is empty"
        return skipped("region", f"The region was not looked up: {LIST_PROJECTS} is missing, {rule}.")
    if isinstance(projects, ImsAirflowError):
        return warning("region", f"The region could not be looked up: {words(projects)}")
    if projects:
        return ok("region", f"The account works in the region {region}.")
    rule = "Check region of the Connection, and that the account uses it"
    return failed("region", f"IAM knows no project of the account in the region {region!r}. {rule}.")


def _project(project_id: str, projects: Projects, images: Answer | None) -> Check:
    if not project_id:
        return _unknown_project(projects)
    if _refuses_project(images):
        return failed("project", f"The project {project_id} is refused: {words(images)} Check project_id.")
    if isinstance(projects, list) and projects and project_id not in projects:
        rule = f"the region's own project is {', '.join(projects)}: right for a sub-project only"
        return warning("project", f"The project is {project_id}, while {rule}.")
    if isinstance(images, NotAsked | ImsAirflowError):
        return skipped("project", f"The project is {project_id}, and IMS has not confirmed it.")
    return ok("project", f"IMS accepts the project {project_id}.")


def _unknown_project(projects: Projects) -> Check:
    if isinstance(projects, NotAsked):
        return skipped("project", f"The project was not looked up: {projects.reason}.")
    if is_denied(projects):
        reason = f"{LIST_PROJECTS} is missing. Set project_id of the Connection, or grant the permission"
    elif isinstance(projects, ImsAirflowError):
        reason = words(projects).rstrip(".")
    elif projects:
        reason = f"the region has several, {', '.join(projects)}. Set project_id of the Connection to one"
    else:
        reason = "the region has none"
    return failed("project", f"The project could not be looked up: {reason}.")


def _list_images(images: Answer | None) -> Check:
    if isinstance(images, NotAsked):
        return skipped(LIST_IMAGES, f"{LIST_IMAGES} was not tried: {images.reason}.")
    if _refuses_project(images):
        return skipped(LIST_IMAGES, f"{LIST_IMAGES} was not tried: the project is refused.")
    if is_denied(images):
        rule = "The keys are right, the permission"
        return failed(LIST_IMAGES, f"{rule} {LIST_IMAGES} is missing: {words(images)}")
    if isinstance(images, ImsAirflowError):
        return failed(LIST_IMAGES, f"The images could not be listed: {words(images)}")
    return ok(LIST_IMAGES, f"{LIST_IMAGES} is granted.")


def _quota(quota: Quota | Answer) -> list[Check]:
    if isinstance(quota, NotAsked):
        return [skipped(GET_QUOTA, f"{GET_QUOTA} was not tried: {quota.reason}.")]
    if _refuses_project(quota):
        return [skipped(GET_QUOTA, f"{GET_QUOTA} was not tried: the project is refused.")]
    if is_denied(quota):
        rule = "the preflight then cannot tell whether there is room for an image"
        return [warning(GET_QUOTA, f"{GET_QUOTA} is missing: {rule}. {words(quota)}")]
    if isinstance(quota, ImsAirflowError):
        return [warning(GET_QUOTA, f"The quota could not be read: {words(quota)}")]
    return [ok(GET_QUOTA, f"{GET_QUOTA} is granted."), _room(quota)]


def _room(quota: Quota) -> Check:
    if quota.left is None:
        return ok("quota", f"{quota.used} private images are there, and nothing limits them.")
    used = f"{quota.used} of {quota.limit} private images are there"
    if quota.left:
        return ok("quota", f"{used}.")
    return warning(
        "quota", f"{used}: no other fits. Delete images that nobody needs, or have the quota raised."
    )


def _list_buckets(buckets: list[str] | Answer) -> Check:
    if isinstance(buckets, NotAsked):
        return skipped(LIST_BUCKETS, f"{LIST_BUCKETS} was not tried: {buckets.reason}.")
    if is_denied(buckets):
        rule = "only this check needs it, and OBS accepts the keys"
        return warning(LIST_BUCKETS, f"{LIST_BUCKETS} is missing: {rule}. {words(buckets)}")
    if isinstance(buckets, ImsAirflowError):
        return failed(LIST_BUCKETS, f"The buckets could not be listed: {words(buckets)}")
    number = "1 bucket" if len(buckets) == 1 else f"{len(buckets)} buckets"
    return ok(LIST_BUCKETS, f"{LIST_BUCKETS} is granted: OBS shows {number}.")


def _refuses_project(answer: object) -> TypeGuard[ApiError]:
    return isinstance(answer, ApiError) and answer.code in _PROJECT_CODES
