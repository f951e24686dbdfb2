"""The sensors against a cloud, in all three modes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow_task import Task
from integration.clouds import Cloud

from ims_airflow.exceptions import InvalidInputError, JobNotFollowedError
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor

MODES: list[dict[str, Any]] = [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}]
modes = pytest.mark.parametrize("mode", MODES, ids=["poke", "reschedule", "deferrable"])
# Airflow measures the timeout of a rescheduled sensor in its database; the system tests have one.
in_one_process = pytest.mark.parametrize("mode", [MODES[0], MODES[2]], ids=["poke", "deferrable"])
URL = "image-test:disk.qcow2"


@dataclass
class Sensor(Task):
    """A sensor's task: a reschedule starts the next poke in a fresh operator and without XComs.

    :param left: the XComs that each rescheduled poke has left behind.
    """

    left: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> Any:
        for _ in range(200):
            self.ti.xcoms.clear()
            try:
                return super().run()
            except AirflowRescheduleException:
                self.left.append(dict(self.ti.xcoms))
        raise AssertionError("poked 200 times")


def submit(cloud: Cloud, job_seconds: float = 0.3) -> str:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=job_seconds)
    create = ImsCreateDataImageOperator(task_id="c", name="n", image_url=URL, min_disk=40, os_type="Linux")
    return str(Task(lambda: create).run())


def job_sensor(job_id: str, **arguments: Any) -> Sensor:
    given = {"poke_interval": 0.05, "timeout": 10, **arguments}
    return Sensor(lambda: ImsJobSensor(task_id="wait", job_id=job_id, **given))


def file_sensor(url: str = URL, **arguments: Any) -> Sensor:
    given = {"poke_interval": 0.05, "timeout": 10, **arguments}
    return Sensor(lambda: ObsImageFileSensor(task_id="check", image_url=url, **given))


@modes
def test_a_job_is_waited_for(cloud: Cloud, mode: dict[str, Any]) -> None:
    job_id = submit(cloud)
    result = job_sensor(job_id, **mode).run()
    assert result["job_id"] == job_id
    assert result["status"] == "SUCCESS"
    assert {"image_id", "image_name", "begin_time", "end_time"} <= result.keys()
    assert result["image_status"] == "active"


@modes
@pytest.mark.parametrize("time_spelling", ["iso", "old"])
@pytest.mark.parametrize("success_image_at", ["entities", "sub_jobs_result", "results"])
def test_every_documented_spelling_is_understood(
    cloud: Cloud, mode: dict[str, Any], time_spelling: str, success_image_at: str
) -> None:
    cloud.emulated.configure(time_spelling=time_spelling, success_image_at=success_image_at)
    result = job_sensor(submit(cloud, 0.05), **mode).run()
    assert result["image_id"]
    assert result["end_time"].endswith("Z")


@modes
def test_the_newer_query_can_be_chosen(cloud: Cloud, mode: dict[str, Any]) -> None:
    assert job_sensor(submit(cloud), job_query="ShowJobProgress", **mode).run()["image_id"]
    paths = {entry["path"] for entry in cloud.emulated.journal()}
    assert not [path for path in paths if "/jobs/" in path]


@modes
def test_trouble_is_forgiven(cloud: Cloud, mode: dict[str, Any]) -> None:
    job_id = submit(cloud)
    cloud.emulated.add_fault({"match": {"path": "/jobs/"}, "times": 3, "status": 503, "body": "<html>"})
    assert job_sensor(job_id, **mode).run()["image_id"]


@modes
def test_trouble_beyond_the_budget_is_retryable(cloud: Cloud, mode: dict[str, Any]) -> None:
    job_id = submit(cloud)
    cloud.emulated.add_fault({"match": {"path": "/jobs/"}, "status": 503, "body": "<html>"})
    with pytest.raises(JobNotFollowedError, match="503"):
        job_sensor(job_id, trouble_budget=0.2, **mode).run()


@modes
def test_a_failed_job_fails_the_sensor_with_its_reason(cloud: Cloud, mode: dict[str, Any]) -> None:
    cloud.emulated.add_fault({"job": {"match_name": "n", "error_code": "IMG.0061", "fail_reason": "broken"}})
    with pytest.raises(AirflowFailException, match="broken"):
        job_sensor(submit(cloud), **mode).run()


@in_one_process
def test_timeouts_are_of_their_own_kind(cloud: Cloud, mode: dict[str, Any]) -> None:
    job_id = submit(cloud, 60)
    with pytest.raises(AirflowSensorTimeout):
        job_sensor(job_id, poke_interval=30, timeout=0.2, **mode).run()


def test_execution_timeout_holds_while_deferred(cloud: Cloud) -> None:
    from datetime import timedelta

    sensor = job_sensor(submit(cloud, 60), deferrable=True, execution_timeout=timedelta(seconds=0.2))
    with pytest.raises(AirflowTaskTimeout):
        sensor.run()


@modes
@pytest.mark.parametrize("job_seconds", [0, 0.3], ids=["at the first look", "later"])
def test_soft_fail_skips(cloud: Cloud, mode: dict[str, Any], job_seconds: float) -> None:
    cloud.emulated.add_fault({"job": {"match_name": "n", "error_code": "IMG.0057", "fail_reason": "broken"}})
    with pytest.raises(AirflowSkipException):
        job_sensor(submit(cloud, job_seconds), soft_fail=True, **mode).run()


@modes
@pytest.mark.parametrize("budget", [0, 0.2], ids=["at the first look", "later"])
def test_never_fail_skips_what_a_retry_could_help_too(
    cloud: Cloud, mode: dict[str, Any], budget: float
) -> None:
    job_id = submit(cloud)
    cloud.emulated.add_fault({"match": {"path": "/jobs/"}, "status": 503, "body": "<html>"})
    with pytest.raises(AirflowSkipException):
        job_sensor(job_id, trouble_budget=budget, never_fail=True, **mode).run()


def test_a_job_that_is_done_is_not_deferred(cloud: Cloud) -> None:
    job_id = submit(cloud, 0)
    sensor = job_sensor(job_id, deferrable=True)
    assert sensor.run()["image_id"]
    assert sensor.deferrals == []


@modes
def test_a_missing_job_id_is_a_clear_error(cloud: Cloud, mode: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="job_id"):
        job_sensor("", **mode).run()
    assert cloud.emulated.journal() == []


@modes
def test_an_uploaded_file_is_found(cloud: Cloud, tmp_path: Path, mode: dict[str, Any]) -> None:
    """Runs on a real account too."""
    url = cloud.upload(tmp_path)
    result = file_sensor(url, **mode).run()
    assert f"{result['bucket']}:{result['key']}" == url
    assert result["size"] == (tmp_path / "disk.qcow2").stat().st_size
    assert result["storage_class"] == "STANDARD"
    assert result["etag"]
    assert result["last_modified"]


@in_one_process
def test_a_missing_and_an_empty_file_are_waited_for(cloud: Cloud, mode: dict[str, Any]) -> None:
    for arrange in (lambda: None, lambda: cloud.emulated.put_object("image-test", "disk.qcow2", b"")):
        arrange()
        with pytest.raises(AirflowSensorTimeout):
            file_sensor(timeout=0.2, **mode).run()


@pytest.mark.parametrize(
    ("key", "seen"),
    [("disk.qcow2", "disk.qcow2 is not there yet"), ("*.raw", r"\*\.raw matches nothing yet")],
)
def test_a_deferred_timeout_tells_what_was_seen_last(cloud: Cloud, key: str, seen: str) -> None:
    limit = r"not done in time \(timeout of 0\.2 s\)"
    with pytest.raises(AirflowSensorTimeout, match=f"{limit}. Last seen: {seen}"):
        file_sensor(f"image-test:{key}", deferrable=True, timeout=0.2).run()


@modes
def test_trouble_of_obs_is_waited_out(cloud: Cloud, mode: dict[str, Any]) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"x")
    cloud.emulated.add_fault({"match": {"service": "obs"}, "times": 2, "status": 503})
    cloud.emulated.add_fault({"match": {"service": "obs"}, "times": 1, "drop": "reset"})
    assert file_sensor(**mode).run()["size"] == 1


@modes
@pytest.mark.parametrize(
    ("path", "permission"), [("disk", "obs:object:GetObject"), ("image-test/?$", "obs:bucket:HeadBucket")]
)
def test_a_missing_permission_fails_at_once_and_is_named(
    cloud: Cloud, mode: dict[str, Any], path: str, permission: str
) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"x")
    cloud.emulated.add_fault({"match": {"service": "obs", "path": path}, "status": 403})
    with pytest.raises(AirflowFailException, match=permission):
        file_sensor(**mode).run()


@modes
def test_a_missing_bucket_is_told_from_a_missing_key(cloud: Cloud, mode: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="bucket 'no-such-bucket' does not exist"):
        file_sensor("no-such-bucket:disk.qcow2", **mode).run()


@modes
def test_a_warm_object_is_refused(cloud: Cloud, mode: dict[str, Any]) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"x", storage_class="WARM")
    with pytest.raises(AirflowFailException, match="class STANDARD, it is WARM"):
        file_sensor(**mode).run()


def test_a_bad_image_url_is_told_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidInputError, match="image_url"):
        file_sensor("https://bucket/key").make()


def test_what_an_earlier_try_has_met_is_none_of_the_next_ones_business(cloud: Cloud) -> None:
    job_id = submit(cloud)
    sensor = job_sensor(job_id, mode="reschedule", trouble_budget=0.2)
    cloud.emulated.add_fault({"match": {"path": "/jobs/"}, "status": 503})
    with pytest.raises(JobNotFollowedError):
        sensor.run()
    cloud.emulated.clear_faults()
    cloud.emulated.add_fault({"match": {"path": "/jobs/"}, "times": 1, "status": 503})
    assert sensor.retry()["image_id"]


@modes
def test_wrong_keys_are_told_from_a_missing_permission(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any]
) -> None:
    name = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    monkeypatch.setenv(name, os.environ[name].replace(cloud.emulated.settings.sk, "WRONG"))
    cloud.emulated.put_object("image-test", "disk.qcow2", b"x")
    with pytest.raises(AirflowFailException, match="SignatureDoesNotMatch"):
        file_sensor(**mode).run()
    assert len(cloud.emulated.journal("obs")) == 2  # HEAD, which is answered without a reason, and one GET
