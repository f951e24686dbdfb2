"""Lets requests to IMS and IAM in: SDK-HMAC-SHA256 signatures and tokens, as the API gateway checks them."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ims_airflow.emulator import refusals
from ims_airflow.emulator.clock import to_the_microsecond
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.wire import Ask, Refused
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import ALGORITHM, canonical_request, sdk_signature

TOLERANCE = 900.0  # seconds that X-Sdk-Date may be off (signing guide)
REALM = "gateway"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Access=(?P<ak>[^,\s]+),\s*SignedHeaders=(?P<names>[^,\s]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]+)"
)


@dataclass(frozen=True, slots=True)
class _Signature:
    ak: str
    names: tuple[str, ...]
    value: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking.

    :param bound_to: the project that the credential is scoped to, or empty.
    :param project_id: the project of the caller's account.
    """

    bound_to: str
    project_id: str


def let_in(ask: Ask, ring: KeyRing) -> Caller:
    """Check who is asking.

    :raises Refused: the credential is not good.
    """
    if token := ask.header("x-auth-token"):
        return Caller(_check_token(token, ring), ring.world.settings.project_id)
    signature = _read(ask)
    if ring.locked(REALM, signature.ak):
        raise _refused("AK access failed to reach the limit,forbidden")
    key = ring.find(signature.ak)
    if key is None:
        raise _refused("Get secretKey failed,ak:***,err:ak not exist")
    _check_date(ask, ring)
    _check_signature(ask, signature, key, ring)
    _check_security_token(ask, key, ring)
    return Caller("", ring.project_of(key.ak))


def _refused(tail: str) -> Refused:
    return refusals.gateway(401, "APIGW.0301", tail)


def _check_token(value: str, ring: KeyRing) -> str:
    token = ring.find_token(value)
    if token is None:
        raise _refused("decrypt token fail")
    if ring.expired(token):
        raise refusals.gateway(401, "APIGW.0307")
    return token.project_id


def _read(ask: Ask) -> _Signature:
    header = ask.header("authorization")
    if not header:
        raise _refused("x-auth-token not found")
    found = _AUTHORIZATION.fullmatch(header)
    if found is None:
        raise _refused("verify aksk signature fail")
    return _Signature(found["ak"], tuple(found["names"].split(";")), found["signature"])


def _check_date(ask: Ask, ring: KeyRing) -> None:
    try:
        date = datetime.strptime(ask.header("x-sdk-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _refused("verify aksk signature fail") from None
    if abs(ring.world.clock.machine() + ring.world.settings.clock_skew - date.timestamp()) > TOLERANCE:
        # This code for a date that is too far off: FAQ of the signing guide.
        raise refusals.gateway(401, "APIGW.0303", "the time of the request differs too much")


def _check_signature(ask: Ask, signature: _Signature, key: AccessKey, ring: KeyRing) -> None:
    good = hmac.compare_digest(_expected(ask, signature, key), signature.value)
    ring.count_signature(REALM, signature.ak, good=good)
    if not good:
        raise _refused("verify aksk signature fail")


def _expected(ask: Ask, signature: _Signature, key: AccessKey) -> str:
    """Sign the request anew, over exactly the headers that the client lists."""
    names = signature.names
    if not {"host", "x-sdk-date"} <= set(names) or any(name not in ask.headers for name in names):
        return ""
    # The client may state the hash itself; UNSIGNED-PAYLOAD stands for bodies that are not JSON.
    stated = ask.header("x-sdk-content-sha256") if "x-sdk-content-sha256" in names else ""
    actual = hashlib.sha256(ask.body).hexdigest()
    if stated not in {"", "UNSIGNED-PAYLOAD", actual}:
        return ""
    canonical = canonical_request(ask.method, ask.raw_path, ask.query, ask.headers, names, stated or actual)
    return sdk_signature(key.sk, ask.headers["x-sdk-date"], canonical)


def _check_security_token(ask: Ask, key: AccessKey, ring: KeyRing) -> None:
    if ask.header("x-security-token") != key.security_token:
        raise _refused("decrypt token fail")
    if ring.expired(key):
        raise _refused(f"token expires, expires_at: {to_the_microsecond(key.expires_at or 0)}")
