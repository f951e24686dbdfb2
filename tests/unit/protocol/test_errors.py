from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.exceptions import ApiError, UnusableAnswerError
from ims_airflow.protocol.error_kinds import Denied, Expired, NotFound, Rejected, Throttled, Unauthenticated
from ims_airflow.protocol.error_kinds import Service as Trouble
from ims_airflow.protocol.errors import error_from, json_object
from ims_airflow.protocol.message import Response, Service

IMS, IAM, OBS, METADATA = Service.IMS, Service.IAM, Service.OBS, Service.METADATA
Headers = dict[str, str]


def answer(status: int, body: object = b"", **headers: str) -> Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def error(service: Service, status: int, body: object = b"", **headers: str) -> ApiError:
    found = error_from(service, answer(status, body, **headers))
    assert isinstance(found, ApiError)
    return found


def obs_xml(code: str, message: str = "words") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        f"<Error>\n  <Code>{code}</Code>\n  <Message>{message}</Message><Resource>/b/k</Resource>"
        "<RequestId>001B21A61C6C0000</RequestId><HostId>Rk</HostId></Error>"
    ).encode()


@pytest.mark.parametrize("status", [200, 201, 204, 206])
def test_a_success_is_no_error(status: int) -> None:
    assert error_from(IMS, answer(status, b"<html>")) is None


