"""Reading a stretch of an object. Source: OBS API reference, "Downloading Objects" (header ``Range``)."""

from __future__ import annotations

import re

from ims_airflow.exceptions import ApiError, UnusableAnswerError
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Call, Flow, Response, Service

# A server that does not know ranges sends the whole object. That is fine as long as it is small.
SMALL_OBJECT = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,20})-([0-9]{1,20})/([0-9]{1,20}|\*)")


def read_range(url: ImageUrl, start: int, length: int, etag: str, *, attempts: int = 4) -> Flow[bytes]:
    """Return the bytes from ``start``; fewer than ``length`` where the object ends before.

    :param start: first byte, from 0.
    :param length: number of bytes, at least 1.
    :param etag: of the object as it was looked at before, without quotes; empty when that is not known.
    :raises UnusableAnswerError: the object has changed meanwhile, or the answer is not the stretch.
    """
    call = Call(
        Service.OBS,
        "GET",
        url.key,
        bucket=url.bucket,
        headers={"Range": f"bytes={start}-{start + length - 1}"},
        attempts=attempts,
        read_limit=max(length, SMALL_OBJECT),
    )
    try:
        response = yield call
    except ApiError as error:
        if error.status == 416:
            raise UnusableAnswerError(f"object {url} ends before byte {start}: it has changed") from error
        raise
    found = response.headers.get("etag", "").strip('"')
    if etag and found and found != etag:
        raise UnusableAnswerError(f"object {url} has changed while it was being read")
    return _stretch(response, url, start, length)


def _stretch(response: Response, url: ImageUrl, start: int, length: int) -> bytes:
    if response.status != 206:
        return response.body[start : start + length]
    said = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    got = len(response.body)
    if said is None or int(said[1]) != start or int(said[2]) - start + 1 != got or got > length:
        raise UnusableAnswerError(f"OBS answered with another stretch of {url} than bytes {start} and on")
    if got < length and (said[3] == "*" or start + got != int(said[3])):
        raise UnusableAnswerError(f"OBS answered with {got} bytes of {url} instead of {length}")
    return response.body
