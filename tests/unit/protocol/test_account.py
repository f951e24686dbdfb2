from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from scripted import Answer, Clock, ok, run

from ims_airflow.exceptions import (
    AccessDeniedError,
    AgencyRefusedError,
    AuthenticationError,
    CredentialExpiredError,
    InvalidInputError,
    NotFoundError,
    RequestRejectedError,
    UnusableAnswerError,
)
from ims_airflow.protocol.account import Account
from ims_airflow.protocol.credentials import AccessKey, Delegation, EcsAgency, Identity, OwnIdentity, Password
from ims_airflow.protocol.endpoints import endpoints_for, is_url
from ims_airflow.protocol.message import Call, Response, Service

LIST = Call(Service.IMS, "GET", "/v2/cloudimages", query=(("name", "a b"),))
JOB = Call(Service.IMS, "GET", "/v1/{project_id}/jobs/j1")
HEAD = Call(Service.OBS, "HEAD", "dir a/é.qcow2", bucket="image-test")
REGION = "cn-north-4"


def account(identity: Identity, project_id: str = "p1", *, path_style: bool = False) -> Account:
    endpoints = endpoints_for(REGION, obs_path_style=path_style)
    return Account(identity, endpoints, region=REGION, project_id=project_id)


def iam(call: Call) -> Answer:
    """Answers as IAM and the metadata service do."""
    if call.path == "/v3/auth/tokens":
        token = {"expires_at": "2023-11-15T22:13:20.000000Z", "project": {"id": "p-token"}}
        return Response(201, {"x-subject-token": "TOKEN"}, json.dumps({"token": token}).encode())
    if call.path == "/v3/projects":
        return ok({"projects": [{"id": "p-looked-up", "name": REGION}, {"id": "x", "name": f"{REGION}_sub"}]})
    if call.path == "/meta-data/latest/api/token":
        return NotFoundError("old metadata service", status=404)
    credential = {
        "access": "TAK",
        "secret": "TSK",
        "securitytoken": "ST",
        "expires_at": "2023-11-15T22:13:20.5Z",
    }
    return ok({"credential": credential})


def ready(who: Account, call: Call, clock: Clock) -> Account:
    if who.lacks(call, clock.now):
        run(who.learn(call, clock.now), iam)
    assert not who.lacks(call, clock.now)
    return who


def test_an_access_key_needs_nothing_but_the_project() -> None:
    clock = Clock()
    who = ready(account(AccessKey("AK", "SK"), ""), JOB, clock)
    request = who.request(JOB, clock.now)
    assert request.url == "https://ims.cn-north-4.myhuaweicloud.com/v1/p-looked-up/jobs/j1"
    assert request.headers["X-Project-Id"] == "p-looked-up"
    assert request.headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=AK, ")


@pytest.mark.parametrize("token", ["", "ST"])
def test_a_request_that_follows_others_is_signed_like_one_that_is_the_first(token: str) -> None:
    who = account(AccessKey("AK", "SK", security_token=token))
    for now, job_id in ((1e9, "j1"), (1e9 + 0.5, "j2"), (1e9 + 1, "j1")):
        call = Call(Service.IMS, "GET", f"/v1/{{project_id}}/jobs/{job_id}")
        assert who.request(call, now) == account(who.identity).request(call, now)
    for call in (LIST, JOB._replace(headers={"Content-Type": "application/json"}), JOB._replace(body=b"{}")):
        assert who.request(call, 1e9 + 1) == account(who.identity).request(call, 1e9 + 1)


def test_a_renewed_key_signs_the_very_next_request() -> None:
    who = account(EcsAgency())
    first = ready(who, JOB, Clock()).request(JOB, 1e9)
    who.refused(who.credential, CredentialExpiredError("expired", status=401))
    second = ready(who, JOB, Clock()).request(JOB, 1e9)
    assert who.credential is not None
    assert first == second  # the same key, obtained anew
    who.refused(who.credential, CredentialExpiredError("expired", status=401))
    other = {
        "access": "OTHER",
        "secret": "TSK",
        "securitytoken": "ST2",
        "expires_at": "2023-11-15T22:13:20.5Z",
    }
    run(
        who.learn(JOB, Clock().now),
        lambda call: ok({"credential": other}) if "security" in call.path else iam(call),
    )
    headers = who.request(JOB, 1e9).headers
    assert headers["X-Security-Token"] == "ST2"
    assert "Access=OTHER," in headers["Authorization"]