@pytest.mark.parametrize(
    ("service", "status", "body", "kind", "code", "message"),
    [
        (IMS, 400, {"error": {"message": "bad type", "code": "IMG.0024"}}, Rejected, "IMG.0024", "bad type"),
        (IMS, 400, {"error": {"message": "flow", "code": "IMG.0060"}}, Throttled, "IMG.0060", "flow"),
        (IMS, 403, {"error": {"message": "role", "code": "IMG.0026"}}, Denied, "IMG.0026", "role"),
        (IMS, 400, {"error": {"message": "role", "code": "IMG.0026"}}, Denied, "IMG.0026", "role"),
        (IMS, 429, {"error_msg": "slow", "error_code": "APIGW.0308"}, Throttled, "APIGW.0308", "slow"),
        (IMS, 429, {"error_msg": "slow", "error_code": "APIG.0308"}, Throttled, "APIG.0308", "slow"),
        (IMS, 401, {"error_msg": "old", "error_code": "APIGW.0307"}, Expired, "APIGW.0307", "old"),
        (IMS, 400, {"error_msg": "big", "error_code": "APIGW.0201"}, Rejected, "APIGW.0201", "big"),
        (IMS, 494, {"error_msg": "big", "error_code": "APIGW.0201"}, Rejected, "APIGW.0201", "big"),
        (IMS, 502, {"error_msg": "gone", "error_code": "APIGW.0201"}, Trouble, "APIGW.0201", "gone"),
        (IMS, 500, {"error_msg": "cfg", "error_code": "APIG.0105"}, Trouble, "APIG.0105", "cfg"),
        (IMS, 400, {"error_msg": "m", "error_code": "AS.0001"}, Rejected, "AS.0001", "m"),
        (IMS, 400, {"errorCode": "IMG.0009", "errorMsg": "dup"}, Rejected, "IMG.0009", "dup"),
        (IMS, 400, {"code": "IMG.0009", "message": "dup"}, Rejected, "IMG.0009", "dup"),
        (IMS, 400, {"a": {"b": {"code": "IMG.0060", "message": "m"}}}, Throttled, "IMG.0060", "m"),
        (IMS, 400, {"badRequest": {"code": 400, "message": "m"}}, Rejected, "", "m"),
        (IMS, 403, {"error_code": "X.1", "encoded_authorization_message": "Z"}, Denied, "X.1", "Forbidden"),
        (IMS, 400, {"error": "plain"}, Rejected, "", "plain"),
        (IMS, 400, [{"code": "IMG.0060"}], Throttled, "IMG.0060", "too many jobs"),
        (IMS, 400, {}, Rejected, "", "Bad Request"),
        (IMS, 400, {"error": {"code": True, "message": ["x"]}}, Rejected, "", "Bad Request"),
        (IMS, 404, "just text", NotFound, "", "just text"),
        (IMS, 400, b'{"error": {"code": "IMG.00', Rejected, "", '{"error"'),
        (IMS, 408, b"", Trouble, "", "Request Timeout"),
        (IMS, 500, b"", Trouble, "", "Internal Server Error"),
        (IMS, 599, b"", Trouble, "", "unknown status"),
        (IMS, 501, b"", Rejected, "", "Not Implemented"),
        (IMS, 502, b"<html><head><title>502 Bad Gateway</title></head>", Trouble, "", "'502 Bad Gateway'"),
        (IMS, 503, b"<!DOCTYPE html><h1>Under repair</h1>", Trouble, "", "'Under repair'"),
        (IMS, 503, b"<html></html>", Trouble, "", "HTML page"),
        (IMS, 500, b"\xff\xfe\xfa", Trouble, "", "\ufffd"),
        (IAM, 401, {"error": {"code": 401, "message": "wrong", "title": "No"}}, Unauthenticated, "", "wrong"),
        (IAM, 400, {"error": {"code": 1101, "message": "name"}}, Rejected, "1101", "name"),
        (IAM, 429, {"error_msg": "slow", "error_code": "IAM.0012"}, Throttled, "IAM.0012", "slow"),
        (IAM, 400, {"error_msg": "field", "error_code": "IAM.0072"}, Rejected, "IAM.0072", "field"),
        (OBS, 404, obs_xml("NoSuchKey"), NotFound, "NoSuchKey", "words"),
        (OBS, 403, obs_xml("AccessDenied"), Denied, "AccessDenied", "words"),
        (OBS, 403, obs_xml("InvalidObjectState"), Rejected, "InvalidObjectState", "words"),
        (OBS, 403, obs_xml("RequestTimeTooSkewed"), Unauthenticated, "RequestTimeTooSkewed", "words"),
        (OBS, 403, obs_xml("SignatureDoesNotMatch"), Unauthenticated, "SignatureDoesNotMatch", "words"),
        (OBS, 409, obs_xml("OperationAborted"), Throttled, "OperationAborted", "words"),
        (OBS, 503, obs_xml("SlowDown"), Throttled, "SlowDown", "words"),
        (OBS, 503, obs_xml("ServiceUnavailable"), Trouble, "ServiceUnavailable", "words"),
        (OBS, 400, obs_xml("KMS.DisabledException"), Rejected, "KMS.DisabledException", "words"),
        (OBS, 418, obs_xml("Teapot"), Rejected, "Teapot", "words"),
        (OBS, 400, obs_xml("InvalidArgument", "a &lt;b&gt;"), Rejected, "InvalidArgument", "a <b>"),
        (OBS, 404, b"", NotFound, "", "Not Found"),
        (OBS, 403, b"", Denied, "", "Forbidden"),
        (METADATA, 401, b"Please configure Cloud Service Agency first", Unauthenticated, "", "Agency"),
    ],
)  # fmt: skip
def test_code_first_then_status(
    service: Service, status: int, body: object, kind: type[ApiError], code: str, message: str
) -> None:
    found = error(service, status, body)
    assert type(found) is kind
    assert (found.status, found.code) == (status, code)
    assert message in str(found)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("service", "headers", "body", "request_id"),
    [
        (IMS, {"x-request-id": "r1"}, {}, "r1"),
        (IMS, {}, {"error_code": "APIGW.0101", "request_id": "r2"}, "r2"),
        (IAM, {"x-request-id": "gateway", "x-iam-trace-id": "r3"}, {}, "r3"),
        (IAM, {"x-request-id": "r4"}, {}, "r4"),
        (OBS, {"x-obs-request-id": "r5"}, obs_xml("NoSuchKey"), "r5"),
        (OBS, {"x-amz-request-id": "r6"}, b"", "r6"),
        (OBS, {}, obs_xml("NoSuchKey"), "001B21A61C6C0000"),
        (IMS, {"x-request-id": "f" * 64}, {}, "f" * 64),
        (IMS, {}, {"request_id": 7}, ""),
    ],
)
def test_the_request_id_is_kept_and_shown(
    service: Service, headers: Headers, body: object, request_id: str
) -> None:
    found = error(service, 404, body, **headers)
    assert found.request_id == request_id
    assert not request_id or f"request id {request_id}" in str(found)


