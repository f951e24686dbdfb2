from __future__ import annotations

import pytest

from ims_airflow.emulator.routing import Address, is_control, obs_address, service_of
from ims_airflow.emulator.wire import Ask
from ims_airflow.protocol.message import Service

BUCKETS = ("image-test", "dotted.name")


def ask(path: str, host: str = "127.0.0.1:8090", query: str = "", **headers: str) -> Ask:
    pairs = tuple((name, value) for name, _, value in (one.partition("=") for one in query.split("&")))
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Ask("GET", path, pairs if query else (), {"host": host, **names})


@pytest.mark.parametrize(
    ("path", "headers", "service"),
    [
        ("/v1/x/jobs/1", {"authorization": "SDK-HMAC-SHA256 Access=a"}, Service.IMS),
        ("/v2/cloudimages", {"x_auth_token": "t"}, Service.IMS),
        ("/v2.1/cloudimages/dataimages/action", {}, Service.IMS),
        ("/v3/projects", {"authorization": "SDK-HMAC-SHA256 Access=a"}, Service.IAM),
        ("/v3.0/OS-CREDENTIAL/securitytokens", {}, Service.IAM),
        ("/v3/auth/tokens", {}, Service.IAM),
        ("/", {"authorization": "SDK-HMAC-SHA256 Access=a"}, Service.IMS),
        ("/", {"authorization": "OBS ak:sig"}, Service.OBS),
        ("/v1.0/object", {"authorization": "AWS ak:sig"}, Service.OBS),
        ("/image-test/v1/key", {}, Service.OBS),
        ("/meta-data/latest/api/token", {}, Service.METADATA),
        ("/openstack/latest/securitykey", {}, Service.METADATA),
        ("/openstack/latest", {"authorization": "OBS ak:sig"}, Service.OBS),
    ],
)
def test_scheme_and_path_tell_the_service(path: str, headers: dict[str, str], service: Service) -> None:
    assert service_of(ask(path, **headers)) is service


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("ims.cn-north-4.myhuaweicloud.com", Service.IMS),
        ("iam.myhuaweicloud.com", Service.IAM),
        ("obs.cn-north-4.myhuaweicloud.com", Service.OBS),
        ("image-test.obs.cn-north-4.myhuaweicloud.com", Service.OBS),
        ("image-test.localhost:8090", Service.OBS),
        ("emulator.internal:8090", Service.IMS),
        ("localhost:8090", Service.IMS),
    ],
)
def test_the_host_tells_the_service(host: str, service: Service) -> None:
    assert service_of(ask("/v1/key", host)) is service


def test_a_signature_in_the_query_means_obs() -> None:
    assert service_of(ask("/v1/key", query="AccessKeyId=a&Expires=1&Signature=s")) is Service.OBS


@pytest.mark.parametrize(
    ("host", "path", "address"),
    [
        ("127.0.0.1:1", "/image-test/a/b", Address("image-test", "a/b", virtual=False)),
        ("[::1]:1", "/image-test", Address("image-test", "", virtual=False)),
        ("localhost:1", "/image-test/", Address("image-test", "", virtual=False)),
        ("obs.r.com", "/image-test/k", Address("image-test", "k", virtual=False)),
        ("image-test.obs.r.com", "/a%20b", Address("image-test", "a b", virtual=True)),
        ("image-test.localhost:1", "/", Address("image-test", "", virtual=True)),
        ("dotted.name.anything.com", "/k", Address("dotted.name", "k", virtual=True)),
        ("new-one.anything.com", "/", Address("new-one", "", virtual=True)),
        ("localhost", "/", Address("", "", virtual=False)),
    ],
)
def test_the_bucket_stands_in_the_host_or_in_the_path(host: str, path: str, address: Address) -> None:
    assert obs_address(ask(path, host), BUCKETS) == address


@pytest.mark.parametrize(
    ("path", "control"), [("/_emulator", True), ("/_emulator/journal", True), ("/_emulators/x", False)]
)
def test_the_control_path(path: str, *, control: bool) -> None:
    assert is_control(ask(path)) is control
