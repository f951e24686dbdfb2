"""``ims-airflow doctor``: what it says about a good Connection and about each thing that can be wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from integration.clouds import CONN_ID, Cloud, connection

from ims_airflow.cli import main
from ims_airflow.emulator import EmulatorServer

VARIABLE = f"AIRFLOW_CONN_{CONN_ID.upper()}"
SECRETS = ("WRONGSECRET", "emulator-password-1", "SKemulator")


@pytest.fixture
def server(cloud: Cloud) -> EmulatorServer:
    return cloud.emulated


def change(monkeypatch: pytest.MonkeyPatch, server: EmulatorServer, **changes: Any) -> None:
    fields = {name: changes.pop(name) for name in ("login", "password") if name in changes}
    monkeypatch.setenv(VARIABLE, json.dumps(json.loads(connection(server, **changes)) | fields))


def doctor(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["doctor", "--json", *arguments])
    out, err = capsys.readouterr()
    assert err == ""
    assert not [secret for secret in SECRETS if secret in out]
    found = json.loads(out)
    assert found["ok"] is (status == 0)
    return status, found


def bad(found: dict[str, Any], status: str = "failed") -> list[str]:
    return [check["name"] for check in found["checks"] if check["status"] == status]


def signed(server: EmulatorServer) -> list[dict[str, Any]]:
    """Requests that carried a credential: the unsigned ones come first, one for each service."""
    return server.journal()[3:]


def test_everything_works(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = doctor(capsys)
    assert (status, bad(found), bad(found, "warning")) == (0, [], ["tls"])
    assert (found["connection"], found["origin"]) == (CONN_ID, VARIABLE)
    assert found["endpoints"] == dict.fromkeys(("ims", "iam", "obs"), server.url)
    assert {entry["method"] for entry in server.journal()} == {"GET"}


def test_people_get_sentences(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert server.url in out
    assert all(
        words in out for words in ("✓ IMS answers", "! IMS, IAM, OBS: plain", "– ims:dataImages:create")
    )
    assert "Nothing failed." in out
    assert server.settings.sk not in out


def test_a_misspelt_field_is_told(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch, server, regoin="mars-1")
    status, found = doctor(capsys)
    assert (status, bad(found, "warning")) == (0, ["extra.regoin", "tls"])
    assert "perhaps region is meant" in str(found["checks"])


def test_a_wrong_key_is_refused_once(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change(monkeypatch, server, password="WRONGSECRET")
    status, found = doctor(capsys)
    assert (status, bad(found)) == (1, ["keys"])
    assert [entry["code"] for entry in signed(server)] == ["APIGW.0301"]


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ({"region": "mars-1"}, ["region"]),
        ({"region": "mars-1", "project_id": ""}, ["region", "project"]),
        ({"ims_endpoint": "http://127.0.0.1:9"}, ["ims"]),
        ({"obs_endpoint": "http://127.0.0.1:9"}, ["obs"]),
        ({"project_id": "0" * 32}, ["project"]),
        ({"auth": "magic"}, ["connection"]),
        ({"auth": "metadata", "metadata_endpoint": "http://127.0.0.1:9"}, ["keys"]),
        ({"agency_name": "nobody", "agency_domain_name": "delegating"}, ["agency"]),
    ],
)
def test_each_mistake_has_a_name(
    server: EmulatorServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    extra: dict[str, str],
    names: list[str],
) -> None:
    server.configure(agency_name="ops")
    change(monkeypatch, server, **extra)
    status, found = doctor(capsys)
    assert (status, bad(found)) == (1, names)


def test_permission_by_permission(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    denied = {"error_code": "APIGW.0302", "error_msg": "Unauthorized"}
    server.add_fault({"match": {"path": "/v2/cloudimages$"}, "skip": 1, "status": 403, "body": denied})
    server.add_fault({"match": {"path": "quota"}, "status": 403, "body": denied})
    body = "<Error><Code>AccessDenied</Code></Error>"
    server.add_fault({"match": {"service": "obs"}, "skip": 1, "status": 403, "body": body})
    status, found = doctor(capsys)
    assert (status, bad(found)) == (1, ["ims:images:list"])
    assert bad(found, "warning") == ["tls", "ims:quotas:get", "obs:bucket:ListAllMyBuckets"]
    assert "keys" in bad(found, "ok")


@pytest.mark.parametrize(
    ("skew", "status", "names"), [(120, "warning", ["tls", "clock"]), (3600, "failed", ["clock", "keys"])]
)
def test_the_clock(
    server: EmulatorServer, capsys: pytest.CaptureFixture[str], skew: float, status: str, names: list[str]
) -> None:
    server.configure(clock_skew=skew)
    _, found = doctor(capsys)
    assert bad(found, status) == names


def test_a_full_quota(server: EmulatorServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.configure(image_quota=0)
    status, found = doctor(capsys)
    assert (status, bad(found, "warning")) == (0, ["tls", "quota"])


@pytest.mark.parametrize("kind", ["temporary", "password", "metadata", "agency"])
def test_every_identity_passes(
    server: EmulatorServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    settings = server.settings
    server.configure(agency_name="ops", agency_project_id="0f" * 16)
    known: dict[str, dict[str, Any]] = {
        "temporary": temporary_key(server),
        "password": {
            "auth": "password",
            "domain_name": settings.domain_name,
            "login": settings.user_name,
            "password": settings.password,
        },
        "metadata": {"auth": "metadata", "metadata_endpoint": server.url},
        "agency": {"agency_name": "ops", "agency_domain_name": "delegating"},
    }
    change(monkeypatch, server, project_id="", **known[kind])
    status, found = doctor(capsys)
    assert (status, bad(found)) == (0, [])


def temporary_key(server: EmulatorServer) -> dict[str, Any]:
    from emulator_caller import Caller

    answer = Caller(server).send("GET", "/openstack/latest/securitykey").json()["credential"]
    return {
        "login": answer["access"],
        "password": answer["secret"],
        "security_token": answer["securitytoken"],
    }


def test_the_variables_of_the_vendors_tools_stand_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("HW_ACCESS_KEY", "AK")
    monkeypatch.setenv("HW_SECRET_KEY", "WRONGSECRET")
    status, found = doctor(capsys)  # without a region there is nobody to ask
    assert (status, bad(found)) == (1, ["connection"])
    assert "variables" in found["origin"]
