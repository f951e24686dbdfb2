"""What the emulated cloud is like. Whatever the vendor's pages leave open is a switch here.

Each switch defaults to the behaviour that asks most of a client. All of them can be changed while the
emulator runs.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from ims_airflow.exceptions import InvalidInputError

SECRET = frozenset({"ak", "sk", "password"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Account, region and switches of one emulated cloud. Times are seconds of the emulator's clock.

    :param ak: access key id of the one account; a made-up one, never a real key.
    :param project_id: of the project that is named like the region.
    :param projects_found: how many rows the project look-up by the region's name returns.
    :param user_name: the IAM user that can fetch tokens with ``password``.
    :param buckets: exist from the start.
    :param bucket_region: where new buckets lie, empty for ``region``.
    :param bucket_storage_class: of the buckets that exist from the start.
    :param ak_disabled: the access key is refused.
    :param clock_skew: how far the services' clock is ahead of this machine's when signatures are checked.
    :param token_seconds: life of an IAM token.
    :param metadata_key_seconds: life of the key that the metadata service hands out.
    :param agency: whether the emulated ECS has an agency.
    :param agency_name: of the agency of another account that may be assumed; empty for any, of anybody.
    :param agency_domain_name: the account that delegates with this agency.
    :param agency_domain_id: its id.
    :param agency_project_id: the project that keys of an agency are good for, empty for ``project_id``.
    :param imdsv2: whether the metadata service wants, takes or does not know session tokens.
    :param job_seconds: how long a job takes from the submit to its end.
    :param job_advance: what moves a job: time, being asked about, or the control path only.
    :param job_reads: how many queries move a job by one step, with ``job_advance="reads"``.
    :param checks_at: where a wrong file is noticed, at the submit or in the job.
    :param os_type_required: the seed page demands it, newer pages do not.
    :param row_visible_after: how long after the submit the image is missing from the image list.
    :param row_appears: whether the image row is made at the submit or when the job starts to run.
    :param tags_visible: whether the image list shows tags.
    :param tag_spelling: how it shows them, ``key=value`` or ``key.value``.
    :param tag_filter: whether the filter ``tag`` has an effect.
    :param failed_image: what stays of the image when its job failed.
    :param image_after_success: status of the image when its job succeeded.
    :param image_id_while_running: whether a running job already names its image.
    :param success_image_at: where a successful job names its image.
    :param fail_reason_at: where a failed job tells the reason.
    :param unknown_job: HTTP status of a query about an unknown job.
    :param forget_jobs_after: how long finished jobs can be queried, 0 for ever.
    :param time_spelling: ISO (``2022-05-17T14:42:20.859Z``) or old (``04-Jun-2015 18:11:06:586``).
    :param process_percent: 0 to 1, 0 to 100, or not there.
    :param most_jobs: jobs in flight at which another submit is refused with ``IMG.0060``.
    :param image_quota: private images at which another submit is refused with ``IMG.0015``.
    :param delete_seconds: how long a deleted image stays in the list.
    :param largest_file: bytes of the largest file that becomes an image.
    :param path_style: whether OBS takes path-style addresses of buckets.
    :param obs_api: what the ``?apiversion`` probe tells: the OBS dialect, or S3 (V2) only.
    :param range_beyond_end: answer to a range behind the object's end: 416 or the whole object.
    :param restore_seconds: how long the restore of an archived object takes.
    :param journal_size: number of requests that the journal remembers.
    """

    ak: str = field(default="AKEMULATOR0000000001", repr=False)
    sk: str = field(default="SKemulator00000000000000000000000000000001", repr=False)
    project_id: str = "0e0e0e0e0e0e4e0e8e0e0e0e0e0e0e0e"
    projects_found: int = 1
    region: str = "cn-north-4"
    domain_id: str = "0d0d0d0d0d0d4d0d8d0d0d0d0d0d0d0d"
    domain_name: str = "emulator"
    user_name: str = "airflow"
    password: str = field(default="emulator-password-1", repr=False)
    buckets: tuple[str, ...] = ("image-test",)
    bucket_region: str = ""
    bucket_storage_class: str = "STANDARD"
    # credentials
    ak_disabled: bool = False
    clock_skew: float = 0.0
    token_seconds: float = 24 * 3600.0
    metadata_key_seconds: float = 3600.0
    agency: bool = True
    agency_name: str = ""
    agency_domain_name: str = "delegating"
    agency_domain_id: str = "0a0a0a0a0a0a4a0a8a0a0a0a0a0a0a0a"
    agency_project_id: str = ""
    imdsv2: Literal["optional", "required", "absent"] = "optional"
    # jobs
    job_seconds: float = 2.0
    job_advance: Literal["time", "reads", "hand"] = "time"
    job_reads: int = 1
    checks_at: Literal["job", "submit"] = "job"
    os_type_required: bool = True
    duplicate_names: Literal["allow", "refuse"] = "allow"
    most_jobs: int = 40
    image_id_while_running: bool = True
    success_image_at: Literal["entities", "sub_jobs_result", "results", "missing"] = "entities"
    fail_reason_at: Literal["top", "entities", "sub_jobs", "nowhere"] = "top"
    unknown_job: Literal["400", "404"] = "400"
    forget_jobs_after: float = 0.0
    time_spelling: Literal["iso", "old"] = "iso"
    process_percent: Literal["fraction", "integer", "absent"] = "fraction"
    # images
    row_visible_after: float = 0.0
    row_appears: Literal["accepted", "running"] = "accepted"
    tags_visible: bool = False
    tag_spelling: Literal["equals", "dot"] = "equals"
    tag_filter: Literal["works", "ignored"] = "works"
    failed_image: Literal["killed", "gone"] = "killed"
    image_after_success: Literal["active", "queued", "killed", "gone"] = "active"
    image_quota: int = 100
    delete_seconds: float = 0.2
    largest_file: int = 128 * 1024**3
    # OBS
    path_style: Literal["allow", "refuse"] = "allow"
    obs_api: Literal["obs", "v2"] = "obs"
    range_beyond_end: Literal["416", "whole"] = "416"
    restore_seconds: float = 2.0
    journal_size: int = 20_000

    def changed(self, switches: Mapping[str, Any]) -> Settings:
        """Return these settings with some switches changed.

        :raises InvalidInputError: naming every unknown switch and every value of the wrong kind.
        """
        wrong = [line for name, value in switches.items() if (line := _complaint(name, value))]
        if wrong:
            raise InvalidInputError("emulator settings: " + "; ".join(wrong))
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in switches.items()}
        return replace(self, **given)

    def public(self) -> dict[str, Any]:
        """Return every setting that is no secret, ready for JSON."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name not in SECRET}


_KINDS = typing.get_type_hints(Settings)


def _complaint(name: str, value: object) -> str:
    if name not in _KINDS:
        return f"{name} is not a switch"
    kind = _KINDS[name]
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        return "" if value in choices else f"{name} must be one of {', '.join(choices)}"
    if typing.get_origin(kind) is tuple:
        fits = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
        return "" if fits else f"{name} must be a list of texts"
    return "" if _fits(kind, value) else f"{name} must be of type {kind.__name__}"


def _fits(kind: type, value: object) -> bool:
    if kind in {int, float}:
        wanted = (int, float) if kind is float else int
        return isinstance(value, wanted) and not isinstance(value, bool) and value >= 0
    return isinstance(value, kind)
