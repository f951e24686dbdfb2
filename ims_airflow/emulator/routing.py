"""One port serves four services and the control path: which of them is meant, and which bucket."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from ims_airflow.emulator.wire import Ask
from ims_airflow.protocol.message import Service

CONTROL = "/_emulator"

_BY_HOST = {"ims": Service.IMS, "iam": Service.IAM, "sts": Service.IAM, "obs": Service.OBS}
_BY_PATH = (
    (re.compile(r"/(meta-data|openstack)/"), Service.METADATA),
    (re.compile(r"/v(3|3\.0|5)(/|$)"), Service.IAM),
    (re.compile(r"/v(1|1\.0|1\.1|2|2\.1)(/|$)"), Service.IMS),
)
_OBS_SCHEMES = ("OBS ", "AWS ", "AWS4-HMAC-SHA256 ")


@dataclass(frozen=True, slots=True)
class Address:
    """Which bucket and object a request to OBS means.

    :param virtual: whether the bucket stood in the host name.
    """

    bucket: str
    key: str
    virtual: bool


def is_control(ask: Ask) -> bool:
    """Whether a request is for the emulator itself."""
    return ask.raw_path == CONTROL or ask.raw_path.startswith(f"{CONTROL}/")


def service_of(ask: Ask) -> Service:
    """Tell the service that a request is for.

    The signature's scheme is the surest sign, then the host name, then the path. What fits nothing is a
    bucket's name.
    """
    scheme = ask.header("authorization")
    if scheme.startswith(_OBS_SCHEMES) or is_url_signed(ask):
        return Service.OBS
    host = _host(ask)
    if ".obs." in host:
        return Service.OBS
    first, _, rest = host.partition(".")
    if rest and first in _BY_HOST:
        return _BY_HOST[first]
    if host.endswith(".localhost") or "apiversion" in ask.args:
        return Service.OBS
    for pattern, service in _BY_PATH:
        if pattern.match(ask.raw_path):
            return service
    gateway = scheme.startswith("SDK-HMAC-SHA256 ") or bool(ask.header("x-auth-token"))
    return Service.IMS if gateway else Service.OBS


def is_url_signed(ask: Ask) -> bool:
    """Whether an OBS request carries its signature in the query."""
    args = ask.args
    return "Signature" in args and ("AccessKeyId" in args or "AWSAccessKeyId" in args)


def obs_address(ask: Ask, buckets: Collection[str]) -> Address:
    """Tell bucket and key of a request to OBS.

    :param buckets: those that exist; a bucket's name may hold dots, so the longest that fits is meant.
    """
    bucket = _bucket_in_host(_host(ask), buckets)
    path = ask.path.removeprefix("/")
    if bucket:
        return Address(bucket, path, virtual=True)
    bucket, _, key = path.partition("/")
    return Address(bucket, key, virtual=False)


def _bucket_in_host(host: str, buckets: Collection[str]) -> str:
    if _is_address(host) or "." not in host or host.startswith("obs."):
        return ""
    if ".obs." in host or host.endswith(".localhost"):
        return host.partition(".obs.")[0].removesuffix(".localhost")
    known = [name for name in buckets if host.startswith(f"{name}.")]
    return max(known, key=len) if known else host.partition(".")[0]


def _host(ask: Ask) -> str:
    host = ask.header("host").lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
