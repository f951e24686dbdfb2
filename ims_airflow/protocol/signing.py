"""Request signatures: SDK-HMAC-SHA256 for IMS and IAM, the header signature for OBS.

Both are pure functions of request, key and time. The canonical forms follow the vendor's signing guide
(API Gateway "AK/SK signing" and OBS API reference "Authentication in a header"); the tests hold them
against the vendor's own signers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote, unquote

from ims_airflow.protocol.credentials import AccessKey

ALGORITHM = "SDK-HMAC-SHA256"
_SHA256 = hashlib.sha256()  # copied, because that is much cheaper than looking the algorithm up
EMPTY_SHA256 = _SHA256.hexdigest()
_UNRESERVED = "~"  # quote() already keeps letters, digits and "-._"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._~/-]*")  # encoding such a path changes nothing

# Query keys that are part of an OBS resource's name and hence of its signature; all others are not.
OBS_SUB_RESOURCES = frozenset(
    """
    CDNNotifyConfiguration acl append attname backtosource cors customdomain delete deletebucket
    directcoldaccess encryption inventory length lifecycle location logging metadata modify name
    notification object-lock obscompresspolicy orchestration partNumber policy policyStatus position
    publicAccessBlock quota rename replication requestPayment response-cache-control
    response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires restore retention storageClass storagePolicy storageinfo
    tagging torrent truncate uploadId uploads versionId versioning versions website x-image-process
    x-image-save-bucket x-image-save-object x-obs-security-token
    """.split()
)


def encode(text: str) -> str:
    """Percent-encode everything but the RFC 3986 unreserved characters."""
    return quote(text, safe=_UNRESERVED)


def encode_path(path: str) -> str:
    """Percent-encode a path for a URL, its slashes excepted."""
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe="/~")


def encode_query(pairs: Collection[tuple[str, str]]) -> str:
    """Write query pairs for a URL in the spelling that is also the signed one."""
    if not pairs:
        return ""
    return "&".join(f"{encode(key)}={encode(value)}" for key, value in sorted(pairs))


def sdk_date(now: float) -> str:
    """Spell a time (epoch seconds) as ``X-Sdk-Date`` wants it."""
    return _sdk_date(int(now))


@lru_cache(maxsize=4)  # thousands of requests are signed within one second
def _sdk_date(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%dT%H%M%SZ")


def http_date(now: float) -> str:
    """Spell a time (epoch seconds) as an HTTP date."""
    return _http_date(int(now))


@lru_cache(maxsize=4)
def _http_date(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)


def canonical_request(
    method: str,
    path: str,
    query: Collection[tuple[str, str]],
    headers: Mapping[str, str],
    signed_headers: Iterable[str],
    body_hash: str,
) -> str:
    """Build what SDK-HMAC-SHA256 signs.

    :param path: as on the wire (percent-encoded or not: it is decoded, then each segment encoded anew).
    :param query: decoded pairs.
    :param headers: lower-case names.
    :param signed_headers: lower-case names, sorted.
    :param body_hash: hex SHA-256 of the body, or the value of ``X-Sdk-Content-Sha256``.
    """
    names = tuple(signed_headers)
    rest = f"{_header_lines(headers, names)}\n{';'.join(names)}\n{body_hash}"
    return _canonical(method, canonical_uri(path), query, rest)


def _header_lines(headers: Mapping[str, str], names: Iterable[str]) -> str:
    return "".join([f"{name}:{headers[name].strip()}\n" for name in names])


def canonical_uri(path: str) -> str:
    """Spell a path, percent-encoded or not, as the signature wants it; the wire path stays as it is."""
    uri = path
    if not _PLAIN_PATH.fullmatch(path):
        uri = "/".join(encode(segment) for segment in unquote(path).split("/"))
    return uri if uri.endswith("/") else f"{uri}/"


def _canonical(method: str, uri: str, query: Collection[tuple[str, str]], rest: str) -> str:
    return f"{method.upper()}\n{uri}\n{encode_query(query)}\n{rest}"


def sdk_signature(secret_key: str | HmacKey, date: str, canonical: str) -> str:
    """Sign a canonical request.

    :param secret_key: itself, or made ready for many signatures.
    :param date: the value of ``X-Sdk-Date``.
    """
    hashed = _SHA256.copy()
    hashed.update(canonical.encode())
    key = HmacKey(secret_key) if isinstance(secret_key, str) else secret_key
    return key.sign(f"{ALGORITHM}\n{date}\n{hashed.hexdigest()}".encode())


class HmacKey:
    """A secret key made ready for many HMAC-SHA256 (RFC 2104), each at half of the cost of ``hmac``."""

    def __init__(self, secret_key: str) -> None:
        secret = secret_key.encode()
        if len(secret) > _SHA256.block_size:
            secret = hashlib.sha256(secret).digest()
        block = secret.ljust(_SHA256.block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def sign(self, message: bytes) -> str:
        """Return the signature in hex."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class SdkSigner:
    """Signs requests that have key and headers in common: what stays the same is prepared once.

    :param key: what to sign with.
    :param headers: must hold ``Host``; all of them are signed.
    """

    def __init__(self, key: AccessKey, headers: Mapping[str, str]) -> None:
        self.key = key
        self._headers = dict(headers)
        if key.security_token:
            self._headers["X-Security-Token"] = key.security_token
        self._keyed = HmacKey(key.sk)
        self._lowered = {name.lower(): value for name, value in self._headers.items()}
        self._names = sorted({*self._lowered, "x-sdk-date"})
        self._signed_names = ";".join(self._names)
        self._claim = f"{ALGORITHM} Access={key.ak}, SignedHeaders={self._signed_names}, Signature="
        self._second = -1

    def sign(
        self, method: str, uri: str, query: Collection[tuple[str, str]], body: bytes, now: float
    ) -> dict[str, str]:
        """Return the headers of a request with date, security token and ``Authorization`` added.

        :param uri: the path as :func:`canonical_uri` spells it.
        :param now: epoch seconds; the service tolerates 15 minutes of difference.
        """
        if int(now) != self._second:
            self._begin(int(now))
        rest = self._rest + (hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256)
        signature = sdk_signature(self._keyed, self._date, _canonical(method, uri, query, rest))
        return {**self._dated, "Authorization": self._claim + signature}

    def _begin(self, second: int) -> None:
        """Prepare what all requests of a second share."""
        self._second, self._date = second, sdk_date(second)
        self._dated = {**self._headers, "X-Sdk-Date": self._date}
        lines = _header_lines({**self._lowered, "x-sdk-date": self._date}, self._names)
        self._rest = f"{lines}\n{self._signed_names}\n"


