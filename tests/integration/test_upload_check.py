"""The upload check: still uploading, changing, of the wrong kind, or out of reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from airflow_task import Task
from integration.clouds import CONN_ID, Cloud

from ims_airflow.hooks.base import HuaweiCloudHook
from ims_airflow.protocol.message import Call, Service
from ims_airflow.sensors.obs import ObsImageFileSensor

URL = "image-test:exports/disk.qcow2"
KEY = "exports/disk.qcow2"
MODES: list[dict[str, Any]] = [{"mode": "poke"}, {"deferrable": True}]
modes = pytest.mark.parametrize("mode", MODES, ids=["poke", "deferrable"])


def check(url: str = URL, **arguments: Any) -> Task:
    given = {"poke_interval": 0.05, "timeout": 0.4, **arguments}
    return Task(lambda: ObsImageFileSensor(task_id="check", image_url=url, **given))


def put(cloud: Cloud, data: bytes = b"disk", key: str = KEY, **looks: Any) -> None:
    cloud.emulated.put_object("image-test", key, data, **looks)


def open_upload(key: str = KEY) -> Callable[[], None]:
    """Begin a multipart upload; return what aborts it."""
    client = HuaweiCloudHook(CONN_ID).client
    call = Call(Service.OBS, "POST", key, bucket="image-test", query=(("uploads", ""),))
    body = client.send(call).body.decode()
    upload_id = body.partition("<UploadId>")[2].partition("</UploadId>")[0]
    abort = Call(Service.OBS, "DELETE", key, bucket="image-test", query=(("uploadId", upload_id),))

    def end() -> None:
        client.send(abort)
        client.close()

    return end


def later(do: Callable[[], Any], seconds: float = 0.2) -> threading.Timer:
    timer = threading.Timer(seconds, do)
    timer.start()
    return timer


@modes
def test_a_file_is_told_with_all_its_properties(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud)
    found = check(**mode).run()
    assert found["image_url"] == URL
    assert found["region"] == cloud.emulated.settings.region
    assert {"bucket", "key", "size", "etag", "last_modified", "version_id", "storage_class"} <= found.keys()


@modes
def test_an_open_multipart_upload_is_waited_for(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud)  # the object of yesterday, which HEAD goes on to show
    abort = open_upload()
    with pytest.raises(AirflowSensorTimeout):
        check(**mode).run()
    abort()
    assert check(**mode).run()["size"] == 4


@modes
def test_uploads_of_other_keys_and_abandoned_ones_do_not_matter(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud)
    open_upload(f"{KEY}.part")
    open_upload()
    assert check(abandoned_after=0, **mode).run()["size"] == 4


def test_ten_thousand_open_uploads_of_other_keys(cloud: Cloud) -> None:
    put(cloud)
    client = HuaweiCloudHook(CONN_ID).client
    for number in range(10_000):
        key = f"{KEY}-{number:05}"
        client.send(Call(Service.OBS, "POST", key, bucket="image-test", query=(("uploads", ""),)))
    before = len(cloud.emulated.journal("obs"))
    assert check(timeout=20).run()["size"] == 4
    # Keys come in order, so that the first page is already past ours.
    assert len(cloud.emulated.journal("obs")) - before == 3


@modes
@pytest.mark.parametrize(
    "wanted",
    [{"expected_size": 9}, {"expected_size": "9"}, {"min_size": 9}, {"expected_etag": "0" * 32}],
    ids=["size", "size as a template gives it", "least size", "etag"],
)
def test_what_is_expected_is_waited_for(cloud: Cloud, mode: dict[str, Any], wanted: dict[str, Any]) -> None:
    put(cloud, b"half")
    with pytest.raises(AirflowSensorTimeout):
        check(**wanted, **mode).run()


def test_the_expected_file_is_found(cloud: Cloud) -> None:
    put(cloud, b"hello")
    assert check(expected_size=5, min_size=5, expected_etag='"5D41402ABC4B2A76B9719D911017C592"').run()


@modes
def test_a_file_that_is_overwritten_while_it_is_watched_starts_anew(
    cloud: Cloud, mode: dict[str, Any]
) -> None:
    put(cloud, b"first")
    timer = later(lambda: put(cloud, b"second"))
    began = time.monotonic()
    found = check(stable_for=0.4, timeout=5, **mode).run()
    timer.join()
    assert found["size"] == len(b"second")
    assert time.monotonic() - began >= 0.6


def test_stability_is_measured_across_reschedules(cloud: Cloud) -> None:
    from airflow.sdk.exceptions import AirflowRescheduleException

    put(cloud)
    task = check(mode="reschedule", stable_for=0.3, timeout=10)
    began = time.monotonic()
    while True:
        try:
            assert task.run()["size"] == 4
            break
        except AirflowRescheduleException:
            time.sleep(0.05)
    assert 0.3 <= time.monotonic() - began < 2


@modes
def test_an_appendable_object_must_have_been_quiet(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud, appendable=True)
    with pytest.raises(AirflowSensorTimeout):
        check(**mode).run()


@modes
@pytest.mark.parametrize(
    ("looks", "rule"),
    [
        ({"storage_class": "WARM"}, "WARM"),
        ({"storage_class": "COLD"}, "COLD"),
        ({"customer_key_md5": "x"}, "SSE-C"),
    ],
)
def test_a_file_of_the_wrong_kind_fails_at_once(
    cloud: Cloud, mode: dict[str, Any], looks: dict[str, Any], rule: str
) -> None:
    put(cloud, **looks)
    with pytest.raises(AirflowFailException, match=rule):
        check(timeout=20, **mode).run()


@modes
@pytest.mark.parametrize(
    ("bucket", "rule"),
    [({"storage_class": "WARM"}, "bucket must be of class STANDARD"), ({"region": "cn-east-3"}, "IMG.0058")],
)
def test_a_bucket_of_the_wrong_kind_fails_at_once(
    cloud: Cloud, mode: dict[str, Any], bucket: dict[str, str], rule: str
) -> None:
    cloud.emulated.add_bucket("other-bucket", **bucket)
    cloud.emulated.put_object("other-bucket", "disk.qcow2", b"x")
    with pytest.raises(AirflowFailException, match=rule):
        check("other-bucket:disk.qcow2", timeout=20, **mode).run()


@modes
def test_a_missing_permission_for_uploads_is_named(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud)
    cloud.emulated.add_fault({"match": {"service": "obs", "method": "GET"}, "status": 403})
    with pytest.raises(AirflowFailException, match="obs:bucket:ListBucketMultipartUploads"):
        check(timeout=20, **mode).run()
    assert check(check_uploads=False, **mode).run()


@modes
def test_a_pattern_returns_the_list_of_all_finished_files(cloud: Cloud, mode: dict[str, Any]) -> None:
    for name in ("a.qcow2", "b.qcow2", "c.vmdk"):
        put(cloud, key=f"exports/{name}")
    found = check("image-test:exports/*.qcow2", **mode).run()
    assert [file["image_url"] for file in found] == [
        "image-test:exports/a.qcow2",
        "image-test:exports/b.qcow2",
    ]


@modes
def test_a_pattern_waits_for_a_match_and_for_all_matches(cloud: Cloud, mode: dict[str, Any]) -> None:
    with pytest.raises(AirflowSensorTimeout):
        check("image-test:exports/*.qcow2", **mode).run()
    put(cloud, key="exports/a.qcow2")
    put(cloud, b"", key="exports/b.qcow2")
    with pytest.raises(AirflowSensorTimeout):
        check("image-test:exports/*.qcow2", **mode).run()


def test_exponential_backoff_holds_while_deferred(cloud: Cloud) -> None:
    with pytest.raises(AirflowSensorTimeout):
        check(deferrable=True, exponential_backoff=True, timeout=1.5).run()
    # 0.05, 0.1, 0.2, 0.4, 0.8: a fixed interval would have looked thirty times.
    assert len(cloud.emulated.journal("obs")) < 20


@modes
def test_a_server_without_a_listing_of_uploads_will_do(cloud: Cloud, mode: dict[str, Any]) -> None:
    put(cloud)
    cloud.emulated.add_fault({"match": {"service": "obs", "method": "GET"}, "status": 404})
    assert check(**mode).run()["size"] == 4
