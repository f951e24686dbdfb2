"""Lets requests to OBS in: header and URL signatures, in the OBS and in the S3-compatible (V2) spelling.

Source: OBS API reference, "Authentication in a Header" and "Authentication in a URL".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ims_airflow.emulator import refusals
from ims_airflow.emulator.keys import KeyRing
from ims_airflow.emulator.routing import Address, is_url_signed
from ims_airflow.emulator.wire import Ask
from ims_airflow.protocol.credentials import AccessKey
from ims_airflow.protocol.signing import obs_resource, obs_signature, obs_string_to_sign

TOLERANCE = 900.0  # seconds (OBS error page, RequestTimeTooSkewed)
REALM = "obs"


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says about itself.

    :param prefix: of the vendor's headers in this spelling, ``x-obs-`` or ``x-amz-``.
    :param expires: of a URL signature, epoch seconds as text.
    """

    ak: str
    signature: str
    prefix: str
    expires: str = ""


def prefix_of(ask: Ask) -> str:
    """Tell the spelling of a request, and hence of its answer."""
    s3 = ask.header("authorization").startswith("AWS ") or "AWSAccessKeyId" in ask.args
    return "x-amz-" if s3 else "x-obs-"


def let_in(ask: Ask, address: Address, ring: KeyRing) -> None:
    """Check who is asking.

    :raises Refused: the credential is not good.
    """
    claim = _read(ask)
    if ring.locked(REALM, claim.ak):
        raise refusals.obs(400, "TooManyWrongSignature", "Too many requests with a wrong signature.")
    key = ring.find(claim.ak)
    if key is None:
        raise refusals.obs(403, "InvalidAccessKeyId", "The access key id that you provided does not exist.")
    _check_time(ask, claim, ring)
    good = any(
        hmac.compare_digest(expected, claim.signature.encode())
        for expected in _acceptable(ask, address, claim, key)
    )
    ring.count_signature(REALM, claim.ak, good=good)
    if not good:
        raise refusals.obs(403, "SignatureDoesNotMatch", "The signature does not match the one calculated.")
    _check_security_token(ask, key, ring)


def _read(ask: Ask) -> _Claim:
    args = ask.args
    if is_url_signed(ask):
        ak = args.get("AccessKeyId") or args["AWSAccessKeyId"]
        return _Claim(ak, args["Signature"], prefix_of(ask), args.get("Expires", ""))
    scheme, _, rest = ask.header("authorization").partition(" ")
    ak, _, signature = rest.strip().rpartition(":")
    if not scheme:
        raise refusals.obs(403, "AccessDenied", "Anonymous access is forbidden for this operation.")
    if scheme not in {"OBS", "AWS"} or not ak:
        raise refusals.obs(400, "InvalidArgument", "The authorization header is not in a known form.")
    return _Claim(ak, signature, prefix_of(ask))


def _check_time(ask: Ask, claim: _Claim, ring: KeyRing) -> None:
    now = ring.world.clock.machine() + ring.world.settings.clock_skew
    if is_url_signed(ask):
        if not claim.expires.isdecimal() or int(claim.expires) < now:
            raise refusals.obs(403, "AccessDenied", "Request has expired.")
        return
    date = _date(ask.header(f"{claim.prefix}date") or ask.header("date"))
    if date is None:
        raise refusals.obs(403, "AccessDenied", "The request needs a valid Date or x-obs-date header.")
    if abs(now - date.timestamp()) > TOLERANCE:
        raise refusals.obs(403, "RequestTimeTooSkewed", "The time of the request differs too much.")


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        pass
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _acceptable(ask: Ask, address: Address, claim: _Claim, key: AccessKey) -> Iterator[bytes]:
    date = claim.expires if is_url_signed(ask) else None
    for resource in _resources(ask, address):
        text = obs_string_to_sign(ask.method, resource, ask.headers, date=date, prefix=claim.prefix)
        yield obs_signature(key.sk, text).encode()


def _resources(ask: Ask, address: Address) -> Iterator[str]:
    resource = obs_resource(address.bucket, address.key, ask.query)
    yield resource
    path, mark, query = resource.partition("?")
    if not address.virtual and not address.key:
        # In path style the vendor's SDK signs "/bucket" where its documentation has "/bucket/".
        yield path.removesuffix("/") + mark + query
    wire = ask.raw_path if not address.virtual else f"/{address.bucket}{ask.raw_path}"
    if wire != path:
        yield wire + mark + query  # a key may be percent-encoded in more than one way


def _check_security_token(ask: Ask, key: AccessKey, ring: KeyRing) -> None:
    names = ("x-obs-security-token", "x-amz-security-token")
    shown = next(filter(None, (ask.header(name) or ask.args.get(name, "") for name in names)), "")
    if shown != key.security_token or ring.expired(key):
        raise refusals.obs(403, "InvalidAccessKeyId", "The security token is missing, wrong or has expired.")
