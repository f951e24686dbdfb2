"""The operator against a cloud: every mode, and every fault between the request and the image."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from airflow_task import Task
from integration.clouds import Cloud

from ims_airflow.exceptions import InvalidInputError, JobFailedError, JobNotFollowedError, JobTimeoutError
from ims_airflow.operators.creation import Creation
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.protocol.submission import MARKER_TAG

SUBMIT = {"method": "POST", "path": "dataimages"}
JOB = {"path": "/jobs/"}
MODES = [{"wait_for_completion": True}, {"wait_for_completion": True, "deferrable": True}]
modes = pytest.mark.parametrize("mode", MODES, ids=["waiting", "deferrable"])


def operator(image_url: str = "image-test:disk.qcow2", **arguments: Any) -> ImsCreateDataImageOperator:
    given = {
        "name": "fedora",
        "min_disk": 40,
        "os_type": "Linux",
        "poll_interval": 0.1,
        "settling_window": 1.0,
    }
    return ImsCreateDataImageOperator(task_id="create", image_url=image_url, **{**given, **arguments})


def task(cloud: Cloud, **arguments: Any) -> Task:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=0.3)
    return Task(lambda: operator(**arguments))


@modes
def test_an_image_is_made_end_to_end(cloud: Cloud, tmp_path: Path, mode: dict[str, bool]) -> None:
    """Runs on a real account too."""
    interval = 0.1 if cloud.emulator else None
    name = f"ims-airflow-test-{uuid.uuid4().hex[:8]}"
    url = cloud.upload(tmp_path)
    made = Task(lambda: operator(url, name=name, poll_interval=interval, **mode))
    image = made.run()
    cloud.images.append(image["image_id"])
    assert image["image_name"] == name
    assert image["image_status"] == "active"
    assert image["status"] == "SUCCESS"
    assert made.ti.xcoms["job_id"] == image["job_id"]
    assert "ims_submission" not in made.store.entries


def test_without_waiting_it_returns_the_job_id(cloud: Cloud) -> None:
    made = task(cloud)
    job_id = made.run()
    assert [job_id] == [entry["job_id"] for entry in cloud.emulated.submissions()]
    assert made.ti.xcoms["job_id"] == job_id


def test_all_nine_fields_arrive_under_their_names(cloud: Cloud) -> None:
    fields = {
        "name": "中文 image-1",
        "description": "nightly export",
        "os_type": "Windows",
        "min_disk": "100",
        "cmk_id": str(uuid.uuid4()),
        "image_tags": [{"key": "team", "value": "data"}],
        "enterprise_project_id": "0",
    }
    task(cloud, **fields).run()
    [sent] = cloud.emulated.submissions()
    expected = {name: value for name, value in fields.items() if name != "image_tags"} | {"min_disk": 100}
    assert expected.items() <= sent.items()
    assert sent["tags"]["team"] == "data"
    assert sent["tags"][MARKER_TAG]


def test_text_tags_carry_the_marker_too(cloud: Cloud) -> None:
    task(cloud, tags=["team.data"]).run()
    [sent] = cloud.emulated.submissions()
    assert sent["tags"]["team"] == "data"
    assert sent["tags"][MARKER_TAG]


def test_bad_literals_are_all_told_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidInputError) as caught:
        operator("no-colon", name=" x ", min_disk=5, os_type="BeOS")
    assert all(field in str(caught.value) for field in ("name", "image_url", "min_disk", "os_type"))


def test_bad_rendered_values_fail_at_once_and_send_nothing(cloud: Cloud) -> None:
    def rendered() -> ImsCreateDataImageOperator:
        made = operator("{{ params.url }}", min_disk="{{ params.disk }}")
        made.image_url, made.min_disk = "no-colon", "many"  # what rendering the templates does
        return made

    with pytest.raises(AirflowFailException) as caught:
        Task(rendered).run()
    assert "image_url" in str(caught.value)
    assert "min_disk" in str(caught.value)
    assert cloud.emulated.journal() == []


@modes
@pytest.mark.parametrize("drop", ["reset", "close", "half"])
def test_an_accepted_request_with_a_lost_answer_makes_one_image(
    cloud: Cloud, mode: dict[str, bool], drop: str
) -> None:
    made = task(cloud, **mode)
    cloud.emulated.add_fault({"match": SUBMIT, "times": 1, "when": "after", "drop": drop})
    image = made.run()
    assert image["image_status"] == "active"
    assert made.ti.xcoms["job_id"] == f"image:{image['image_id']}"
    assert len(cloud.emulated.submissions()) == 1


@pytest.mark.parametrize("tags_visible", [True, False])
@pytest.mark.parametrize("tag_filter", ["works", "ignored"])
def test_a_row_that_appears_late_is_adopted(cloud: Cloud, tags_visible: bool, tag_filter: str) -> None:
    made = task(cloud, wait_for_completion=True, settling_window=30.0)
    cloud.emulated.configure(
        row_visible_after=0.5, tags_visible=tags_visible, tag_filter=tag_filter, job_seconds=0
    )
    cloud.emulated.add_fault({"match": SUBMIT, "times": 1, "when": "after", "drop": "reset"})
    assert made.run()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


def test_a_request_that_was_not_accepted_is_sent_once_more(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True)
    cloud.emulated.add_fault({"match": SUBMIT, "times": 1, "when": "before", "drop": "reset"})
    assert made.run()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


def test_a_task_killed_between_accept_and_store_adopts(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True)
    made.run()
    [accepted] = cloud.emulated.submissions()
    marker = accepted["tags"][MARKER_TAG]
    # What the store holds when the worker dies after the POST and before it stored the answer.
    killed = Task(made.make)
    killed.store.set("ims_submission", {**_record(made), "marker": marker, "state": "sent"})
    assert killed.retry()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


def _record(made: Task) -> dict[str, Any]:
    import time

    submission = Creation(made.make(), made.context).submission()  # type: ignore[arg-type]
    return {"fingerprint": submission.fingerprint, "sent_at": time.time()}


@modes
def test_a_retry_reattaches_after_a_timeout(cloud: Cloud, mode: dict[str, bool]) -> None:
    made = task(cloud, timeout=0.2, **mode)
    cloud.emulated.configure(job_seconds=60)
    with pytest.raises(JobTimeoutError, match="timeout"):
        made.run()
    cloud.emulated.advance(61)
    assert made.retry()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


def test_execution_timeout_holds_while_deferred(cloud: Cloud) -> None:
    limit = timedelta(seconds=0.3)
    made = task(cloud, wait_for_completion=True, deferrable=True, execution_timeout=limit)
    cloud.emulated.configure(job_seconds=60)
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout"):
        made.run()


@modes
def test_trouble_beyond_the_budget_is_retryable_and_the_retry_reattaches(
    cloud: Cloud, mode: dict[str, bool]
) -> None:
    made = task(cloud, trouble_budget=0.3, **mode)
    cloud.emulated.add_fault({"match": JOB, "status": 502, "body": "<html>Bad Gateway</html>"})
    with pytest.raises(JobNotFollowedError):
        made.run()
    cloud.emulated.clear_faults()
    assert made.retry()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


@modes
@pytest.mark.parametrize("where", ["top", "entities", "sub_jobs"])
def test_a_failed_job_tells_its_reason_and_is_not_retried(
    cloud: Cloud, mode: dict[str, bool], where: str
) -> None:
    made = task(cloud, **mode)
    reason = {"match_name": "fedora", "error_code": "IMG.0057", "fail_reason": "not an image", "where": where}
    cloud.emulated.add_fault({"job": reason})
    with pytest.raises(AirflowFailException) as caught:
        made.run()
    assert "not an image" in str(caught.value)
    assert "IMG.0057" in str(caught.value)
    assert "What to do" in str(caught.value)
    assert "ims_submission" not in made.store.entries


@modes
def test_a_job_that_failed_for_a_passing_reason_is_submitted_anew_by_the_retry(
    cloud: Cloud, mode: dict[str, bool]
) -> None:
    made = task(cloud, **mode)
    reason = {"match_name": "fedora", "error_code": "IMG.0061", "fail_reason": "unknown system error"}
    cloud.emulated.add_fault({"job": reason})
    with pytest.raises(JobFailedError):
        made.run()
    cloud.emulated.clear_faults()
    assert made.retry()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 2


def test_a_bare_fail_is_final(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True)
    cloud.emulated.add_fault(
        {"job": {"match_name": "fedora", "error_code": "", "fail_reason": "", "where": "nowhere"}}
    )
    with pytest.raises(AirflowFailException, match="no reason"):
        made.run()


@modes
@pytest.mark.parametrize("state", ["killed"])
def test_success_without_an_active_image_is_never_green(
    cloud: Cloud, mode: dict[str, bool], state: str
) -> None:
    made = task(cloud, **mode)
    cloud.emulated.configure(image_after_success=state)
    with pytest.raises(AirflowFailException, match=state):
        made.run()


@modes
def test_success_without_image_id_is_never_green(cloud: Cloud, mode: dict[str, bool]) -> None:
    made = task(cloud, **mode)
    cloud.emulated.configure(success_image_at="missing", image_id_while_running=False)
    with pytest.raises(AirflowFailException, match="image_id"):
        made.run()


def test_clearing_a_finished_task_makes_a_new_image(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True)
    first = made.run()
    second = made.clear()
    assert first["image_id"] != second["image_id"]


@pytest.mark.parametrize("mode", [{}, *MODES], ids=["submitting", "waiting", "deferrable"])
def test_a_try_that_airflow_starts_after_the_end_answers_the_same(
    cloud: Cloud, mode: dict[str, bool]
) -> None:
    made = task(cloud, **mode)
    first, job_id = made.run(), made.ti.xcoms["job_id"]
    assert made.retry() == first
    assert made.ti.xcoms["job_id"] == job_id
    assert len(cloud.emulated.submissions()) == 1


@modes
def test_a_try_that_airflow_starts_after_a_hopeless_end_fails_the_same(
    cloud: Cloud, mode: dict[str, bool]
) -> None:
    made = task(cloud, **mode)
    cloud.emulated.add_fault({"job": {"match_name": "fedora", "error_code": "IMG.0057", "fail_reason": "x"}})
    for attempt in (made.run, made.retry):
        with pytest.raises(AirflowFailException, match=r"IMG\.0057"):
            attempt()
    assert len(cloud.emulated.submissions()) == 1
    cloud.emulated.clear_faults()
    assert made.clear()["image_status"] == "active"


def test_a_changed_request_is_a_new_submission(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True, timeout=0.1)
    cloud.emulated.configure(job_seconds=60)
    with pytest.raises(JobTimeoutError):
        made.run()
    made.make = lambda: operator(name="other", wait_for_completion=True, timeout=0.1)
    with pytest.raises(JobTimeoutError):
        made.retry()
    assert [entry["name"] for entry in cloud.emulated.submissions()] == ["fedora", "other"]


def test_a_long_pause_gives_the_worker_slot_back(cloud: Cloud) -> None:
    made = task(cloud, deferrable=True)
    cloud.emulated.add_fault({"match": SUBMIT, "times": 1, "status": 429, "headers": {"Retry-After": "11"}})
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as deferred:
        made.make().execute(made.context)
    assert deferred.value.method_name == "execute_after_pause"
    assert "temporal" in deferred.value.trigger.serialize()[0]
    assert made.make().execute_after_pause(made.context, event="x")  # type: ignore[attr-defined]
    assert len(cloud.emulated.submissions()) == 1


def test_an_event_about_another_job_is_not_taken(cloud: Cloud) -> None:
    from airflow.sdk.exceptions import TaskDeferred

    made = task(cloud, wait_for_completion=True, deferrable=True)
    cloud.emulated.configure(job_seconds=60)
    with pytest.raises(TaskDeferred):
        made.make().execute(made.context)
    strange = {"status": "success", "subject": "job-of-before", "result": {"image_id": "x"}}
    with pytest.raises(TaskDeferred) as again:
        made.make().resume_execution("execute_complete", {"event": strange}, made.context)
    assert again.value.trigger.job_id == made.ti.xcoms["job_id"]


def test_a_missing_permission_fails_at_once(cloud: Cloud) -> None:
    made = task(cloud)
    body = '{"error":{"code":"IMG.0026","message":"The role is invalid."}}'
    cloud.emulated.add_fault({"match": SUBMIT, "status": 403, "body": body})
    with pytest.raises(AirflowFailException, match=r"IMG\.0026"):
        made.run()


@modes
@pytest.mark.parametrize("malform", ["cut", "types", "fields", "text", "huge"])
def test_answers_that_nobody_can_read_are_outlived(cloud: Cloud, mode: dict[str, bool], malform: str) -> None:
    made = task(cloud, **mode)
    cloud.emulated.add_fault({"match": JOB, "times": 2, "malform": malform})
    cloud.emulated.add_fault({"match": {"path": "cloudimages$"}, "times": 1, "malform": malform})
    assert made.run()["image_status"] == "active"
    assert len(cloud.emulated.submissions()) == 1


def test_an_execution_timeout_while_submitting_looks_like_one(cloud: Cloud) -> None:
    made = task(cloud, deferrable=True, execution_timeout=timedelta(seconds=0.5))
    cloud.emulated.add_fault({"match": SUBMIT, "status": 429})
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout"):
        made.run()


def test_a_clear_after_a_kill_between_the_end_and_its_report_makes_a_new_image(cloud: Cloud) -> None:
    made = task(cloud, wait_for_completion=True)
    first = made.run()
    fingerprint = made.store.get("ims_ending")["fingerprint"]
    record = {"marker": "m", "state": "accepted", "fingerprint": fingerprint, "job_id": first["job_id"]}
    made.store.set("ims_submission", record)
    assert made.retry() == first
    assert made.clear()["image_id"] != first["image_id"]
