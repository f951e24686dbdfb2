"""What an import tells of itself while it runs and at its end, in every mode, against a cloud."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest
from airflow.sdk import DAG, Asset, AssetAlias, BaseOperator
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow_task import Task, TaskInstance
from integration.clouds import Cloud
from integration.test_sensors import Sensor

from ims_airflow.exceptions import JobTimeoutError
from ims_airflow.operators.ims import ImsCreateDataImageOperator
from ims_airflow.sensors.ims import ImsJobSensor
from ims_airflow.sensors.obs import ObsImageFileSensor
from ims_airflow.upstream import IMPORT_KEY, UPLOAD_CHECK_KEY

URL = "image-test:disk.qcow2"
WAITS = [{"wait_for_completion": True}, {"wait_for_completion": True, "deferrable": True}]
waits = pytest.mark.parametrize("mode", WAITS, ids=["waiting", "deferrable"])
MODES: list[dict[str, Any]] = [{"mode": "poke"}, {"mode": "reschedule"}, {"deferrable": True}]
modes = pytest.mark.parametrize("mode", MODES, ids=["poke", "reschedule", "deferrable"])
CHECKED = {"image_url": URL, "size": 4, "etag": "e7a9", "seconds": 12.5}


def dag(**arguments: Any) -> DAG:
    """Check, create and wait, one after the other."""
    with DAG("made", schedule=None) as made:
        check = ObsImageFileSensor(task_id="check", image_url=URL, poke_interval=0.05)
        given = {"name": "fedora", "min_disk": 40, "os_type": "Linux", "poll_interval": 0.1, **arguments}
        create = ImsCreateDataImageOperator(task_id="create", image_url=URL, **given)
        check >> create
    return made


def creation(cloud: Cloud, *, job_seconds: float = 0.5, **arguments: Any) -> Task:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    cloud.emulated.configure(job_seconds=job_seconds)
    ti = TaskInstance(upstream={("check", -1, UPLOAD_CHECK_KEY): CHECKED})
    return Task(lambda: cast("BaseOperator", dag(**arguments).get_task("create")), ti=ti)


def waiting(submitted: Task, **arguments: Any) -> Sensor:
    """The sensor behind an operator that has submitted and not waited."""
    job_id = submitted.run()
    given = {"poke_interval": 0.05, "timeout": 10, **arguments}

    def made() -> BaseOperator:
        around = dag()
        with around:
            wait = ImsJobSensor(task_id="wait", job_id=job_id, **given)
            around.get_task("create") >> wait
        return wait

    upstream = {("create", -1, IMPORT_KEY): submitted.ti.xcoms[IMPORT_KEY], **submitted.ti.upstream}
    return Sensor(made, ti=TaskInstance(upstream=upstream))


@waits
def test_an_operator_that_waits_shows_the_import_and_accounts_for_its_time(
    cloud: Cloud, mode: dict[str, bool]
) -> None:
    task = creation(cloud, job_seconds=1, **mode)
    image = task.run()
    shown = task.ti.xcoms[IMPORT_KEY]
    assert {"image_url": URL, "name": "fedora", "region": "cn-north-4"}.items() <= shown.items()
    assert (shown["status"], shown["image_id"]) == ("SUCCESS", image["image_id"])
    assert shown["submitted_at"] <= shown["updated_at"]
    assert image["seconds"]["upload_check"] == 12.5
    assert image["seconds"]["queue"] + image["seconds"]["job"] == pytest.approx(1, abs=0.3)


def test_an_operator_that_does_not_wait_shows_what_it_has_asked_for(cloud: Cloud) -> None:
    task = creation(cloud)
    job_id = task.run()
    shown = task.ti.xcoms[IMPORT_KEY]
    assert (shown["job_id"], shown["name"], shown["image_url"]) == (job_id, "fedora", URL)
    assert (shown["status"], shown["image_id"], shown["end_time"]) == (None, None, None)


@modes
def test_a_sensor_shows_what_the_operator_before_it_knows(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = waiting(creation(cloud), **mode)
    result = sensor.run()
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert {"image_url": URL, "name": "fedora", "region": "cn-north-4"}.items() <= shown.items()
    assert (shown["status"], shown["image_id"]) == ("SUCCESS", result["image_id"])
    assert result["seconds"]["upload_check"] == 12.5
    assert result["seconds"]["job"] is not None


@modes
def test_a_sensor_alone_shows_what_it_sees(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = waiting(creation(cloud), **mode)
    sensor.ti.upstream.clear()
    assert sensor.run()["seconds"]["upload_check"] is None
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert (shown["image_url"], shown["submitted_at"]) == (None, None)
    assert (shown["name"], shown["region"], shown["status"]) == ("fedora", "cn-north-4", "SUCCESS")


@waits
def test_a_failed_job_is_shown_with_code_and_reason(cloud: Cloud, mode: dict[str, bool]) -> None:
    fault = {"match_name": "fedora", "error_code": "IMG.0057", "fail_reason": "broken"}
    cloud.emulated.add_fault({"job": fault})
    task = creation(cloud, **mode)
    with pytest.raises(AirflowFailException):
        task.run()
    shown = task.ti.xcoms[IMPORT_KEY]
    assert (shown["status"], shown["error_code"]) == ("FAIL", "IMG.0057")
    assert "broken" in shown["fail_reason"]


@modes
def test_a_failed_job_is_shown_by_the_sensor_too(cloud: Cloud, mode: dict[str, Any]) -> None:
    fault = {"match_name": "fedora", "error_code": "IMG.0057", "fail_reason": "broken"}
    cloud.emulated.add_fault({"job": fault})
    sensor = waiting(creation(cloud), **mode)
    with pytest.raises(AirflowFailException):
        sensor.run()
    assert sensor.ti.xcoms[IMPORT_KEY]["status"] == "FAIL"


@modes
def test_a_failed_job_is_shown_although_the_task_is_skipped(cloud: Cloud, mode: dict[str, Any]) -> None:
    fault = {"match_name": "fedora", "error_code": "IMG.0057", "fail_reason": "broken"}
    cloud.emulated.add_fault({"job": fault})
    sensor = waiting(creation(cloud, job_seconds=0), soft_fail=True, **mode)
    with pytest.raises(AirflowSkipException):
        sensor.run()
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert (shown["status"], shown["error_code"]) == ("FAIL", "IMG.0057")


@waits
def test_a_task_that_gives_up_does_not_call_the_job_failed(cloud: Cloud, mode: dict[str, bool]) -> None:
    task = creation(cloud, job_seconds=60, timeout=timedelta(seconds=0.5), **mode)
    with pytest.raises(JobTimeoutError):
        task.run()
    shown = task.ti.xcoms[IMPORT_KEY]
    assert shown["status"] in {"INIT", "RUNNING"}
    assert "not done in time" in shown["fail_reason"]


@pytest.mark.parametrize("mode", [MODES[0], MODES[2]], ids=["poke", "deferrable"])
def test_a_sensor_that_times_out_says_so(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = waiting(creation(cloud, job_seconds=60), **{**mode, "timeout": 0.2})
    with pytest.raises(AirflowSensorTimeout):
        sensor.run()
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert shown["status"] in {"INIT", "RUNNING"}
    assert shown["fail_reason"]


def test_a_job_starts_once_however_often_the_sensor_is_rescheduled(cloud: Cloud) -> None:
    sensor = waiting(creation(cloud, job_seconds=2.5), mode="reschedule")
    sensor.run()
    shown = [*(one[IMPORT_KEY] for one in sensor.left), sensor.ti.xcoms[IMPORT_KEY]]
    [started] = {one["started_at"] for one in shown} - {None}
    assert started < shown[-1]["updated_at"]


@waits
def test_a_job_starts_once_however_often_the_task_is_tried(cloud: Cloud, mode: dict[str, bool]) -> None:
    task = creation(cloud, job_seconds=60, timeout=timedelta(seconds=1), **mode)
    shown = []
    for attempt in (task.run, task.retry, task.retry):
        with pytest.raises(JobTimeoutError):
            attempt()
        shown.append(task.ti.xcoms[IMPORT_KEY])
        cloud.emulated.advance(20)
    assert {one["job_id"] for one in shown} == {shown[0]["job_id"]}
    assert shown[1]["started_at"]
    assert shown[1]["started_at"] == shown[2]["started_at"] < shown[2]["updated_at"]


def refused(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, why: str) -> dict[str, Any]:
    """Arrange that nothing is accepted; return the operator's arguments for it."""
    variable = f"AIRFLOW_CONN_{cloud.conn_id.upper()}"
    if why == "keys":
        monkeypatch.setenv(variable, os.environ[variable].replace(cloud.emulated.settings.sk, "WRONG"))
    if why == "permission":
        cloud.emulated.add_fault({"match": {"method": "POST"}, "status": 403, "body": "{}"})
    if why == "connection":
        return {"ims_conn_id": "no_such", "region": "cn-north-4"}
    return {"min_disk": "{{ params.disk }}"} if why == "rule" else {}


