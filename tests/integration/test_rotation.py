"""Keys that end in mid-flight: renewed once where that helps, never sent twice where it does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred
from airflow_task import Task
from integration.clouds import CONN_ID, Cloud, connection

from ims_airflow.operators.ims import ImsCreateDataImageOperator

ENVIRONMENT = f"AIRFLOW_CONN_{CONN_ID.upper()}"
REFUSED = {401, 403}


def operator(**arguments: Any) -> ImsCreateDataImageOperator:
    return ImsCreateDataImageOperator(
        task_id="create",
        name="fedora",
        image_url="image-test:disk.qcow2",
        min_disk=40,
        os_type="Linux",
        poll_interval=0.1,
        wait_for_completion=True,
        **arguments,
    )


def refusals(cloud: Cloud) -> int:
    return sum(entry["status"] in REFUSED for entry in cloud.emulated.journal())


@pytest.fixture(autouse=True)
def disk(cloud: Cloud) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"x")
    cloud.emulated.configure(job_seconds=0.5)


@pytest.mark.parametrize("deferrable", [False, True], ids=["waiting", "deferrable"])
def test_a_token_that_expires_while_polling_is_renewed_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, deferrable: bool
) -> None:
    settings = cloud.emulated.settings
    fields = json.loads(connection(cloud.emulated, auth="password", domain_name=settings.domain_name))
    fields |= {"login": settings.user_name, "password": settings.password}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(fields))
    body = '{"error_msg": "The token must be updated.", "error_code": "APIGW.0307"}'
    cloud.emulated.add_fault(
        {"match": {"path": "/jobs/"}, "skip": 1, "times": 1, "status": 401, "body": body}
    )
    assert Task(lambda: operator(deferrable=deferrable)).run()["image_status"] == "active"
    assert refusals(cloud) == 1


def test_a_key_that_was_rotated_in_the_connection_is_taken(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = connection(cloud.emulated)
    stale = json.loads(good) | {"password": "the-key-of-yesterday"}
    monkeypatch.setenv(ENVIRONMENT, json.dumps(stale))
    made = operator()
    assert made.hook.profile  # the worker has read the Connection; then the key is rotated
    monkeypatch.setenv(ENVIRONMENT, good)
    assert Task(lambda: made).run()["image_status"] == "active"
    assert refusals(cloud) == 1


@pytest.mark.parametrize("deferrable", [False, True], ids=["waiting", "deferrable"])
def test_a_disabled_key_is_refused_once_and_the_task_fails_at_once(cloud: Cloud, deferrable: bool) -> None:
    made = Task(lambda: operator(deferrable=deferrable))
    cloud.emulated.configure(job_seconds=60)
    if deferrable:
        with pytest.raises(TaskDeferred) as deferred:
            made.make().execute(made.context)
        cloud.emulated.configure(ak_disabled=True)
        with pytest.raises(AirflowFailException):
            made._resume(deferred.value)
    else:
        body = '{"error_msg": "Incorrect IAM authentication information", "error_code": "APIGW.0301"}'
        fault = {"match": {"path": "/jobs/"}, "skip": 1, "status": 401, "body": body}
        cloud.emulated.add_fault(fault)
        with pytest.raises(AirflowFailException, match=r"APIGW\.0301"):
            made.run()
    assert refusals(cloud) == 1


def test_no_secret_is_in_what_a_task_leaves_behind(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    secret = cloud.emulated.settings.sk
    made = Task(lambda: operator(deferrable=True))
    made.run()
    left = [caplog.text, repr(made), repr(operator().hook.profile), json.dumps(cloud.emulated.journal())]
    assert not [text for text in left if secret in text]