def test_a_password_becomes_a_token_and_for_obs_a_temporary_key() -> None:
    clock = Clock()
    who = ready(account(Password("domain", "user", "secret"), ""), LIST, clock)
    assert who.request(LIST, clock.now).headers["X-Auth-Token"] == "TOKEN"
    assert who.project_id == "p-token"
    headers = ready(who, HEAD, clock).request(HEAD, clock.now).headers
    assert headers["x-obs-security-token"] == "ST"
    assert headers["Authorization"].startswith("OBS TAK:")


def test_an_agency_key_comes_from_the_metadata_service() -> None:
    clock = Clock()
    headers = ready(account(EcsAgency()), LIST, clock).request(LIST, clock.now).headers
    assert headers["X-Security-Token"] == "ST"


def test_credentials_are_renewed_before_they_end() -> None:
    clock = Clock()
    who = ready(account(EcsAgency()), LIST, clock)
    clock.now += 86_400 - 200
    assert who.lacks(LIST, clock.now)


def test_an_expired_token_is_renewed_once_and_a_wrong_key_never_sent_again() -> None:
    clock = Clock()
    who = ready(account(EcsAgency()), LIST, clock)
    used = who.credential
    assert who.refused(used, CredentialExpiredError("expired", status=401))
    assert who.lacks(LIST, clock.now)
    ready(who, LIST, clock)
    assert who.refused(used, AuthenticationError("late answer to the old key", status=401))
    assert not who.refused(who.credential, AuthenticationError("wrong", status=401))
    with pytest.raises(AuthenticationError, match="wrong"):
        who.lacks(LIST, clock.now)


def test_a_refusal_that_thousands_meet_keeps_no_trace_of_each() -> None:
    who = ready(account(AccessKey("ak", "sk")), LIST, Clock())
    who.refused(who.credential, AuthenticationError("wrong", status=401))
    lengths = set()
    for _ in range(3):
        with pytest.raises(AuthenticationError) as met:
            who.lacks(LIST, 0.0)
        lengths.add(len(met.traceback))
    assert len(lengths) == 1


@pytest.mark.parametrize("path_style", [False, True])
def test_obs_addresses(path_style: bool) -> None:
    clock = Clock()
    who = account(AccessKey("AK", "SK"), path_style=path_style)
    parts = urlsplit(who.request(HEAD, clock.now).url)
    host = "obs.cn-north-4.myhuaweicloud.com"
    quoted = "/dir%20a/%C3%A9.qcow2"
    expected = (host, f"/image-test{quoted}") if path_style else (f"image-test.{host}", quoted)
    assert (parts.netloc, parts.path) == expected


def body(call: Call) -> Any:
    assert isinstance(call.body, bytes)
    return json.loads(call.body)


def delegation(base: OwnIdentity) -> Delegation:
    return Delegation(base, "ops", "delegating", duration_seconds=7200)


def learned(who: Account, call: Call, clock: Clock) -> list[Call]:
    asked: list[Call] = []

    def note(one: Call) -> Answer:
        asked.append(one)
        return iam(one)

    run(who.learn(call, clock.now), note)
    return asked


@pytest.mark.parametrize(
    ("base", "before"),
    [
        (AccessKey("AK", "SK"), []),
        (Password("domain", "user", "secret"), ["/v3/auth/tokens"]),
        (EcsAgency(), ["/meta-data/latest/api/token", "/openstack/latest/securitykey"]),
    ],
    ids=["aksk", "password", "metadata"],
)
def test_an_agency_is_assumed_on_top_of_each_identity(base: OwnIdentity, before: list[str]) -> None:
    clock = Clock()
    who = account(delegation(base), "")
    *first, assume, look_up = learned(who, JOB, clock)
    assert [call.path for call in first] == before
    assert body(assume)["auth"]["identity"] == {
        "methods": ["assume_role"],
        "assume_role": {"agency_name": "ops", "domain_name": "delegating", "duration_seconds": 7200},
    }
    assert look_up.path == "/v3/projects"
    headers = who.request(look_up, clock.now).headers  # the delegating account's project: asked with its key
    assert headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=TAK, ")
    assert who.request(JOB, clock.now).headers["X-Project-Id"] == "p-looked-up"
    assert who.request(HEAD, clock.now).headers["Authorization"].startswith("OBS TAK:")


def test_the_call_for_an_agency_carries_the_credential_of_ones_own() -> None:
    clock = Clock()
    [signed] = learned(who := account(delegation(AccessKey("AK", "SK"))), LIST, clock)
    headers = who.request(signed, clock.now).headers
    assert headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=AK, ")
    token, tokened = learned(who := account(delegation(Password("domain", "user", "pw"))), LIST, clock)
    assert body(token)["auth"]["scope"] == {"domain": {"name": "domain"}}
    assert who.request(tokened, clock.now).headers["X-Auth-Token"] == "TOKEN"


