from __future__ import annotations

import json
from typing import Any

import pytest

from ims_airflow.emulator.ims.rules import Submission, read_submission
from ims_airflow.emulator.wire import Refused

GOOD = {"name": "fedora-data1", "image_url": "image-test:a/b.qcow2", "min_disk": 40, "os_type": "Linux"}


def read(body: Any, *, os_type_required: bool = True) -> Submission:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_submission(raw, os_type_required=os_type_required)


def code(body: Any) -> str:
    with pytest.raises(Refused) as caught:
        read(body)
    return caught.value.code


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": None}, "IMG.0013"),
        ({"name": ""}, "IMG.0013"),
        ({"name": "x" * 129}, "IMG.0002"),
        ({"name": " x"}, "IMG.0003"),
        ({"name": "x/y"}, "IMG.0003"),
        ({"name": 7}, "IMG.0003"),
        ({"description": "x" * 1025}, "IMG.0004"),
        ({"description": "<b>"}, "IMG.0054"),
        ({"description": "a\nb"}, "IMG.0054"),
        ({"os_type": "linux"}, "IMG.0056"),
        ({"os_type": None}, "IMG.0056"),
        ({"min_disk": 39}, "IMG.0055"),
        ({"min_disk": 2049}, "IMG.0055"),
        ({"min_disk": "40"}, "IMG.0055"),
        ({"min_disk": True}, "IMG.0055"),
        ({"image_url": None}, "IMG.0017"),
        ({"image_url": "no-colon"}, "IMG.0017"),
        ({"image_url": ":key"}, "IMG.0068"),
        ({"image_url": "Bucket:key"}, "IMG.0109"),
        ({"image_url": "image-test:"}, "IMG.0017"),
        ({"image_url": "image-test:a b"}, "IMG.0175"),
        ({"cmk_id": 5}, "IMG.0001"),
        ({"enterprise_project_id": "1"}, "IMG.0155"),
        ({"tags": ["a.b"], "image_tags": [{"key": "a", "value": "b"}]}, "IMG.0115"),
        ({"tags": ["sp ace.b"]}, "IMG.0115"),
        ({"tags": ["a." + "x" * 44]}, "IMG.0115"),
        ({"tags": ["x" * 37]}, "IMG.0115"),
        ({"tags": ["a.1", "a.2"]}, "IMG.0115"),
        ({"tags": [f"k{number}.v" for number in range(11)]}, "IMG.0116"),
        ({"tags": "a.b"}, "IMG.0001"),
        ({"tags": [{"key": "a"}]}, "IMG.0001"),
        ({"image_tags": ["a.b"]}, "IMG.0001"),
    ],
)
def test_each_broken_rule_has_its_code(change: dict[str, Any], expected: str) -> None:
    assert code({**GOOD, **change}) == expected


@pytest.mark.parametrize(
    ("body", "expected"), [(b"", "IMG.0007"), (b"{", "IMG.0001"), (b"[]", "IMG.0001"), (b"\xff", "IMG.0001")]
)
def test_a_body_that_is_none(body: bytes, expected: str) -> None:
    assert code(body) == expected


def test_both_forms_of_tags_mean_the_same() -> None:
    dotted = read({**GOOD, "tags": ["aaa.111", "bbb.2.2", "empty"]})
    pairs = [{"key": "aaa", "value": "111"}, {"key": "bbb", "value": "2.2"}, {"key": "empty", "value": ""}]
    assert dotted.tags == read({**GOOD, "image_tags": pairs}).tags
    assert dotted.tags == {"aaa": "111", "bbb": "2.2", "empty": ""}


def test_a_good_request_is_read_whole() -> None:
    found = read({**GOOD, "name": "数据 盘.1", "enterprise_project_id": "0", "description": "说明"})
    assert (found.bucket, found.key) == ("image-test", "a/b.qcow2")
    assert (found.name, found.description) == ("数据 盘.1", "说明")


def test_newer_pages_leave_the_os_type_out() -> None:
    body = {name: value for name, value in GOOD.items() if name != "os_type"}
    assert read(body, os_type_required=False).os_type == "Linux"