DATE = "Tue, 02 Jan 2024 03:04:05 GMT"


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", "", 120.0),
        (" 1.5 ", "", 1.5),
        ("-3", "", 0.0),
        ("0", "", 0.0),
        ("Tue, 02 Jan 2024 03:05:05 GMT", DATE, 60.0),
        ("Tue, 02 Jan 2024 03:05:05 -0000", DATE, 60.0),
        ("Tuesday, 02-Jan-24 03:05:05 GMT", DATE, 60.0),
        ("Tue, 02 Jan 2024 03:00:00 GMT", DATE, 0.0),
        ("Tue, 02 Jan 2024 03:05:05 GMT", "", None),
        ("Tue, 02 Jan 2024 03:05:05 GMT", "soon", None),
        ("Tue, 99 Jan 2024 03:05:05 GMT", DATE, None),
        ("9" * 400, "", None),
        ("1_0", "", None),
        ("nan", "", None),
        ("soon", "", None),
        ("", "", None),
    ],
)
def test_retry_after(value: str, date: str, seconds: float | None) -> None:
    assert error(IMS, 429, retry_after=value, date=date).retry_after == seconds


@pytest.mark.parametrize(
    ("service", "status", "remedy"),
    [
        (OBS, 403, "obs:object:GetObject"),
        (OBS, 404, "upload is finished"),
        (IMS, 404, "ims_endpoint"),
        (IAM, 401, "domain_name"),
        (METADATA, 401, "agency"),
    ],
)
def test_an_answer_without_words_still_gets_advice(service: Service, status: int, remedy: str) -> None:
    assert remedy in error(service, status).remedy


def test_a_skewed_clock_is_told_as_such() -> None:
    assert "clock" in error(OBS, 403, obs_xml("RequestTimeTooSkewed")).remedy


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/login?token=abc",
        "//evil.example/x",
        "https://user:pw@evil.example",
        "HTTP://evil.example",
    ],
)
def test_a_redirect_is_named_and_never_an_answer(location: str) -> None:
    found = error_from(IMS, answer(302, location=location, x_request_id="r1"))
    assert isinstance(found, UnusableAnswerError)
    assert "evil.example" in str(found)
    assert "request id r1" in str(found)
    assert not any(secret in str(found) for secret in ("abc", "user", "pw@"))


@pytest.mark.parametrize("location", ["", "/elsewhere", "https://[bad", "\x00"])
def test_a_redirect_to_nowhere_is_still_one(location: str) -> None:
    assert "redirect" in str(error_from(IAM, answer(307, location=location)))


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (307, "TemporaryRedirect")])
def test_a_redirect_of_obs_means_a_wrong_region(status: int, code: str) -> None:
    found = error(OBS, status, obs_xml(code), location="https://b.obs.eu.example/k?Signature=abc")
    assert type(found) is Rejected
    assert found.code == code
    assert "b.obs.eu.example" in str(found)
    assert "obs_endpoint" in found.remedy
    assert "abc" not in str(found)