def sign_sdk(
    method: str,
    path: str,
    query: Collection[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    key: AccessKey,
    now: float,
) -> dict[str, str]:
    """Return the headers of an IMS or IAM request with date, security token and ``Authorization`` added.

    :param headers: must hold ``Host``; all of them are signed.
    :param now: epoch seconds; the service tolerates 15 minutes of difference.
    """
    return SdkSigner(key, headers).sign(method, canonical_uri(path), query, body, now)


def obs_resource(bucket: str, key: str, query: Iterable[tuple[str, str]]) -> str:
    """Name the resource that an OBS signature covers: ``/bucket/key?sub-resources``."""
    resource = f"/{bucket}/{quote(key, safe='/~')}" if bucket else "/"
    signed = sorted((name, value) for name, value in query if name in OBS_SUB_RESOURCES)
    if signed:
        resource += "?" + "&".join(f"{name}={value}" if value else name for name, value in signed)
    return resource


def obs_string_to_sign(
    method: str, resource: str, headers: Mapping[str, str], *, date: str | None = None, prefix: str = "x-obs-"
) -> str:
    """Build what an OBS header signature signs.

    :param headers: lower-case names.
    :param date: overrides the Date line (a URL signature puts its expiry there).
    :param prefix: ``x-obs-``, or ``x-amz-`` for the S3-compatible spelling.
    """
    if date is None:
        date = "" if f"{prefix}date" in headers else headers.get("date", "")
    lines = "".join(
        f"{name}:{headers[name].strip()}\n" for name in sorted(headers) if name.startswith(prefix)
    )
    md5, content_type = headers.get("content-md5", ""), headers.get("content-type", "")
    return "\n".join([method.upper(), md5, content_type, date, lines + resource])


def obs_signature(secret_key: str, string_to_sign: str) -> str:
    """Sign an OBS string: HMAC-SHA1, base64."""
    digest = hmac.digest(secret_key.encode(), string_to_sign.encode(), "sha1")
    return base64.b64encode(digest).decode()


def sign_obs(
    method: str,
    bucket: str,
    key: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    access_key: AccessKey,
    now: float,
) -> dict[str, str]:
    """Return the headers of an OBS request with date, security token and ``Authorization`` added.

    :param key: the object key, unquoted, or empty for the bucket itself.
    :param now: epoch seconds; the service tolerates 15 minutes of difference.
    """
    out = {**headers, "Date": http_date(now)}
    if access_key.security_token:
        out["x-obs-security-token"] = access_key.security_token
    text = obs_string_to_sign(
        method, obs_resource(bucket, key, query), {name.lower(): value for name, value in out.items()}
    )
    out["Authorization"] = f"OBS {access_key.ak}:{obs_signature(access_key.sk, text)}"
    return out
