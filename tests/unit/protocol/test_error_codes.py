from __future__ import annotations

import pytest

from ims_airflow.exceptions import (
    AccessDeniedError,
    ApiError,
    AuthenticationError,
    CredentialExpiredError,
    NotFoundError,
    QuotaExceededError,
    RequestRejectedError,
    ServiceError,
    ThrottledError,
)
from ims_airflow.protocol.error_codes import CODES, job_failure, lookup
from ims_airflow.protocol.img_codes import IMG_CODES, IMG_REMEDIES

# IMS API reference, 错误码: 199 codes; the other five are Open Telekom Cloud's.
DOCUMENTED = {f"IMG.{number:04}" for number in (*range(1, 199), 212)}
OTHERS = {"IMG.0238", "IMG.0239", "IMG.0241", "IMG.0242", "IMG.1075"}

# The codes that a data image can meet, as the API facts list them (3.2).
MET = """
0001 0002 0003 0004 0007 0009 0013 0014 0015 0017 0018 0023 0026 0027 0030 0031 0046 0047 0054 0055 0056 0057
0058 0059 0060 0061 0062 0064 0065 0066 0067 0068 0069 0072 0074 0075 0086 0144 0087 0090 0092 0095 0097 0099
0100 0105 0109 0115 0116 0121 0122 0123 0154 0155 0156 0157 0158 0161 0175 0187 0194 0238 0239 0241 0242 1075
""".split()


def error_of(code: str, message: str = "") -> type[ApiError]:
    info = lookup(code, message)
    assert info is not None
    return info.error


def test_every_documented_code_is_known_and_no_other() -> None:
    assert len(DOCUMENTED) == 199
    assert set(IMG_CODES) == DOCUMENTED | OTHERS


def test_every_code_that_an_import_meets_has_a_remedy() -> None:
    assert [number for number in MET if not IMG_REMEDIES.get(f"IMG.{number}")] == []
    assert set(IMG_REMEDIES) <= set(IMG_CODES)


def test_words_are_fit_for_a_message() -> None:
    for info in CODES.values():
        assert info.meaning.strip() == info.meaning != "", info
        assert not info.meaning.endswith("."), info
        assert info.remedy == "" or info.remedy.endswith("."), info


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("IMG.0001", RequestRejectedError),
        ("IMG.0015", QuotaExceededError),
        ("IMG.0026", AccessDeniedError),
        ("IMG.0047", AccessDeniedError),
        ("IMG.0030", AuthenticationError),
        ("IMG.0087", AuthenticationError),
        ("IMG.0121", NotFoundError),
        ("IMG.0060", ThrottledError),
        ("IMG.0149", ThrottledError),
        ("IMG.0187", ThrottledError),
        ("IMG.0014", ServiceError),
        ("IMG.0018", ServiceError),
        ("IMG.0023", ServiceError),
        ("IMG.0061", ServiceError),
        ("IMG.0090", ServiceError),
        ("APIGW.0101", NotFoundError),
        ("APIG.0101", NotFoundError),
        ("APIGW.0301", AuthenticationError),
        ("APIGW.0307", CredentialExpiredError),
        ("APIGW.0308", ThrottledError),
        ("APIGW.0613", ServiceError),
        ("IAM.0012", ThrottledError),
        ("IAM.0062", AuthenticationError),
        ("401", AuthenticationError),
        ("NoSuchKey", NotFoundError),
        ("RequestTimeTooSkewed", AuthenticationError),
        ("InvalidObjectState", RequestRejectedError),
        ("SlowDown", ThrottledError),
        ("KMS.NotFoundException", RequestRejectedError),
    ],
)
def test_the_class_of_a_code(code: str, error: type[ApiError]) -> None:
    assert error_of(code) is error
    assert error_of(f" {code} ") is error


@pytest.mark.parametrize("code", ["", "IMG.9999", "img.0001", "AS.0001", "200"])
def test_an_unknown_code_is_unknown(code: str) -> None:
    assert lookup(code) is None


@pytest.mark.parametrize(
    ("tail", "error", "remedy"),
    [
        ("", AuthenticationError, "Check access key"),
        (": verify aksk signature fail", AuthenticationError, "secret key"),
        (": Get secretKey failed,ak:***,err:ak not exist", AuthenticationError, "deleted"),
        (": AK access failed to reach the limit,forbidden", AuthenticationError, "5 minutes"),
        (": x-auth-token not found", AuthenticationError, "proxy"),
        (": decrypt token fail", CredentialExpiredError, "renew"),
        (": token expires, expires_at: 2026-01-01T00:00:00.000000Z", CredentialExpiredError, "renew"),
    ],
)
def test_a_refused_identity_is_told_by_the_tail_of_the_message(
    tail: str, error: type[ApiError], remedy: str
) -> None:
    info = lookup("APIGW.0301", f"Incorrect IAM authentication information{tail}")
    assert info is not None
    assert info.error is error
    assert remedy in info.remedy


def test_an_expired_temporary_key_is_worth_a_renewal_under_any_code() -> None:
    assert error_of("InvalidAccessKeyId", "The provided token has expired.") is CredentialExpiredError
    assert error_of("NoSuchKey", "The provided token has expired.") is NotFoundError


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("IMG.0060", True),
        ("IMG.0061", True),
        ("IMG.0014", True),
        ("IMG.0187", True),
        ("IMG.1075", True),
        ("IMG.0057", False),
        ("IMG.0015", False),
        ("IMG.0099", False),
        ("IMG.9999", False),
        ("", False),
    ],
)
def test_submitting_anew_helps_only_where_the_service_is_to_blame(code: str, retryable: bool) -> None:
    assert job_failure(code)[0] is retryable


def test_a_failed_job_comes_with_advice_even_without_a_code() -> None:
    assert "min_disk" in job_failure("IMG.0055")[1]
    assert "inspect" in job_failure("")[1]
    assert job_failure("IMG.9999")[1] == ""


def test_the_table_agrees_with_itself_about_retries() -> None:
    for info in CODES.values():
        assert info.error.retryable == issubclass(info.error, ThrottledError | ServiceError), info
