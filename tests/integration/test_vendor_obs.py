"""The vendor's own OBS client, unmodified, against the emulator.

It takes an IP address as a sign to use path style and the S3 (V2) signature; under a host name it asks for
the dialect first and then signs the OBS way. Names of buckets in front of ``localhost`` do not resolve
everywhere, so the virtual-hosted test answers the resolver's question itself.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from ims_airflow.emulator import EmulatorServer

obs = pytest.importorskip("obs")

BUCKET = "image-test"
PART = 100 * 1024
KEYS = ["fedora.qcow2", "dir a/é 中文.qcow2", "a+b(1)~'*!@$&,;=:%.qcow2"]


@pytest.fixture(params=["address", "name", "name-v2"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(mode: str, emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = emulator.url
    if mode != "address":
        _resolve_buckets(monkeypatch)
        server = server.replace("127.0.0.1", "localhost")
    emulator.configure(obs_api="v2" if mode == "name-v2" else "obs")
    made = connect(emulator, server)
    yield made
    made.close()


def _resolve_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def local(host: Any, *args: Any, **how: Any) -> Any:
        name = "127.0.0.1" if str(host).endswith(".localhost") else host
        return resolve(name, *args, **how)

    monkeypatch.setattr(socket, "getaddrinfo", local)


def connect(server: EmulatorServer, address: str, **how: Any) -> Any:
    settings = server.settings
    given = {"access_key_id": settings.ak, "secret_access_key": settings.sk, "max_retry_count": 0, **how}
    return obs.ObsClient(server=address, **given)


def good(answer: Any) -> Any:
    assert answer.status < 300, (answer.status, answer.errorCode, answer.errorMessage)
    return answer


def test_how_the_client_asks(client: Any, mode: str, emulator: EmulatorServer) -> None:
    good(client.headBucket(BUCKET))
    asked = [(one["path"], one["signed"]) for one in emulator.journal()]
    expected = {
        "address": [("/image-test", "AWS")],
        "name": [("/", ""), ("/", "OBS")],
        "name-v2": [("/", ""), ("/", "AWS")],
    }
    assert asked == expected[mode]


@pytest.mark.parametrize("key", KEYS)
def test_put_head_get_delete(client: Any, key: str) -> None:
    put = good(client.putContent(BUCKET, key, content="hello world"))
    assert put.body.etag == f'"{hashlib.md5(b"hello world").hexdigest()}"'
    head = good(client.getObjectMetadata(BUCKET, key))
    assert (head.body.contentLength, head.body.etag) == (11, put.body.etag)
    span = obs.GetObjectHeader(range="6-10")
    part = good(client.getObject(BUCKET, key, headers=span, loadStreamInMemory=True))
    assert (part.status, part.body.buffer) == (206, b"world")
    assert [one.key for one in good(client.listObjects(BUCKET, prefix=key)).body.contents] == [key]
    good(client.deleteObject(BUCKET, key))
    assert client.getObjectMetadata(BUCKET, key).status == 404


def test_a_file_and_its_metadata(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(b"x" * 300_000)
    headers = obs.PutObjectHeader(storageClass="WARM")
    good(client.putFile(BUCKET, "disk.raw", str(path), metadata={"owner": "me"}, headers=headers))
    head = good(client.getObjectMetadata(BUCKET, "disk.raw"))
    assert head.body.contentLength == 300_000
    assert dict(head.header)["owner"] == "me"


def test_multipart_upload(client: Any) -> None:
    upload_id = good(client.initiateMultipartUpload(BUCKET, "big")).body.uploadId
    listed = good(client.listMultipartUploads(BUCKET, obs.ListMultipartUploadsRequest(prefix="big")))
    assert [one.uploadId for one in listed.body.upload] == [upload_id]
    parts = []
    for number, content in ((1, "a" * PART), (2, "tail")):
        answer = good(client.uploadPart(BUCKET, "big", number, upload_id, content))
        parts.append(obs.CompletePart(partNum=number, etag=answer.body.etag))
    assert len(good(client.listParts(BUCKET, "big", upload_id)).body.parts) == 2
    request = obs.CompleteMultipartUploadRequest(parts)
    done = good(client.completeMultipartUpload(BUCKET, "big", upload_id, request))
    assert done.body.etag.endswith('-2"')
    assert good(client.getObjectMetadata(BUCKET, "big")).body.contentLength == PART + 4
    assert good(client.listMultipartUploads(BUCKET)).body.upload == []


def test_a_large_file_goes_up_in_parts_and_down_again(client: Any, tmp_path: Path) -> None:
    up, down = tmp_path / "up.raw", tmp_path / "down.raw"
    up.write_bytes(bytes(range(256)) * 2000)
    good(client.uploadFile(BUCKET, "file", str(up), partSize=PART, taskNum=2))
    good(client.downloadFile(BUCKET, "file", str(down), partSize=PART, taskNum=2))
    assert up.read_bytes() == down.read_bytes()


def test_an_abandoned_upload(client: Any) -> None:
    upload_id = good(client.initiateMultipartUpload(BUCKET, "big")).body.uploadId
    good(client.abortMultipartUpload(BUCKET, "big", upload_id))
    assert client.listParts(BUCKET, "big", upload_id).errorCode == "NoSuchUpload"


def test_an_object_that_grows(client: Any) -> None:
    first = good(client.appendObject(BUCKET, "log", obs.AppendObjectContent("one", position=0)))
    assert first.body.nextPosition == 3
    good(client.appendObject(BUCKET, "log", obs.AppendObjectContent("two", position=3)))
    assert good(client.getObject(BUCKET, "log", loadStreamInMemory=True)).body.buffer == b"onetwo"


def test_buckets(client: Any) -> None:
    good(client.createBucket("second-one", location="cn-north-4"))
    good(client.headBucket("second-one"))
    assert good(client.getBucketLocation("second-one")).body.location == "cn-north-4"
    assert good(client.getBucketStoragePolicy("second-one")).body.storageClass == "STANDARD"
    names = [one.name for one in good(client.listBuckets()).body.buckets]
    assert names == [BUCKET, "second-one"]
    metadata = good(client.getBucketMetadata("second-one"))
    assert metadata.body.storageClass in {"STANDARD", None}
    good(client.deleteBucket("second-one"))


def test_a_url_that_is_signed_in_its_query(client: Any) -> None:
    good(client.putContent(BUCKET, "a b", content="hello"))
    url = client.createSignedUrl("GET", BUCKET, "a b", expires=60).signedUrl
    assert requests.get(url, timeout=5).content == b"hello"
    assert requests.get(url.replace("Signature=", "Signature=x"), timeout=5).status_code == 403


def test_wrong_keys_are_refused(client: Any, emulator: EmulatorServer) -> None:
    good(client.headBucket(BUCKET))
    address = emulator.url if client.path_style else emulator.url.replace("127.0.0.1", "localhost")
    wrong = connect(emulator, address, secret_access_key="wrong")
    assert wrong.getObject(BUCKET, "x").errorCode == "SignatureDoesNotMatch"
    unknown = connect(emulator, address, access_key_id="unknown")
    assert unknown.getObject(BUCKET, "x").errorCode == "InvalidAccessKeyId"
    assert unknown.getObjectMetadata(BUCKET, "x").status == 403
    assert unknown.getObjectMetadata(BUCKET, "x").errorCode is None