def test_the_key_of_an_agency_is_renewed_before_its_end_and_the_token_kept() -> None:
    clock = Clock()
    who = ready(account(delegation(Password("domain", "user", "pw"))), LIST, clock)
    assert who.refused(who.credential, CredentialExpiredError("expired", status=401))
    assert [call.path for call in learned(who, LIST, clock)][:1] == ["/v3/auth/tokens"]
    who._key = AccessKey("OLD", "SK", "ST", clock.now + 299)
    assert who.lacks(LIST, clock.now)
    assert [call.path for call in learned(who, LIST, clock)] == ["/v3.0/OS-CREDENTIAL/securitytokens"]


@pytest.mark.parametrize("kind", [AccessDeniedError, NotFoundError, RequestRejectedError])
def test_a_refused_agency_is_named_and_final(kind: type[AccessDeniedError]) -> None:
    error = kind("no", status=403)
    with pytest.raises(AgencyRefusedError, match=r"'ops' of the account 'delegating'.*agency_name") as caught:
        run(account(delegation(AccessKey("AK", "SK"))).learn(LIST, 0), lambda _call: error)
    assert not caught.value.retryable


def test_a_fixed_key_that_has_ended_is_not_tried_again_for_an_agency() -> None:
    ended = CredentialExpiredError("token expires", status=401)
    with pytest.raises(AuthenticationError, match="new temporary key") as caught:
        run(account(delegation(AccessKey("AK", "SK", "ST"))).learn(LIST, 0), lambda _call: ended)
    assert not isinstance(caught.value, CredentialExpiredError)
    with pytest.raises(CredentialExpiredError):  # of an ECS, another one can be had
        run(
            account(delegation(EcsAgency())).learn(LIST, 0),
            lambda call: ended if call.credential else iam(call),
        )


def test_a_delegation_is_as_private_as_its_base() -> None:
    assert "SECRET" not in repr(delegation(Password("d", "u", "SECRET")))
    assert account(delegation(EcsAgency())).same_identity(account(delegation(EcsAgency())))
    assert not account(delegation(EcsAgency())).same_identity(account(EcsAgency()))


def test_several_projects_need_a_choice() -> None:
    two = ok({"projects": [{"id": "a", "name": REGION}, {"id": "b", "name": REGION}]})
    with pytest.raises(InvalidInputError, match="2 projects"):
        run(account(AccessKey("AK", "SK"), "").learn(LIST, 0), lambda _call: two)


def test_a_token_answer_without_token_is_unusable() -> None:
    with pytest.raises(UnusableAnswerError, match="X-Subject-Token"):
        run(account(Password("d", "u", "p")).learn(LIST, 0), lambda _call: ok({"token": {}}, 201))


def test_no_agency_is_told_as_the_service_does() -> None:
    denied = AccessDeniedError("Please configure Cloud Service Agency first", status=403)
    with pytest.raises(AccessDeniedError, match="Agency"):
        run(account(EcsAgency()).learn(LIST, 0), lambda _call: denied)


def test_nothing_prints_a_secret() -> None:
    clock = Clock()
    password = Password("domain", "user", "TOPSECRET")
    who = ready(account(password), LIST, clock)
    ready(who, HEAD, clock)
    texts = [repr(password), repr(who), repr(who.credential), repr(who.request(LIST, clock.now))]
    texts += [repr(next(account(password).learn(LIST, 0)))]
    assert not [text for text in texts if any(secret in text for secret in ("TOPSECRET", "TOKEN", "TSK"))]


@pytest.mark.parametrize("region", ["eu-west-101", "cn-north-4"])
def test_the_european_cloud_has_a_domain_of_its_own(region: str) -> None:
    domain = "myhuaweicloud.eu" if region == "eu-west-101" else "myhuaweicloud.com"
    assert endpoints_for(region).iam == f"https://iam.{region}.{domain}"


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("https://ims.example.com", True),
        ("http://127.0.0.1:8090/", True),
        ("ims.example.com", False),
        ("ftp://x", False),
        ("https://x/path", False),
        ("https://user@x", False),
        ("http://[::1", False),
        ("http://x:99999", False),
    ],
)
def test_endpoints_must_be_full_urls(text: str, usable: bool) -> None:
    assert is_url(text) is usable
