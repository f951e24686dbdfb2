"""The emulated OBS, asked over HTTP."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any
from urllib.parse import quote

import pytest
from emulator_caller import Caller, code_of, text_of, texts_of

from ims_airflow.emulator import EmulatorServer
from ims_airflow.protocol.signing import (
    encode_query,
    http_date,
    obs_resource,
    obs_signature,
    obs_string_to_sign,
    sign_obs,
)

GB = 1024**3
PART = b"p" * 100 * 1024


@pytest.fixture
def caller(emulator: EmulatorServer) -> Caller:
    return Caller(emulator)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def open_upload(caller: Caller, key: str) -> str:
    return text_of(caller.obs("POST", key, query={"uploads": ""}), "UploadId")


def upload_parts(caller: Caller, key: str, *parts: bytes) -> tuple[str, Any]:
    upload_id = open_upload(caller, key)
    listed = ""
    for number, part in enumerate(parts, 1):
        answer = caller.obs("PUT", key, part, query={"partNumber": str(number), "uploadId": upload_id})
        listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{answer.headers['ETag']}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
    return upload_id, caller.obs("POST", key, body, query={"uploadId": upload_id})


def test_an_object_goes_in_and_comes_out(caller: Caller) -> None:
    key = "dir a/é+(1)~'*.qcow2"
    put = caller.obs("PUT", key, b"hello world", headers={"x-obs-meta-owner": "me"})
    assert put.headers["ETag"] == f'"{md5(b"hello world")}"'
    head = caller.obs("HEAD", key)
    assert head.headers["Content-Length"] == "11"
    assert head.headers["x-obs-meta-owner"] == "me"
    assert head.headers["Last-Modified"].endswith("GMT")
    assert "x-obs-storage-class" not in head.headers
    assert caller.obs("GET", key).content == b"hello world"
    assert caller.obs("DELETE", key).status_code == 204
    assert caller.obs("HEAD", key).status_code == 404


@pytest.mark.parametrize(
    ("span", "status", "content", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=x", 200, b"0123456789", None),
        ("bytes=5-2", 200, b"0123456789", None),
    ],
)
def test_ranges(caller: Caller, span: str, status: int, content: bytes, content_range: str | None) -> None:
    caller.server.put_object("image-test", "digits", b"0123456789")
    answer = caller.obs("GET", "digits", headers={"Range": span})
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("Content-Range") == content_range


def test_a_range_behind_the_end(caller: Caller) -> None:
    caller.server.put_object("image-test", "digits", b"0123456789")
    answer = caller.obs("GET", "digits", headers={"Range": "bytes=10-"})
    assert (answer.status_code, code_of(answer)) == (416, "InvalidRange")
    caller.server.configure(range_beyond_end="whole")
    assert caller.obs("GET", "digits", headers={"Range": "bytes=10-"}).status_code == 200


def test_an_object_of_many_gigabytes_costs_nothing(caller: Caller) -> None:
    caller.server.put_object("image-test", "huge", b"HEAD", size=300 * GB)
    assert caller.obs("HEAD", "huge").headers["Content-Length"] == str(300 * GB)
    across = caller.obs("GET", "huge", headers={"Range": "bytes=2-7"})
    assert across.content == b"AD\0\0\0\0"
    tail = caller.obs("GET", "huge", headers={"Range": "bytes=-512"})
    assert tail.content == bytes(512)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"x-obs-storage-class": "WARM"}, {"x-obs-storage-class": "WARM"}),
        ({"x-obs-server-side-encryption": "kms"}, {"x-obs-server-side-encryption": "kms"}),
        ({"Content-Type": "text/plain"}, {"Content-Type": "text/plain"}),
    ],
)
def test_headers_of_an_upload_are_shown_again(
    caller: Caller, headers: dict[str, str], shown: dict[str, str]
) -> None:
    caller.obs("PUT", "key", b"x", headers=headers)
    assert shown.items() <= dict(caller.obs("HEAD", "key").headers).items()


def test_the_etag_of_an_encrypted_object_is_no_md5(caller: Caller) -> None:
    answer = caller.obs("PUT", "key", b"x", headers={"x-obs-server-side-encryption": "kms"})
    assert md5(b"x") not in answer.headers["ETag"]


def test_an_object_with_a_key_of_the_customer(caller: Caller) -> None:
    prefix = "x-obs-server-side-encryption-customer-"
    headers = {f"{prefix}algorithm": "AES256", f"{prefix}key": "a2V5", f"{prefix}key-MD5": "bWQ1"}
    caller.obs("PUT", "secret", b"x", headers=headers)
    assert caller.obs("HEAD", "secret").status_code == 400
    assert code_of(caller.obs("GET", "secret")) == "InvalidEncryptionAlgorithmError"
    assert caller.obs("GET", "secret", headers=headers).content == b"x"


def test_an_archived_object_must_be_restored(caller: Caller) -> None:
    caller.server.configure(restore_seconds=100)
    caller.obs("PUT", "old", b"x", headers={"x-obs-storage-class": "COLD"})
    assert code_of(caller.obs("GET", "old")) == "InvalidObjectState"
    assert caller.obs("POST", "old", query={"restore": ""}).status_code == 202
    assert caller.obs("HEAD", "old").headers["x-obs-restore"] == 'ongoing-request="true"'
    caller.server.advance(101)
    head = caller.obs("HEAD", "old")
    assert head.headers["x-obs-restore"].startswith('ongoing-request="false", expiry-date=')
    assert head.headers["x-obs-storage-class"] == "COLD"
    assert caller.obs("GET", "old").content == b"x"


def test_an_object_can_grow(caller: Caller) -> None:
    first = caller.obs("POST", "log", b"one", query={"append": "", "position": "0"})
    assert first.headers["x-obs-next-append-position"] == "3"
    assert caller.obs("POST", "log", b"x", query={"append": "", "position": "1"}).status_code == 409
    caller.obs("POST", "log", b"two", query={"append": "", "position": "3"})
    head = caller.obs("HEAD", "log")
    assert head.headers["x-obs-object-type"] == "Appendable"
    assert head.headers["x-obs-next-append-position"] == "6"
    assert caller.obs("GET", "log").content == b"onetwo"
    caller.obs("PUT", "fixed", b"x")
    answer = caller.obs("POST", "fixed", b"y", query={"append": "", "position": "1"})
    assert code_of(answer) == "ObjectNotAppendable"


def test_a_multipart_upload_shows_only_when_it_is_complete(caller: Caller) -> None:
    upload_id = open_upload(caller, "big")
    caller.obs("PUT", "big", PART, query={"partNumber": "1", "uploadId": upload_id})
    assert caller.obs("HEAD", "big").status_code == 404
    listed = caller.obs("GET", query={"uploads": "", "prefix": "big"})
    assert texts_of(listed, "UploadId") == [upload_id]
    assert caller.obs("DELETE", "big", query={"uploadId": upload_id}).status_code == 204
    assert code_of(caller.obs("GET", "big", query={"uploadId": upload_id})) == "NoSuchUpload"
    upload_id, done = upload_parts(caller, "big", PART, b"tail")
    both = hashlib.md5(bytes.fromhex(md5(PART) + md5(b"tail"))).hexdigest()
    assert text_of(done, "ETag") == f'"{both}-2"'
    head = caller.obs("HEAD", "big")
    assert head.headers["ETag"] == f'"{both}-2"'
    assert head.headers["x-obs-uploadId"] == upload_id
    assert caller.obs("GET", "big", headers={"Range": "bytes=102399-102402"}).content == b"ptai"


def test_a_part_is_replaced_and_parts_are_listed(caller: Caller) -> None:
    upload_id = open_upload(caller, "big")
    for number, data in ((1, b"first"), (2, b"second"), (1, b"again")):
        caller.obs("PUT", "big", data, query={"partNumber": str(number), "uploadId": upload_id})
    listed = caller.obs("GET", "big", query={"uploadId": upload_id, "max-parts": "1"})
    assert texts_of(listed, "ETag") == [f'"{md5(b"again")}"']
    assert text_of(listed, "IsTruncated") == "true"
    rest = caller.obs("GET", "big", query={"uploadId": upload_id, "part-number-marker": "1"})
    assert texts_of(rest, "PartNumber") == ["2"]


@pytest.mark.parametrize(
    ("parts", "body", "code"),
    [
        ([b"small", b"tail"], None, "EntityTooSmall"),
        ([PART], "<C></C>", "MalformedXML"),
        ([PART], "<C><Part><PartNumber>2</PartNumber><ETag>abc</ETag></Part></C>", "InvalidPart"),
        ([PART], "<C><Part><PartNumber>1</PartNumber><ETag>abc</ETag></Part></C>", "InvalidPart"),
    ],
)
def test_an_upload_that_cannot_be_completed(
    caller: Caller, parts: list[bytes], body: str | None, code: str
) -> None:
    upload_id = open_upload(caller, "big")
    rows = []
    for number, part in enumerate(parts, 1):
        caller.obs("PUT", "big", part, query={"partNumber": str(number), "uploadId": upload_id})
        rows.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{md5(part)}</ETag></Part>")
    text = body or f"<C>{''.join(rows)}</C>"
    assert code_of(caller.obs("POST", "big", text.encode(), query={"uploadId": upload_id})) == code


def test_open_uploads_come_in_pages(caller: Caller) -> None:
    made = {open_upload(caller, key) for key in ("a", "a", "b", "c")}
    found: list[str] = []
    query = {"uploads": "", "max-uploads": "1"}
    for _ in range(4):
        page = caller.obs("GET", query=query)
        found += texts_of(page, "UploadId")
        query |= {
            "key-marker": text_of(page, "NextKeyMarker"),
            "upload-id-marker": text_of(page, "NextUploadIdMarker"),
        }
    assert set(found) == made
    assert text_of(page, "IsTruncated") == "false"
    behind = caller.obs("GET", query={"uploads": "", "key-marker": "a"})
    assert texts_of(behind, "Key") == ["b", "c"]


def test_objects_are_listed_in_pages_and_folders(caller: Caller) -> None:
    for key in ("a/1", "a/2", "b", "c&d"):
        caller.server.put_object("image-test", key, b"x", storage_class="STANDARD")
    whole = caller.obs("GET")
    assert texts_of(whole, "Key") == ["a/1", "a/2", "b", "c&d"]
    assert set(texts_of(whole, "StorageClass")) == {"STANDARD"}
    assert texts_of(caller.obs("GET", query={"prefix": "a/"}), "Key") == ["a/1", "a/2"]
    page = caller.obs("GET", query={"max-keys": "3"})
    assert (text_of(page, "IsTruncated"), text_of(page, "NextMarker")) == ("true", "b")
    assert texts_of(caller.obs("GET", query={"marker": "b"}), "Key") == ["c&d"]
    folders = caller.obs("GET", query={"delimiter": "/"})
    assert texts_of(folders, "Key") == ["b", "c&d"]
    assert texts_of(folders, "Prefix") == ["", "a/"]  # the first is the query's own
    assert code_of(caller.obs("GET", query={"max-keys": "x"})) == "InvalidArgument"


def test_buckets(caller: Caller) -> None:
    body = b"<CreateBucketConfiguration><Location>cn-south-1</Location></CreateBucketConfiguration>"
    made = caller.obs("PUT", bucket="second", body=body, headers={"x-obs-storage-class": "WARM"})
    assert made.status_code == 200
    head = caller.obs("HEAD", bucket="second")
    assert head.headers["x-obs-bucket-location"] == "cn-south-1"
    assert head.headers["x-obs-storage-class"] == "WARM"
    assert text_of(caller.obs("GET", bucket="second", query={"location": ""}), "Location") == "cn-south-1"
    assert text_of(caller.obs("GET", bucket="second", query={"storageClass": ""}), "StorageClass") == "WARM"
    policy = caller.obs("GET", bucket="second", query={"storagePolicy": ""})
    assert text_of(policy, "DefaultStorageClass") == "STANDARD_IA"
    assert texts_of(caller.obs("GET", bucket=""), "Name") == ["image-test", "second"]
    caller.obs("PUT", "x", b"x", bucket="second")
    assert code_of(caller.obs("DELETE", bucket="second")) == "BucketNotEmpty"
    caller.obs("DELETE", "x", bucket="second")
    assert caller.obs("DELETE", bucket="second").status_code == 204
    assert caller.obs("HEAD", bucket="second").status_code == 404
    assert code_of(caller.obs("PUT", bucket="Bad_Name")) == "InvalidBucketName"


def test_versions(caller: Caller) -> None:
    enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    caller.obs("PUT", body=enabled, query={"versioning": ""})
    assert text_of(caller.obs("GET", query={"versioning": ""}), "Status") == "Enabled"
    first = caller.obs("PUT", "key", b"one").headers["x-obs-version-id"]
    caller.obs("PUT", "key", b"two")
    assert caller.obs("GET", "key").content == b"two"
    assert caller.obs("GET", "key", query={"versionId": first}).content == b"one"
    caller.obs("DELETE", "key")
    assert caller.obs("HEAD", "key").status_code == 404
    assert caller.obs("HEAD", "key", query={"versionId": first}).status_code == 200
    caller.obs("DELETE", "key", query={"versionId": first})
    assert code_of(caller.obs("GET", "key", query={"versionId": first})) == "NoSuchVersion"


def test_errors_are_xml_and_have_no_body_for_head(caller: Caller) -> None:
    answer = caller.obs("GET", "no/such")
    assert (answer.status_code, code_of(answer)) == (404, "NoSuchKey")
    assert text_of(answer, "Resource") == "/image-test/no/such"
    assert text_of(answer, "RequestId") == answer.headers["x-obs-request-id"]
    assert code_of(caller.obs("GET", "k", bucket="no-such")) == "NoSuchBucket"
    head = caller.obs("HEAD", "no/such")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (404, b"", "0")


@pytest.mark.parametrize(
    ("method", "key", "query", "code"),
    [("GET", "", "acl", "MethodNotAllowed"), ("PATCH", "key", "", "MethodNotAllowed")],
)
def test_what_is_not_emulated_is_refused(
    caller: Caller, method: str, key: str, query: str, code: str
) -> None:
    assert code_of(caller.obs(method, key, query={query: ""} if query else {})) == code
    copied = caller.obs("PUT", "copy", headers={"x-obs-copy-source": "/image-test/key"})
    assert code_of(copied) == "NotImplemented"


def test_a_damaged_body_is_noticed(caller: Caller) -> None:
    digest = base64.b64encode(hashlib.md5(b"right").digest()).decode()
    assert code_of(caller.obs("PUT", "key", b"wrong", headers={"Content-MD5": digest})) == "BadDigest"
    assert caller.obs("PUT", "key", b"right", headers={"Content-MD5": digest}).status_code == 200


def test_one_request_stores_at_most_five_gigabytes(caller: Caller) -> None:
    signed = sign_obs("PUT", "image-test", "key", [], {}, caller.key, time.time())
    answer = caller.send(
        "PUT",
        "/image-test/key",
        headers={**signed, "Content-Length": str(5 * GB + 1), "Expect": "100-continue"},
    )
    assert code_of(answer) == "EntityTooLarge"


@pytest.mark.parametrize("s3", [False, True])
def test_a_signature_in_the_url(caller: Caller, *, s3: bool) -> None:
    caller.server.put_object("image-test", "a b", b"content")

    def ask(expires: str, sk: str) -> Any:
        resource = obs_resource("image-test", "a b", [])
        text = obs_string_to_sign("GET", resource, {}, date=expires)
        ak = "AWSAccessKeyId" if s3 else "AccessKeyId"
        pairs = [(ak, caller.key.ak), ("Expires", expires), ("Signature", obs_signature(sk, text))]
        return caller.send("GET", f"/image-test/{quote('a b')}?{encode_query(pairs)}")

    later = str(int(time.time()) + 60)
    assert ask(later, caller.key.sk).content == b"content"
    assert code_of(ask(later, "wrong")) == "SignatureDoesNotMatch"
    assert code_of(ask("1000", caller.key.sk)) == "AccessDenied"
    assert caller.key.ak not in str(caller.server.journal())


def test_the_s3_spelling(caller: Caller) -> None:
    caller.server.put_object("image-test", "key", b"x", storage_class="WARM")

    def ask(method: str, target: str, resource: str) -> Any:
        headers = {"x-amz-date": http_date(time.time())}
        text = obs_string_to_sign(method, resource, headers, prefix="x-amz-")
        headers["Authorization"] = f"AWS {caller.key.ak}:{obs_signature(caller.key.sk, text)}"
        return caller.send(method, target, headers=headers)

    head = ask("HEAD", "/image-test/key", "/image-test/key")
    assert head.headers["x-amz-storage-class"] == "STANDARD_IA"
    bucket = ask("HEAD", "/image-test", "/image-test")
    assert bucket.headers["x-amz-bucket-region"] == caller.settings.region
    assert bucket.headers["x-default-storage-class"] == "STANDARD"
    location = ask("GET", "/image-test?location", "/image-test?location")
    assert text_of(location, "LocationConstraint") == caller.settings.region


def test_the_bucket_can_stand_in_the_host(caller: Caller) -> None:
    caller.server.put_object("image-test", "key", b"x")
    signed = sign_obs("GET", "image-test", "key", [], {}, caller.key, time.time())
    for host in (
        "image-test.obs.cn-north-4.myhuaweicloud.com",
        "image-test.localhost:8090",
        "image-test.any",
    ):
        assert caller.send("GET", "/key", headers={**signed, "Host": host}).content == b"x"


def test_path_style_can_be_refused(caller: Caller) -> None:
    caller.server.configure(path_style="refuse")
    assert code_of(caller.obs("GET", "key")) == "VirtualHostDomainRequired"


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "AccessDenied"),
        ({"Authorization": "OBS nobody:abc", "Date": "{now}"}, "InvalidAccessKeyId"),
        ({"Authorization": "OBS {ak}:abc", "Date": "{now}"}, "SignatureDoesNotMatch"),
        ({"Authorization": "OBS {ak}:abc"}, "AccessDenied"),
        ({"Authorization": "OBS nonsense", "Date": "{now}"}, "InvalidArgument"),
        ({"Authorization": "AWS4-HMAC-SHA256 x", "Date": "{now}"}, "InvalidArgument"),
        ({"Authorization": "OBS {ak}:abc", "Date": "Tue, 02 Jan 2024 03:04:05 GMT"}, "RequestTimeTooSkewed"),
    ],
)
def test_refusals(caller: Caller, headers: dict[str, str], code: str) -> None:
    filled = {k: v.format(ak=caller.key.ak, now=http_date(time.time())) for k, v in headers.items()}
    answer = caller.send("GET", "/image-test/key", headers=filled)
    assert code_of(answer) == code


def test_too_many_wrong_signatures(caller: Caller) -> None:
    wrong = {"Authorization": f"OBS {caller.key.ak}:abc", "Date": http_date(time.time())}
    for _ in range(6):
        caller.send("GET", "/image-test/key", headers=wrong)
    answer = caller.obs("GET", "key")
    assert (answer.status_code, code_of(answer)) == (400, "TooManyWrongSignature")


def test_the_dialect_probe_needs_no_signature(caller: Caller) -> None:
    assert caller.send("HEAD", "/image-test?apiversion").headers["x-obs-api"] == "3.0"
    assert caller.send("HEAD", "/no-such?apiversion").status_code == 404
    caller.server.configure(obs_api="v2")
    assert "x-obs-api" not in caller.send("HEAD", "/?apiversion").headers
