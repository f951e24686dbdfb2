"""Who is let in by the emulated cloud, and how others are refused."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from emulator_caller import Caller, code_of

from ims_airflow.emulator import EmulatorServer
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import EMPTY_SHA256, canonical_request, sdk_date, sdk_signature, sign_sdk

LIST = "/v2/cloudimages"
TOKENS = "/v3/auth/tokens"


@pytest.fixture
def caller(emulator: EmulatorServer) -> Caller:
    return Caller(emulator)


def with_key(caller: Caller, **changes: Any) -> Caller:
    return Caller(caller.server, replace(caller.key, **changes))


def password_body(caller: Caller, **changes: Any) -> dict[str, Any]:
    settings = caller.settings
    user = {
        "name": settings.user_name,
        "password": settings.password,
        "domain": {"name": settings.domain_name},
    }
    identity = {"methods": ["password"], "password": {"user": {**user, **changes}}}
    return {"auth": {"identity": identity, "scope": {"project": {"name": settings.region}}}}


def token_of(caller: Caller) -> str:
    answer = caller.send("POST", TOKENS, params={"nocatalog": "true"}, json=password_body(caller))
    assert answer.status_code == 201
    return answer.headers["X-Subject-Token"]


def temporary_key(answer: Any) -> AccessKey:
    found = answer.json()["credential"]
    return AccessKey(found["access"], found["secret"], found["securitytoken"])


def test_a_good_signature_is_let_in(caller: Caller) -> None:
    assert caller.gateway("GET", LIST, query={"name": "a b~c/中文", "tag": "k=v"}).status_code == 200


@pytest.mark.parametrize(
    ("change", "tail"),
    [
        ({"sk": "wrong"}, "verify aksk signature fail"),
        ({"ak": "AKUNKNOWN"}, "Get secretKey failed,ak:***,err:ak not exist"),
        ({"security_token": "of-nobody"}, "decrypt token fail"),
    ],
)
def test_a_wrong_key_is_refused(caller: Caller, change: dict[str, str], tail: str) -> None:
    answer = with_key(caller, **change).gateway("GET", LIST)
    assert (answer.status_code, code_of(answer)) == (401, "APIGW.0301")
    assert answer.json()["error_msg"].endswith(f": {tail}")


def test_anonymous_requests_are_refused(caller: Caller) -> None:
    answer = caller.send("GET", LIST)
    assert (answer.status_code, code_of(answer)) == (401, "APIGW.0301")


def test_a_change_after_signing_is_noticed(caller: Caller) -> None:
    headers = {"Host": urlsplit(caller.server.url).netloc, "X-Project-Id": caller.settings.project_id}
    signed = sign_sdk(
        "POST", "/v1/cloudimages/dataimages/action", [], headers, b"{}", caller.key, time.time()
    )
    answer = caller.send("POST", "/v1/cloudimages/dataimages/action", data=b'{"a":1}', headers=signed)
    assert code_of(answer) == "APIGW.0301"


@pytest.mark.parametrize("names", [("host",), ("x-sdk-date",), ("host", "x-missing", "x-sdk-date")])
def test_a_signature_must_cover_host_and_date_and_what_it_lists(
    caller: Caller, names: tuple[str, ...]
) -> None:
    date = sdk_date(time.time())
    headers = {"host": urlsplit(caller.server.url).netloc, "x-sdk-date": date, "x-missing": ""}
    canonical = canonical_request("GET", LIST, [], headers, names, EMPTY_SHA256)
    signature = sdk_signature(caller.key.sk, date, canonical)
    sent = {
        "X-Sdk-Date": date,
        "Authorization": f"SDK-HMAC-SHA256 Access={caller.key.ak}, SignedHeaders={';'.join(names)}, "
        f"Signature={signature}",
    }
    assert code_of(caller.send("GET", LIST, headers=sent)) == "APIGW.0301"


@pytest.mark.parametrize(("off", "status"), [(-890, 200), (890, 200), (-910, 401), (910, 401)])
def test_fifteen_minutes_of_clock_skew_are_tolerated(caller: Caller, off: float, status: int) -> None:
    answer = caller.gateway("GET", LIST, now=time.time() + off)
    assert answer.status_code == status
    if status == 401:
        assert code_of(answer) == "APIGW.0303"


def test_the_emulated_clock_does_not_age_signatures_and_skew_can_be_ordered(caller: Caller) -> None:
    caller.server.advance(24 * 3600)
    assert caller.gateway("GET", LIST).status_code == 200
    caller.server.configure(clock_skew=3600)
    assert caller.gateway("GET", LIST).status_code == 401
    assert code_of(caller.obs("GET")) == "RequestTimeTooSkewed"


def test_six_bad_signatures_in_a_row_lock_a_key_for_five_minutes(caller: Caller) -> None:
    wrong = with_key(caller, sk="wrong")
    for _ in range(5):
        wrong.gateway("GET", LIST)
    assert caller.gateway("GET", LIST).status_code == 200  # a good one ends the row
    for _ in range(6):
        wrong.gateway("GET", LIST)
    locked = caller.gateway("GET", LIST)
    assert locked.json()["error_msg"].endswith("AK access failed to reach the limit,forbidden")
    caller.server.advance(301)
    assert caller.gateway("GET", LIST).status_code == 200


def test_an_access_key_can_be_disabled(caller: Caller) -> None:
    caller.server.configure(ak_disabled=True)
    assert caller.gateway("GET", LIST).status_code == 401
    assert code_of(caller.obs("GET")) == "InvalidAccessKeyId"


def test_a_token_is_issued_shown_and_expires(caller: Caller) -> None:
    token = token_of(caller)
    assert len(token) > 2000
    headers = {"X-Auth-Token": token}
    assert caller.send("GET", LIST, headers=headers).status_code == 200
    shown = caller.send("GET", TOKENS, headers={**headers, "X-Subject-Token": token})
    assert shown.json()["token"]["project"]["id"] == caller.settings.project_id
    other = caller.send("GET", TOKENS, headers={**headers, "X-Subject-Token": "unknown"})
    assert other.status_code == 404
    caller.server.advance(24 * 3600 + 1)
    assert code_of(caller.send("GET", LIST, headers=headers)) == "APIGW.0307"


def test_a_token_answer_has_a_catalog_unless_told_not_to(caller: Caller) -> None:
    assert "catalog" in caller.send("POST", TOKENS, json=password_body(caller)).json()["token"]
    short = caller.send("POST", TOKENS, params={"nocatalog": "true"}, json=password_body(caller))
    assert "catalog" not in short.json()["token"]


def test_iam_refuses_with_integer_codes(caller: Caller) -> None:
    wrong = caller.send("POST", TOKENS, json=password_body(caller, password="wrong"))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, 401)
    assert wrong.json()["error"]["message"] == "The username or password is wrong."
    for body in (b"{", b"[]", b'{"auth": {"identity": {"methods": ["totp"]}}}'):
        malformed = caller.send("POST", TOKENS, data=body)
        assert (malformed.status_code, malformed.json()["error"]["code"]) == (400, 400)
    anonymous = caller.send("GET", "/v3/projects", headers={"X-Auth-Token": "unknown"})
    assert anonymous.json()["error"]["code"] == 401


def test_a_token_in_another_project_or_in_none(caller: Caller) -> None:
    body = password_body(caller)
    body["auth"]["scope"] = {"project": {"name": "elsewhere"}}
    assert caller.send("POST", TOKENS, json=body).status_code == 401
    body["auth"]["scope"] = {"domain": {"name": caller.settings.domain_name}}
    unscoped = caller.send("POST", TOKENS, json=body).headers["X-Subject-Token"]
    assert code_of(caller.send("GET", LIST, headers={"X-Auth-Token": unscoped})) == "IMG.0030"


@pytest.mark.parametrize(("rows", "found"), [(0, 0), (1, 1), (2, 2)])
def test_the_project_look_up(caller: Caller, rows: int, found: int) -> None:
    caller.server.configure(projects_found=rows)
    answer = caller.gateway("GET", "/v3/projects", query={"name": caller.settings.region})
    assert len(answer.json()["projects"]) == found
    none = caller.gateway("GET", "/v3/projects", query={"name": "mars-1"})
    assert none.json()["projects"] == []


def test_the_domain_look_ups(caller: Caller) -> None:
    domains = caller.gateway("GET", "/v3/auth/domains").json()["domains"]
    assert domains[0]["id"] == caller.settings.domain_id
    assert caller.gateway("GET", "/v5/caller-identity").json()["account_id"] == caller.settings.domain_id


@pytest.mark.parametrize("method", ["token", "assume_role"])
def test_temporary_keys_work_everywhere_until_they_expire(caller: Caller, method: str) -> None:
    path = "/v3.0/OS-CREDENTIAL/securitytokens"
    asked = {"id": token_of(caller)} if method == "token" else {"agency_name": "a", "duration_seconds": 900}
    body = {"auth": {"identity": {"methods": [method], method: asked}}}
    answer = caller.send("POST", path, json=body) if method == "token" else caller.gateway("POST", path, body)
    assert answer.status_code == 201
    temporary = Caller(caller.server, temporary_key(answer))
    assert temporary.gateway("GET", LIST).status_code == 200
    assert temporary.obs("GET").status_code == 200
    without = Caller(caller.server, replace(temporary.key, security_token=""))
    assert code_of(without.gateway("GET", LIST)) == "APIGW.0301"
    assert code_of(without.obs("GET")) == "InvalidAccessKeyId"
    caller.server.advance(901)
    assert "token expires, expires_at: " in temporary.gateway("GET", LIST).text
    assert code_of(temporary.obs("GET")) == "InvalidAccessKeyId"


@pytest.mark.parametrize("seconds", [899, 86401, "900"])
def test_a_temporary_key_cannot_live_for_any_time(caller: Caller, seconds: Any) -> None:
    asked = {"agency_name": "a", "duration_seconds": seconds}
    body = {"auth": {"identity": {"methods": ["assume_role"], "assume_role": asked}}}
    assert caller.gateway("POST", "/v3.0/OS-CREDENTIAL/securitytokens", body).status_code == 400


OPS = {"agency_name": "ops", "domain_name": "delegating"}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (OPS, 201),
        ({"agency_name": "ops", "domain_id": "d1"}, 201),
        ({**OPS, "domain_id": "d1"}, 201),
        ({**OPS, "agency_name": "nobody"}, 403),
        ({**OPS, "domain_name": "elsewhere"}, 403),
        ({**OPS, "domain_id": "another"}, 403),
        ({"agency_name": "ops"}, 400),
        ({"domain_name": "delegating"}, 400),
    ],
)
def test_an_agency_that_is_set_is_checked(caller: Caller, asked: dict[str, str], status: int) -> None:
    caller.server.configure(agency_name="ops", agency_domain_id="d1")
    body = {"auth": {"identity": {"methods": ["assume_role"], "assume_role": asked}}}
    answer = caller.gateway("POST", "/v3.0/OS-CREDENTIAL/securitytokens", body)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["title"] == "Forbidden"


def test_the_key_of_an_agency_is_good_for_the_delegating_accounts_project_only(caller: Caller) -> None:
    other = "0f" * 16
    caller.server.configure(agency_project_id=other)
    body = {"auth": {"identity": {"methods": ["assume_role"], "assume_role": OPS}}}
    key = temporary_key(caller.gateway("POST", "/v3.0/OS-CREDENTIAL/securitytokens", body))
    assumed = Caller(caller.server, key)
    assert code_of(assumed.gateway("GET", LIST)) == "APIGW.0310"
    assert assumed.gateway("GET", LIST, headers={"X-Project-Id": other}).status_code == 200
    assert caller.gateway("GET", LIST, headers={"X-Project-Id": other}).status_code == 403
    found = assumed.gateway("GET", "/v3/projects", query={"name": caller.settings.region}).json()
    assert [row["id"] for row in found["projects"]] == [other]


@pytest.mark.parametrize("skew", [0, 3600])
def test_every_answer_tells_the_services_time(caller: Caller, skew: float) -> None:
    caller.server.configure(clock_skew=skew)
    for answer in (caller.send("GET", LIST), caller.send("GET", "/v3/projects"), caller.send("GET", "/")):
        ahead = parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()
        assert abs(ahead - skew) < 5


def session_of(caller: Caller, seconds: str = "21600") -> Any:
    headers = {"X-Metadata-Token-Ttl-Seconds": seconds}
    return caller.send("PUT", "/meta-data/latest/api/token", headers=headers)


def security_key(caller: Caller, session: str = "") -> Any:
    headers = {"X-Metadata-Token": session} if session else {}
    return caller.send("GET", "/openstack/latest/securitykey", headers=headers)


def test_the_metadata_service_hands_out_keys_and_rotates_them(caller: Caller) -> None:
    session = session_of(caller).text
    answer = security_key(caller, session)
    assert answer.json()["credential"]["expires_at"].count(".") == 1  # the vendor's SDK needs a fraction
    assert Caller(caller.server, temporary_key(answer)).gateway("GET", LIST).status_code == 200
    assert security_key(caller, session).json() == answer.json()
    caller.server.advance(51 * 60)
    assert security_key(caller, session).json() != answer.json()


@pytest.mark.parametrize(
    ("mode", "session_status", "plain_status"),
    [("optional", 200, 200), ("required", 200, 401), ("absent", 404, 200)],
)
def test_metadata_sessions_are_a_switch(
    caller: Caller, mode: str, session_status: int, plain_status: int
) -> None:
    caller.server.configure(imdsv2=mode)
    assert session_of(caller).status_code == session_status
    assert security_key(caller).status_code == plain_status


def test_a_metadata_session_expires(caller: Caller) -> None:
    session = session_of(caller, "60").text
    caller.server.advance(61)
    assert security_key(caller, session).status_code == 401
    assert session_of(caller, "soon").status_code == 400


def test_an_ecs_without_agency(caller: Caller) -> None:
    caller.server.configure(agency=False)
    answer = security_key(caller)
    assert answer.status_code == 401
    assert "Please configure Cloud Service Agency first" in answer.text
