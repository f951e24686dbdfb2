"""The preflight against a cloud: what IMS would report after minutes, in seconds."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow_task import Task
from integration.clouds import Cloud

from ims_airflow.demo.disk import write_qcow2
from ims_airflow.exceptions import InvalidInputError, ServiceError
from ims_airflow.operators.ims import ImsPreflightOperator

GIB = 1024**3
URL = "image-test:disk.qcow2"


def preflight(url: str = URL, **arguments: Any) -> Task:
    return Task(lambda: ImsPreflightOperator(task_id="preflight", image_url=url, **arguments))


@pytest.fixture
def disk(cloud: Cloud, tmp_path: Path) -> bytes:
    path = tmp_path / "disk.qcow2"
    write_qcow2(path, virtual_size=50 * GIB, data=b"data" * 100)
    if cloud.emulator:
        cloud.emulator.put_object("image-test", "disk.qcow2", path.read_bytes())
    return path.read_bytes()


def codes(report: dict[str, Any], level: str) -> set[str]:
    return {finding["code"] for finding in report["findings"] if finding["level"] == level}


def test_a_good_file_passes(cloud: Cloud, tmp_path: Path) -> None:
    """Runs on a real account too."""
    report = preflight(cloud.upload(tmp_path), name=f"new-{uuid.uuid4().hex}", min_disk=40).run()
    assert (report["format"], report["virtual_size"], report["min_disk"]) == ("qcow2", GIB, 40)
    assert codes(report, "error") == set()
    json.dumps(report)


def test_all_findings_are_told_at_once(cloud: Cloud, disk: bytes) -> None:
    cloud.emulated.add_bucket("warm-bucket", region="cn-east-3", storage_class="WARM")
    cloud.emulated.put_object("warm-bucket", "my disk.vmdk", disk, storage_class="WARM")
    report = preflight("{{ params.url }}", mode="warn")
    made = report.make()
    assert isinstance(made, ImsPreflightOperator)
    made.image_url, made.min_disk, made.cmk_id = "warm-bucket:disk.vmdk", "40", "no-uuid"
    cloud.emulated.put_object("warm-bucket", "disk.vmdk", disk, storage_class="WARM")
    found = Task(lambda: made).run()
    text = json.dumps(found["findings"])
    for word in ("IMG.0055", "IMG.0058", "WARM", "cmk_id"):
        assert word in text
    assert found["min_disk"] == 50


def test_an_error_fails_the_task_and_names_every_reason(cloud: Cloud, disk: bytes) -> None:
    with pytest.raises(AirflowFailException, match=r"IMG\.0055"):
        preflight(min_disk=40).run()


def test_warn_lets_it_pass(cloud: Cloud, disk: bytes) -> None:
    assert "IMG.0055" in codes(preflight(min_disk=40, mode="warn").run(), "error")


def test_a_dry_run_shows_the_request_and_sends_none(cloud: Cloud, disk: bytes) -> None:
    report = preflight(name="fedora", min_disk=50, os_type="Linux", tags=["team.data"], dry_run=True).run()
    request = report["request"]
    assert request["url"].endswith("/v1/cloudimages/dataimages/action")
    assert request["body"] == {
        "name": "fedora",
        "image_url": URL,
        "min_disk": 50,
        "os_type": "Linux",
        "tags": ["team.data"],
    }
    assert cloud.emulated.submissions() == []
    assert cloud.emulated.settings.sk not in json.dumps(report)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [("empty.raw", b"", "IMG.0057"), ("disk.iso", b"\0" * 0x8001 + b"CD001" + b"\0" * 40_000, "IMG.0057")],
)
def test_files_that_ims_takes_no_data_image_from(cloud: Cloud, name: str, data: bytes, code: str) -> None:
    cloud.emulated.put_object("image-test", name, data)
    assert code in codes(preflight(f"image-test:{name}", mode="warn").run(), "error")


def test_a_file_above_the_limit_points_to_quick_import(cloud: Cloud) -> None:
    cloud.emulated.put_object("image-test", "large.raw", size=300 * GIB)
    with pytest.raises(AirflowFailException, match=r"IMG\.0059.*quick import"):
        preflight("image-test:large.raw").run()


def test_an_exhausted_quota_and_a_used_name_are_told(cloud: Cloud, disk: bytes) -> None:
    cloud.emulated.configure(image_quota=0)
    assert "IMG.0015" in json.dumps(preflight(mode="warn").run()["findings"])


def test_a_missing_permission_for_a_side_check_does_not_spoil_the_rest(cloud: Cloud, disk: bytes) -> None:
    cloud.emulated.add_fault({"match": {"path": "quota"}, "status": 403})
    report = preflight(name="n", min_disk=50).run()
    assert report["format"] == "qcow2"
    assert "not-checked" in codes(report, "note")


def test_trouble_of_obs_is_retryable(cloud: Cloud, disk: bytes) -> None:
    cloud.emulated.add_fault({"match": {"service": "obs"}, "status": 503})
    made = ImsPreflightOperator(task_id="preflight", image_url=URL)
    with pytest.raises(ServiceError):
        Task(lambda: made).run()


def test_few_bytes_are_read_of_a_large_file(cloud: Cloud) -> None:
    cloud.emulated.put_object("image-test", "large.raw", size=100 * GIB)
    preflight("image-test:large.raw", mode="warn").run()
    ranges = [entry for entry in cloud.emulated.journal("obs") if entry["method"] == "GET"]
    assert len(ranges) <= 4


def test_bad_literals_are_told_when_the_dag_is_parsed() -> None:
    with pytest.raises(InvalidInputError) as caught:
        preflight("no-colon", min_disk=5, mode="loud").make()
    assert all(field in str(caught.value) for field in ("image_url", "min_disk", "mode"))


def test_rendered_fields_are_checked_beside_the_file(cloud: Cloud, disk: bytes) -> None:
    made = ImsPreflightOperator(task_id="p", image_url=URL, name="{{ x }}", os_type="{{ x }}", dry_run=True)
    made.name, made.os_type = "bad/name", "linux"  # what rendering the templates does
    made.mode = "warn"
    report = Task(lambda: made).run()
    text = json.dumps(report["findings"])
    assert "bad/name" in text
    assert "os_type" in text
    assert report["request"] is None
