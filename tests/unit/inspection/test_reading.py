"""Reading is clamped, remembered and capped, from a file as from OBS."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripted import run

from ims_airflow.exceptions import RequestRejectedError, UnusableAnswerError
from ims_airflow.inspection.reading import (
    MOST_BYTES,
    MOST_REQUESTS,
    Effort,
    Reading,
    Wanted,
    frugal,
    read_file,
    read_object,
)
from ims_airflow.protocol.image_url import ImageUrl
from ims_airflow.protocol.message import Call, Response
from ims_airflow.protocol.obs_range import SMALL_OBJECT, read_range

URL = ImageUrl("image-test", "disk.raw")
CONTENT = bytes(range(256)) * 4


def wish(*stretches: tuple[int, int]) -> Reading[list[bytes]]:
    found = []
    for offset, length in stretches:
        found.append((yield Wanted(offset, length)))
    return found


def server(call: Call) -> Response | Exception:
    start, end = (int(text) for text in call.headers["Range"].removeprefix("bytes=").split("-"))
    if start >= len(CONTENT):
        return RequestRejectedError("beyond", status=416, code="InvalidRange")
    body = CONTENT[start : end + 1]
    said = f"bytes {start}-{start + len(body) - 1}/{len(CONTENT)}"
    return Response(206, {"etag": '"abc"', "content-range": said}, body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "disk").write_bytes(CONTENT)
    return tmp_path / "disk"


def test_wishes_are_cut_to_the_file_and_read_once(path: Path) -> None:
    effort = Effort()
    wishes = wish((0, 600), (10, 5), (1000, 4096), (1000, 24), (5000, 10), (-8, 8), (2**70, 1), (0, 0))
    found = read_file(path, frugal(wishes, len(CONTENT), effort))
    assert found == [CONTENT[:600], CONTENT[10:15], CONTENT[1000:], CONTENT[1000:], b"", b"", b"", b""]
    assert (effort.requests, effort.bytes_read) == (2, 624)


def test_no_file_costs_more_than_the_limits(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**33)
    effort = Effort()
    found = read_file(path, frugal(wish((0, 3 * 2**20), (2**30, 3 * 2**20), (2**31, 5)), 2**33, effort))
    assert [len(data) for data in found] == [3 * 2**20, 2**20, 0]
    assert effort.bytes_read == MOST_BYTES
    effort = Effort()
    read_file(path, frugal(wish(*((n * 10, 1) for n in range(50))), 2**33, effort))
    assert effort.requests == MOST_REQUESTS


def test_an_object_is_read_like_a_file(path: Path) -> None:
    wishes = (0, 600), (100, 3), (1020, 100)
    from_file = read_file(path, frugal(wish(*wishes), len(CONTENT), Effort()))
    assert run(read_object(URL, "abc", frugal(wish(*wishes), len(CONTENT), Effort())), server) == from_file


def test_read_range_asks_for_the_stretch_and_caps_the_answer() -> None:
    asked: list[Call] = []

    def noting(call: Call) -> Response | Exception:
        asked.append(call)
        return server(call)

    assert run(read_range(URL, 8, 16, "abc"), noting) == CONTENT[8:24]
    (call,) = asked
    assert (call.method, call.bucket, call.path) == ("GET", URL.bucket, URL.key)
    assert dict(call.headers) == {"Range": "bytes=8-23"}
    assert call.read_limit == SMALL_OBJECT


def test_the_end_of_an_object_may_come_early() -> None:
    assert run(read_range(URL, 1020, 50, ""), server) == CONTENT[1020:]


def test_a_server_without_ranges() -> None:
    whole = Response(200, {"etag": '"abc"'}, CONTENT)
    assert run(read_range(URL, 8, 4, "abc"), lambda _call: whole) == CONTENT[8:12]


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({"etag": '"other"', "content-range": "bytes 0-3/9"}, b"abcd", "has changed"),
        ({}, b"abcd", "another stretch"),
        ({"content-range": "bytes 1-4/9"}, b"abcd", "another stretch"),
        ({"content-range": "bytes 0-4/9"}, b"abcd", "another stretch"),
        ({"content-range": "bytes 0-7/9"}, b"abcdefgh", "another stretch"),
        ({"content-range": "bytes 0-1/9"}, b"ab", "2 bytes .* instead of 4"),
        ({"content-range": "items 0-3/9"}, b"abcd", "another stretch"),
    ],
)
def test_answers_that_are_not_the_stretch(headers: dict[str, str], body: bytes, message: str) -> None:
    with pytest.raises(UnusableAnswerError, match=message):
        run(read_range(URL, 0, 4, "abc"), lambda _call: Response(206, headers, body))


def test_an_object_that_became_shorter() -> None:
    with pytest.raises(UnusableAnswerError, match="ends before byte 5000: it has changed"):
        run(read_range(URL, 5000, 4, "abc"), server)


def test_other_refusals_pass_through() -> None:
    refusal = RequestRejectedError("archived", status=403, code="InvalidObjectState")
    with pytest.raises(RequestRejectedError, match="archived"):
        run(read_range(URL, 0, 4, ""), lambda _call: refusal)
