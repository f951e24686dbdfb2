"""``image_url``: where in OBS an image file lies, spelled ``bucket:key``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from ims_airflow.protocol.validation import Violation, raise_for

SOURCE = "IMS API reference, 使用外部镜像文件制作数据镜像"
OBS_SOURCE = "OBS API reference, 创建桶"
OBS_KEY_SOURCE = "OBS API reference, PUT上传"
ERROR_CODES = "IMS API reference, 错误码"
LONGEST_KEY = 1024  # bytes of UTF-8

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_BUCKET_RULE = (
    "must have 3 to 63 lower-case letters, digits, '-' and '.', the first and the last a letter or digit"
)
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)/*([^?#]*)")


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """The address of an object.

    :param key: the object's key, not percent-encoded.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.bucket}:{self.key}"


def parse_image_url(text: object) -> ImageUrl:
    """Split ``bucket:key`` at the first colon, which no bucket's name can hold.

    :raises InvalidInputError: it breaks a rule.
    """
    raise_for("image_url", image_url_violations(text))
    bucket, _, key = str(text).partition(":")
    return ImageUrl(bucket, key)


def image_url_violations(value: object) -> list[Violation]:
    """Return every rule that an ``image_url`` breaks."""
    if not isinstance(value, str) or not value:
        return [Violation("image_url", value, "must be text of the form bucket:key", SOURCE)]
    if url := _URL.match(value):
        rule = f"must be spelled bucket:key, not as a URL; probably {_respelled(url)!r} is meant"
        return [Violation("image_url", value, rule, SOURCE)]
    bucket, colon, key = value.partition(":")
    if not colon:
        return [Violation("image_url", value, "must be bucket:key, and it has no colon", SOURCE)]
    return [
        Violation("image_url", value, rule, source)
        for broken, rule, source in (*_bucket_rules(bucket), *_key_rules(key))
        if broken
    ]


def _bucket_rules(bucket: str) -> list[tuple[bool, str, str]]:
    return [
        (_BUCKET.fullmatch(bucket) is None, f"the bucket {bucket[:70]!r} {_BUCKET_RULE}", OBS_SOURCE),
        (".." in bucket, "the bucket must not have two dots in a row", OBS_SOURCE),
        (_IPV4.fullmatch(bucket) is not None, "the bucket must not look like an IP address", OBS_SOURCE),
    ]


def _key_rules(key: str) -> list[tuple[bool, str, str]]:
    segments = key.split("/")
    return [
        (not key, "the key behind the colon is empty", SOURCE),
        (_size(key) > LONGEST_KEY, f"the key must have at most {LONGEST_KEY} bytes in UTF-8", OBS_KEY_SOURCE),
        (
            " " in key,
            "the key must not hold spaces, neither in folders nor in the file (IMG.0175)",
            ERROR_CODES,
        ),
        (key.startswith("/"), "the key must not start with '/'", SOURCE),
        # HTTP clients resolve such segments on the way, so that the signature covers another object.
        ("." in segments or ".." in segments, "the key must not hold '.' or '..' as a folder", ""),
        (not _printable(key), "the key must not hold control characters or broken Unicode", ""),
    ]


def _size(key: str) -> int:
    return len(key.encode("utf-8", "replace"))


def _printable(key: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cs"} for char in key)


def _respelled(url: re.Match[str]) -> str:
    scheme, host, path = url[1], url[2].rpartition("@")[2], unquote(url[3])
    if scheme.lower() not in {"http", "https"}:
        return f"{host}:{path}"  # obs://bucket/key and its kind
    bucket, in_host, _ = host.partition(".obs.")
    if in_host:
        return f"{bucket}:{path}"
    bucket, _, path = path.partition("/")
    return f"{bucket}:{path}"