@pytest.mark.parametrize("status", [0, 100, 199, 600, 999])
def test_a_status_out_of_range_is_unusable(status: int) -> None:
    assert isinstance(error_from(IMS, answer(status)), UnusableAnswerError)


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect IAM authentication information: Get secretKey failed,ak:AKIDEXAMPLE,err:ak not exist",
        "SDK-HMAC-SHA256 Access=AKIDEXAMPLE, SignedHeaders=host, Signature=AKIDEXAMPLE",
        '{"password": "AKIDEXAMPLE"} is wrong',
    ],
)
def test_an_error_never_repeats_a_secret(message: str) -> None:
    for body in (
        {"error_msg": message, "error_code": "APIGW.0301"},
        message,
        {"error": {"message": message}},
    ):
        found = error(IMS, 401, body)
        assert "AKIDEXAMPLE" not in f"{found} {found!r}"


def test_messages_are_bounded() -> None:
    assert len(str(error(IMS, 400, {"error": {"message": "word " * 100_000, "code": "IMG.0001"}}))) < 1000
    assert len(str(error(IMS, 400, b"word " * 100_000))) < 1000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"<Error><Code>" + b" " * 60_000,
        b"<Error><Code " * 5_000,
        b"<!DOCTYPE x [<!ENTITY a '" + b"&a;" * 15_000 + b"'>]><Error><Code>&a;</Code></Error>",
        b"token " * 10_000,
        b"token=" * 10_000,
        b"a" * 60_000,
        b"a." * 30_000,
        b"1" * 60_000,
    ],
    ids=range(10),
)
def test_hostile_bodies_cost_no_time(body: bytes) -> None:
    begun = time.perf_counter()
    error_from(OBS, answer(400, body))
    assert time.perf_counter() - begun < 0.5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(
            st.sampled_from("error code message error_code error_msg errorCode request_id title a b".split()),
            parts,
            max_size=4,
        )
    ),
    max_leaves=10,
)
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda value, end: json.dumps(value).encode()[:end], JSON, st.integers(0, 60))
    | st.text(alphabet="<>/ErrorCodeMessage&;lt htmlte![CDATA", max_size=80).map(str.encode)
)
HEADERS = st.dictionaries(
    st.sampled_from(["x-request-id", "retry-after", "date", "location"]), st.text(max_size=20) | st.just(DATE)
)


@given(st.sampled_from(Service), st.integers(0, 700), HEADERS, BODIES)
def test_any_answer_is_classified(service: Service, status: int, headers: Headers, body: bytes) -> None:
    found = error_from(service, Response(status, headers, body))
    assert (found is None) == (200 <= status < 300)
    if found is not None:
        text = str(found)
        assert len(text.splitlines()) == 1
        assert len(text.encode()) < 4000


@given(BODIES)
def test_any_body_is_an_object_or_unusable(body: bytes) -> None:
    with suppress(UnusableAnswerError):
        assert isinstance(json_object(answer(200, body), "the answer"), dict)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "empty"),
        (b"  ", "empty"),
        (b"<html>secret", "HTML or XML"),
        (b'{"token": "secret', "broken or cut JSON"),
        (b'["secret"]', r"JSON of another kind \(list\)"),
        (b"secret", "not JSON"),
        (b'{"a": "\xff"}', "broken or cut JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": 1} {"secret": 2}', "broken or cut JSON"),
    ],
)
def test_an_unusable_body_is_described_and_not_quoted(body: bytes, kind: str) -> None:
    with pytest.raises(UnusableAnswerError, match=f"the job is {kind}.*request id r1") as caught:
        json_object(answer(200, body, x_request_id="r1"), "the job")
    assert "secret" not in str(caught.value)


def test_white_space_around_a_body_is_read_over() -> None:
    for body in (b' {"a": 1}', b'{"a": 1}\r\n', b'\n{"a": 1} '):
        assert json_object(answer(200, body), "it") == {"a": 1}


def test_a_body_with_a_byte_order_mark_is_read() -> None:
    found: dict[str, Any] = json_object(answer(200, b'\xef\xbb\xbf{"a": 1}'), "it")
    assert found == {"a": 1}
