"""A job in the spellings of the two query APIs.

Source: IMS API reference, 异步任务查询 and 异步任务进度查询.
"""

from __future__ import annotations

from typing import Any

from ims_airflow.emulator.clock import old_spelling, to_the_millisecond
from ims_airflow.emulator.ims.jobs import Failure, Job
from ims_airflow.emulator.settings import Settings

JOB_TYPE = "imsImportDataImageJob"


def show_job(job: Job, settings: Settings) -> dict[str, Any]:
    """Answer ``GET /v1/{project_id}/jobs/{job_id}``."""
    spell = old_spelling if settings.time_spelling == "old" else to_the_millisecond
    failure = job.failure if job.over else None
    where = (failure.where or settings.fail_reason_at) if failure else ""
    entities = _entities(job, settings)
    if failure and where == "entities":
        entities |= {"error_code": failure.code, "error": failure.reason}
    if failure and where == "sub_jobs":
        entities["sub_jobs_result"] = [_sub_job(job, {}, failure)]
    return {
        "job_id": job.job_id,
        "job_type": JOB_TYPE,
        "status": job.status,
        "begin_time": spell(job.accepted_at),
        "end_time": spell(job.ended_at) if job.ended_at is not None else "",
        "error_code": failure.code if failure and where == "top" else None,
        "fail_reason": failure.reason if failure and where == "top" else None,
        "entities": entities,
    }


def show_job_progress(job: Job, settings: Settings) -> dict[str, Any]:
    """Answer ``GET /v1/cloudimages/job/{job_id}``: the same, and a sub-job's id in camel case."""
    answer = show_job(job, settings)
    answer["entities"]["subJobId"] = _sub_job_id(job)
    return answer


def _entities(job: Job, settings: Settings) -> dict[str, Any]:
    if job.status == "INIT":
        return {}  # "may be missing or empty" then
    entities: dict[str, Any] = {
        "image_name": job.submission.name,
        "current_task": job.stage.task if job.stage else "",
    }
    if settings.process_percent != "absent":
        entities["process_percent"] = _percent(job, settings)
    if job.status == "SUCCESS":
        _name_image(entities, job, settings)
    elif job.status == "RUNNING" and settings.image_id_while_running:
        entities["image_id"] = job.image_id
    return entities


def _percent(job: Job, settings: Settings) -> float | int:
    share = round(job.share, 2)
    return int(share * 100) if settings.process_percent == "integer" else share


def _name_image(entities: dict[str, Any], job: Job, settings: Settings) -> None:
    if settings.success_image_at == "entities":
        entities["image_id"] = job.image_id
    elif settings.success_image_at == "sub_jobs_result":
        entities["sub_jobs_result"] = [_sub_job(job, {"image_id": job.image_id}, None)]
        entities["sub_jobs_list"] = [_sub_job_id(job)]
    elif settings.success_image_at == "results":
        # Status words are lower case here and nowhere else.
        row = {"image_id": job.image_id, "project_id": settings.project_id, "status": "success"}
        entities["results"] = [row]


def _sub_job(job: Job, entities: dict[str, Any], failure: Failure | None) -> dict[str, Any]:
    return {
        "job_id": _sub_job_id(job),
        "job_type": "imsGoofysImportImageJob",
        "status": "FAIL" if failure else "SUCCESS",
        "error_code": failure.code if failure else None,
        "fail_reason": failure.reason if failure else None,
        "entities": entities,
    }


def _sub_job_id(job: Job) -> str:
    return job.job_id[::-1]