REFUSALS = {
    "keys": "APIGW.0301",
    "permission": "HTTP 403",
    "rule": "min_disk",
    "connection": "no_such",
}


@waits
@pytest.mark.parametrize(("why", "reason"), REFUSALS.items(), ids=REFUSALS)
def test_a_request_that_was_never_accepted_is_shown_with_its_reason(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, mode: dict[str, bool], why: str, reason: str
) -> None:
    task = creation(cloud, **refused(cloud, monkeypatch, why), **mode)
    with pytest.raises(AirflowException):
        task.run()
    shown = task.ti.xcoms[IMPORT_KEY]
    assert reason in shown["fail_reason"]
    assert {"image_url": URL, "name": "fedora", "region": "cn-north-4"}.items() <= shown.items()
    assert (shown["job_id"], shown["status"]) == (None, None)


def test_a_job_of_an_earlier_try_is_named_where_the_next_one_cannot_even_ask(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = creation(cloud, job_seconds=60, timeout=timedelta(seconds=0.3), **WAITS[0])
    with pytest.raises(JobTimeoutError):
        task.run()
    job_id = task.ti.xcoms["job_id"]
    refused(cloud, monkeypatch, "keys")
    with pytest.raises(AirflowFailException):
        task.retry()
    assert task.ti.xcoms[IMPORT_KEY]["job_id"] == job_id


@modes
def test_a_sensor_without_a_job_says_so(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = Sensor(lambda: ImsJobSensor(task_id="wait", job_id=" ", **mode))
    with pytest.raises(AirflowFailException):
        sensor.run()
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert "is not a job id" in shown["fail_reason"]
    assert shown["job_id"] is None


class Surprised(ImsJobSensor):
    """A sensor whose author has made a mistake in a method of his own."""

    def poke(self, context: Any) -> Any:
        raise KeyError("password=abc")


def test_of_a_stranger_s_error_the_name_is_shown(cloud: Cloud) -> None:
    sensor = Sensor(lambda: Surprised(task_id="wait", job_id="j1"))
    with pytest.raises(KeyError):
        sensor.run()
    shown = sensor.ti.xcoms[IMPORT_KEY]
    assert shown["fail_reason"] == "an unexpected KeyError ended the task; its log says more"


@modes
def test_an_upload_check_that_fails_says_why(cloud: Cloud, mode: dict[str, Any]) -> None:
    given = {"image_url": "no-such-bucket:disk.qcow2", "poke_interval": 0.05, **mode}
    sensor = Sensor(lambda: ObsImageFileSensor(task_id="check", **given))
    with pytest.raises(AirflowFailException):
        sensor.run()
    checked = sensor.ti.xcoms[UPLOAD_CHECK_KEY]
    assert (checked["image_url"], checked["size"]) == ("no-such-bucket:disk.qcow2", None)
    assert "bucket 'no-such-bucket' does not exist" in checked["fail_reason"]


@pytest.mark.parametrize("mode", [MODES[0], MODES[2]], ids=["poke", "deferrable"])
@pytest.mark.parametrize(("soft_fail", "end"), [(False, AirflowSensorTimeout), (True, AirflowSkipException)])
def test_an_upload_check_that_times_out_says_so_even_where_it_is_skipped(
    cloud: Cloud, mode: dict[str, Any], soft_fail: bool, end: type[Exception]
) -> None:
    given = {"image_url": URL, "poke_interval": 0.05, "timeout": 0.2, **mode}
    sensor = Sensor(lambda: ObsImageFileSensor(task_id="check", soft_fail=soft_fail, **given))
    with pytest.raises(end):
        sensor.run()
    assert "time" in sensor.ti.xcoms[UPLOAD_CHECK_KEY]["fail_reason"]


@modes
def test_a_file_sensor_leaves_how_long_it_took(cloud: Cloud, mode: dict[str, Any]) -> None:
    cloud.emulated.put_object("image-test", "disk.qcow2", b"QFI\xfb")
    given = {"poke_interval": 0.05, "timeout": 10, **mode}
    sensor = Sensor(lambda: ObsImageFileSensor(task_id="check", image_url=URL, **given))
    found = sensor.run()
    checked = sensor.ti.xcoms[UPLOAD_CHECK_KEY]
    assert (checked["image_url"], checked["size"], checked["etag"]) == (URL, 4, found["etag"])
    assert 0 <= checked["seconds"] < 10
    assert checked["started_at"] <= checked["ended_at"]


@waits
def test_links_are_pushed_before_anything_is_sent(cloud: Cloud, mode: dict[str, bool]) -> None:
    cloud.emulated.add_fault({"match": {"method": "POST"}, "status": 403, "body": "{}"})
    task = creation(cloud, **mode)
    with pytest.raises(AirflowFailException):
        task.run()
    assert "#/ims/" in task.ti.xcoms["_link_ImsImageLink"]
    assert "#/obs/manage/image-test/" in task.ti.xcoms["_link_ObsObjectLink"]


def test_a_mapped_task_finds_the_check_of_its_own_file(cloud: Cloud) -> None:
    task = creation(cloud, **WAITS[0])
    other = {**CHECKED, "image_url": "image-test:other.qcow2", "seconds": 1.0}
    task.ti.map_index = 1
    task.ti.upstream = {
        ("check", 0, UPLOAD_CHECK_KEY): other,
        ("check", 1, UPLOAD_CHECK_KEY): {**CHECKED, "image_url": "image-test:*.qcow2"},
    }
    assert task.run()["seconds"]["upload_check"] == 12.5


def test_the_check_of_another_file_does_not_count(cloud: Cloud) -> None:
    task = creation(cloud, **WAITS[0])
    task.ti.upstream = {("check", -1, UPLOAD_CHECK_KEY): {**CHECKED, "image_url": "image-test:other.qcow2"}}
    assert task.run()["seconds"]["upload_check"] is None


class Unwilling(TaskInstance):
    """A task instance whose XCom backend is out of order, but for the job_id."""

    def xcom_push(self, key: str, value: Any) -> None:
        if key == "job_id":
            return super().xcom_push(key, value)
        raise ConnectionError("password=abc")

    def xcom_pull(self, task_ids: str | None, key: str, map_indexes: int) -> Any:
        raise ConnectionError("password=abc")


@waits
def test_an_xcom_backend_in_trouble_harms_no_import(
    cloud: Cloud, mode: dict[str, bool], caplog: pytest.LogCaptureFixture
) -> None:
    task = creation(cloud, **mode)
    task.ti = Unwilling()
    assert task.run()["image_status"] == "active"
    assert "abc" not in caplog.text


IMAGE = Asset("image", uri="ims://cn-north-4/fedora")


@waits
def test_an_outlet_gets_the_image_and_its_source(cloud: Cloud, mode: dict[str, bool]) -> None:
    task = creation(cloud, outlets=[IMAGE, AssetAlias("fresh")], **mode)
    task.outlet_events = OutletEventAccessors()
    image = task.run()
    extra = task.outlet_events[IMAGE].extra
    assert {
        "image_id": image["image_id"],
        "image_name": "fedora",
        "region": "cn-north-4",
        "job_id": image["job_id"],
        "image_url": URL,
        "size": 4,
        "etag": "e7a9",
    }.items() <= extra.items()
    assert extra["duration"] == pytest.approx(0.5, abs=0.4)
    [event] = task.outlet_events[AssetAlias("fresh")].asset_alias_events
    assert (event.dest_asset_key.uri, event.extra) == (IMAGE.uri, extra)


@dataclass
class Table:
    """What lineage tools put among the outlets beside assets."""

    name: str


def test_neither_a_stranger_nor_a_broken_outlet_keeps_the_image_from_the_others(
    cloud: Cloud, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = Asset.ref(name="nowhere")  # Airflow resolves it while a task runs, and here nobody can
    task = creation(cloud, outlets=[Table("t"), nowhere, IMAGE], **WAITS[0])
    task.outlet_events = OutletEventAccessors()
    image = task.run()
    assert task.outlet_events[IMAGE].extra["image_id"] == image["image_id"]
    assert capfd.readouterr().out.count("The asset event lacks the image") == 1


@modes
def test_the_sensor_s_outlet_gets_the_same(cloud: Cloud, mode: dict[str, Any]) -> None:
    sensor = waiting(creation(cloud), outlets=[IMAGE], **mode)
    sensor.outlet_events = OutletEventAccessors()
    image = sensor.run()
    extra = sensor.outlet_events[IMAGE].extra
    assert (extra["image_id"], extra["image_url"], extra["etag"]) == (image["image_id"], URL, "e7a9")


def heads(cloud: Cloud) -> int:
    return len([entry for entry in cloud.emulated.journal("obs") if entry["method"] == "HEAD"])


def test_an_unchecked_file_is_asked_for_once_and_only_for_an_outlet(cloud: Cloud) -> None:
    for outlets, asked in (([], 0), ([IMAGE], 1)):
        task = creation(cloud, outlets=outlets, **WAITS[0])
        task.ti.upstream.clear()
        task.outlet_events = OutletEventAccessors()
        before = heads(cloud)
        task.run()
        assert heads(cloud) - before == asked
    assert task.outlet_events[IMAGE].extra["size"] == 4


def test_a_missing_file_leaves_the_event_without_size(cloud: Cloud) -> None:
    task = creation(cloud, outlets=[IMAGE], **WAITS[0])
    task.ti.upstream.clear()
    task.outlet_events = OutletEventAccessors()
    cloud.emulated.add_fault({"match": {"service": "obs"}, "status": 503})
    assert task.run()["image_status"] == "active"
    assert task.outlet_events[IMAGE].extra["size"] is None


def test_a_job_that_is_only_submitted_is_no_image_yet(cloud: Cloud) -> None:
    task = creation(cloud, outlets=[IMAGE, AssetAlias("fresh")])
    task.outlet_events = OutletEventAccessors()
    job_id = task.run()
    extra = task.outlet_events[IMAGE].extra
    assert (extra["job_id"], extra["image_id"]) == (job_id, None)
    assert task.outlet_events[AssetAlias("fresh")].asset_alias_events == []
