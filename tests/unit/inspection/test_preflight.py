"""The preflight against scripted answers: every check, and how it bears a missing permission."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from scripted import Answer, ok, run
from unit.inspection import disk_files as files
from unit.inspection.disk_files import GIB, DiskFile

from ims_airflow.exceptions import (
    AccessDeniedError,
    AuthenticationError,
    NotFoundError,
    RequestRejectedError,
    ServiceError,
    UnusableAnswerError,
)
from ims_airflow.inspection.preflight import preflight
from ims_airflow.inspection.report import Report
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Call, Response
from ims_airflow.protocol.quota import Quota, show_quota

URL = ImageUrl("image-test", "exports/disk.qcow2")
DENIED = AccessDeniedError("no", status=403)
KEY = "0f0f0f0f-1111-2222-3333-444444444444"


@dataclass
class Cloud:
    """Answers what the preflight asks; what is put into ``instead`` is answered instead."""

    file: DiskFile = field(default_factory=files.qcow2)
    object_headers: dict[str, str] = field(default_factory=dict)
    bucket_headers: dict[str, str] = field(default_factory=lambda: {"x-obs-bucket-location": "cn-north-4"})
    images: list[dict[str, Any]] = field(default_factory=list)
    quota: tuple[int, int] = (3, 20)
    instead: dict[str, Answer] = field(default_factory=dict)

    def __call__(self, call: Call) -> Answer:
        what = self._what(call)
        answers: dict[str, Callable[[Call], Answer]] = {
            "object": lambda _call: Response(
                200, {"content-length": str(self.file.size), "etag": '"e"', **self.object_headers}
            ),
            "content": self._content,
            "bucket": lambda _call: Response(200, self.bucket_headers),
            "images": lambda _call: ok({"images": self.images}),
            "quota": lambda _call: ok(
                {"quotas": {"resources": [{"type": "image", "used": self.quota[0], "quota": self.quota[1]}]}}
            ),
        }
        return self.instead.get(what) or answers[what](call)

    @staticmethod
    def _what(call: Call) -> str:
        if call.service == "obs":
            return "bucket" if not call.path else {"HEAD": "object", "GET": "content"}[call.method]
        return {"/v2/cloudimages": "images", "/v1/cloudimages/quota": "quota"}[call.path]

    def _content(self, call: Call) -> Answer:
        start, end = (int(text) for text in call.headers["Range"].removeprefix("bytes=").split("-"))
        body = self.file.read(start, end - start + 1)
        return Response(206, {"etag": '"e"', "content-range": f"bytes {start}-{end}/{self.file.size}"}, body)

    def checked(self, url: ImageUrl = URL, **fields: str) -> Report:
        return run(
            preflight(
                url,
                region="cn-north-4",
                min_disk=40,
                name=fields.get("name"),
                cmk_id=fields.get("cmk_id"),
            ),
            self,
        )


def shown(found: Report) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in found.findings]


def test_a_good_file_in_good_surroundings() -> None:
    found = Cloud().checked(name="data", cmk_id=KEY)
    assert not found.failed
    assert json.loads(json.dumps(found.as_dict())) == {
        "target": "image-test:exports/disk.qcow2",
        "format": "qcow2",
        "virtual_size": 10 * GIB,
        "size": 5 * 65536,
        "min_disk": 40,
        "etag": "e",
        "findings": [],
    }


def wrong() -> Iterator[tuple[Cloud, dict[str, str], tuple[str, str]]]:
    yield Cloud(object_headers={"x-obs-storage-class": "WARM"}), {}, ("error", "storage-class")
    yield Cloud(object_headers={"x-obs-object-type": "Appendable"}), {}, ("warning", "appendable")
    yield Cloud(bucket_headers={"x-obs-storage-class": "COLD"}), {}, ("error", "storage-class")
    yield Cloud(bucket_headers={"x-obs-bucket-location": "eu-west-101"}), {}, ("error", "IMG.0058")
    yield Cloud(images=[{"id": "1", "name": "data"}]), {"name": "data"}, ("warning", "IMG.0009")
    yield Cloud(quota=(20, 20)), {}, ("error", "IMG.0015")
    yield Cloud(), {"cmk_id": "my-key"}, ("error", "IMG.0095")
    yield Cloud(file=files.qcow2(41 * GIB)), {}, ("error", "IMG.0055")
    yield Cloud(instead={"object": RequestRejectedError("sse-c", status=400)}), {}, ("error", "IMG.0057")
    yield Cloud(instead={"object": NotFoundError("", status=404)}), {}, ("error", "IMG.0057")
    yield Cloud(instead={"object": DENIED}), {}, ("error", "IMG.0057")
    archived = RequestRejectedError("archived", status=403, code="InvalidObjectState")
    yield Cloud(instead={"content": archived}), {}, ("error", "storage-class")
    yield Cloud(instead={"bucket": NotFoundError("", status=404)}), {}, ("error", "IMG.0069")


@pytest.mark.parametrize(("cloud", "fields", "finding"), list(wrong()))
def test_each_rule(cloud: Cloud, fields: dict[str, str], finding: tuple[str, str]) -> None:
    found = cloud.checked(URL, **fields)
    assert shown(found) == [finding]
    assert found.failed is (finding[0] == "error")


def test_spaces_in_the_key() -> None:
    assert shown(Cloud().checked(ImageUrl("image-test", "my disk.qcow2"))) == [("error", "IMG.0175")]


@pytest.mark.parametrize(
    ("what", "permission"),
    [("bucket", "obs:bucket:HeadBucket"), ("images", "ims:images:list"), ("quota", "ims:quotas:get")],
)
def test_a_missing_permission_is_a_note_and_leaves_the_rest_alone(what: str, permission: str) -> None:
    cloud = Cloud(file=files.qcow2(41 * GIB), instead={what: DENIED})
    error, note = cloud.checked(name="data").findings
    assert (error.code, note.level, note.code) == ("IMG.0055", "note", "not-checked")
    assert permission in note.message


@pytest.mark.parametrize("what", ["bucket", "images", "quota"])
def test_trouble_of_a_service_is_a_warning(what: str) -> None:
    cloud = Cloud(instead={what: ServiceError("busy", status=503)})
    assert shown(cloud.checked(name="data")) == [("warning", "not-checked")]


@pytest.mark.parametrize(
    ("what", "trouble"),
    [("object", ServiceError("busy", status=503)), ("content", UnusableAnswerError("changed meanwhile"))],
)
def test_an_object_that_cannot_be_read_just_now_is_worth_a_retry(what: str, trouble: Exception) -> None:
    with pytest.raises(type(trouble)):
        Cloud(instead={what: trouble}).checked()


@pytest.mark.parametrize("what", ["object", "content", "bucket", "images", "quota"])
def test_wrong_keys_end_everything(what: str) -> None:
    with pytest.raises(AuthenticationError):
        Cloud(instead={what: AuthenticationError("wrong", status=403)}).checked(name="data")


def test_everything_at_once() -> None:
    cloud = Cloud(
        file=files.qcow2(41 * GIB, backing=b"base"),
        bucket_headers={"x-obs-bucket-location": "eu-west-101"},
        quota=(20, 20),
        images=[{"id": "1", "name": "data"}],
    )
    codes = [code for _, code in shown(cloud.checked(name="data", cmk_id="x"))]
    assert sorted(codes) == ["IMG.0009", "IMG.0015", "IMG.0055", "IMG.0057", "IMG.0058", "IMG.0095"]


@pytest.mark.parametrize(
    ("resources", "quota", "left"),
    [
        ([{"type": "image", "used": 5, "quota": 20}], Quota(5, 20), 15),
        (
            [{"type": "image_shared", "used": 1, "quota": 2}, {"type": "image", "used": 21, "quota": 20}],
            Quota(21, 20),
            0,
        ),
        ([{"type": "image", "used": 5, "quota": -1}], Quota(5, -1), None),
    ],
)
def test_quota(resources: list[dict[str, Any]], quota: Quota, left: int | None) -> None:
    found = run(show_quota(), lambda _call: ok({"quotas": {"resources": resources}}))
    assert (found, found.left) == (quota, left)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"quotas": []},
        {"quotas": {}},
        {"quotas": {"resources": [1]}},
        {"quotas": {"resources": [{"type": "image"}]}},
    ],
)
def test_unusable_quota(payload: object) -> None:
    with pytest.raises(UnusableAnswerError, match="no row of type image"):
        run(show_quota(), lambda _call: ok(payload))
