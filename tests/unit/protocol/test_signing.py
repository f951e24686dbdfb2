from __future__ import annotations

import calendar
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import HmacKey, encode_query, sign_obs, sign_sdk

KEY = AccessKey("AKTESTVECTOR00000001", "SKTESTVECTOR0000000000000000000000000001")
NOW = float(calendar.timegm((2024, 1, 2, 3, 4, 5)))
IMS = "ims.cn-north-4.myhuaweicloud.com"
PROJECT = "0123456789abcdef0123456789abcdef"
BODY = (
    b'{"name": "fedora-data1", "image_url": "image-test:fedora_data1.qcow2", '
    b'"min_disk": 40, "os_type": "Linux"}'
)


def signature(headers: dict[str, str]) -> str:
    return headers["Authorization"].rpartition("Signature=")[2]


SDK_VECTORS = {
    "submit": (
        sign_sdk(
            "POST",
            "/v1/cloudimages/dataimages/action",
            (),
            {"Host": IMS, "X-Project-Id": PROJECT, "content-type": "application/json;charset=utf-8"},
            BODY,
            KEY,
            NOW,
        ),
        "8ea6688d6e1ad31d50387271a63febaa3867ad797a5302681f8d9a930a0a0255",
    ),
    "job": (
        sign_sdk(
            "GET",
            f"/v1/{PROJECT}/jobs/ff8080814dbd65d7014dbe0d84db0013",
            (),
            {"Host": IMS, "X-Project-Id": PROJECT, "content-type": "application/json"},
            b"",
            KEY,
            NOW,
        ),
        "7604771ca81370c4a29b0aaa300cea4767fc2777ff181770f9e94853dd110cbe",
    ),
    "list with a security token": (
        sign_sdk(
            "GET",
            "/v2/cloudimages",
            (
                ("__imagetype", "private"),
                ("name", "a b~c/中文"),
                ("limit", "100"),
                ("created_at", "gte:2024-01-01T00:00:00Z"),
            ),
            {"Host": IMS, "X-Project-Id": PROJECT, "content-type": "application/json"},
            b"",
            AccessKey(KEY.ak, KEY.sk, "TOKENEXAMPLE"),
            NOW,
        ),
        "34c276bcc27d70dc9054bfe2de7b9e83cb151487b33e956a522b0561b602f0df",
    ),
    "projects": (
        sign_sdk(
            "GET",
            "/v3/projects",
            (("name", "cn-north-4"),),
            {"Host": "iam.cn-north-4.myhuaweicloud.com"},
            b"",
            KEY,
            NOW,
        ),
        "600a3f63a4c295f49b6bd1d07d058804be61d6ecea5e75c075d7de3187d4af65",
    ),
    "published by the vendor": (
        sign_sdk(
            "GET",
            "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
            (("limit", "2"), ("marker", "13551d6b-755d-4757-b956-536f674975c0")),
            {"Host": "service.region.example.com", "content-type": "application/json"},
            b"",
            AccessKey("QTWAOYTTINDUT2QVKYUC", "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"),
            float(calendar.timegm((2019, 11, 15, 3, 36, 55))),
        ),
        "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
    ),
}


@pytest.mark.parametrize("name", SDK_VECTORS)
def test_sdk_signature_equals_the_vector(name: str) -> None:
    headers, expected = SDK_VECTORS[name]
    assert signature(headers) == expected


OBS_VECTORS = [
    ("HEAD", "fedora_data1.qcow2", (), "", "y+GGC4WcEgG/P8drxOoOh19S9VI="),
    ("HEAD", "dir a/é.qcow2", (), "TOK", "1cUvwGEJsc/ELxXKrIugocmudek="),
    ("HEAD", "", (), "", "id0iMtqarWqYIuzapdqNKLTpD2k="),
    ("GET", "", (("storageClass", ""),), "", "kF0kJPYD3/Gh2C5rfLIgqLssyAg="),
    ("GET", "", (("location", ""),), "", "O1lwnCrogVDEkwae2d6t9RuV0G8="),
    ("GET", "", (("uploads", ""), ("prefix", "x"), ("max-uploads", "9")), "", "aVyKil5kgeenx7Mmv9WFh8zRcSA="),
    ("GET", "fedora_data1.qcow2", (), "", "box3bm8pR8yxtiFjI6uky9zfknM="),
]


@pytest.mark.parametrize(("method", "key", "query", "token", "expected"), OBS_VECTORS)
def test_obs_signature_equals_the_vector(
    method: str, key: str, query: tuple[tuple[str, str], ...], token: str, expected: str
) -> None:
    access = AccessKey(KEY.ak, KEY.sk, token)
    headers = sign_obs(method, "image-test", key, query, {}, access, NOW)
    assert headers["Authorization"] == f"OBS {KEY.ak}:{expected}"


def test_query_is_sorted_and_strictly_encoded() -> None:
    assert encode_query([("b", "a b~c/中"), ("a", "")]) == "a=&b=a%20b~c%2F%E4%B8%AD"


def test_keys_do_not_print() -> None:
    key = AccessKey("AKSECRETID", "SKSECRET", "STSECRET")
    assert "SECRET" not in repr(key)


@given(secret=st.text(max_size=200), messages=st.lists(st.binary(), min_size=1, max_size=3))
def test_a_prepared_key_signs_as_the_standard_library_does(secret: str, messages: list[bytes]) -> None:
    key = HmacKey(secret)
    expected = [hmac.digest(secret.encode(), message, "sha256").hex() for message in messages]
    assert [key.sign(message) for message in messages] == expected
