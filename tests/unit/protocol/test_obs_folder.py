from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest
from scripted import Answer, Lines, run, script

from ims_airflow.exceptions import AccessDeniedError, AnswerLostError, NotFoundError, ServiceError
from ims_airflow.protocol.image_file_watch import ImageFileWatch
from ims_airflow.protocol.image_url import parse_image_url
from ims_airflow.protocol.message import Call, Response
from ims_airflow.protocol.obs_folder import SEVERAL, Folder, Folders
from ims_airflow.protocol.polling import PollPolicy

FRESH = 54.0


def listing(*keys: str, truncated: str = "false", root: str = "ListBucketResult") -> Response:
    files = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
    body = f"<{root} xmlns='x'><IsTruncated>{truncated}</IsTruncated>{files}</{root}>"
    return Response(200, {}, body.encode())


class Server:
    """Answers listings from a list and counts them."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = script(*answers)
        self.calls: list[Call] = []

    def __call__(self, call: Call) -> Answer:
        self.calls.append(call)
        return self._answers(call)


def lacks(folder: Folder, key: str, server: Callable[[Call], Answer], now: float = 0.0) -> bool:
    return run(folder.lacks(key, now, FRESH), server)


def test_a_listing_tells_what_is_not_there() -> None:
    folder, server = Folder("b-1", "in/", SEVERAL), Server(listing("in/a", "in/b"))
    assert [lacks(folder, key, server) for key in ("in/a", "in/c")] == [False, True]
    call = server.calls[0]
    assert dict(call.query) == {"prefix": "in/", "delimiter": "/", "max-keys": "1000"}
    assert (call.bucket, call.fresh, call.attempts) == ("b-1", FRESH, 1)


def test_a_folder_with_few_who_wait_is_not_listed() -> None:
    server = Server(listing())
    assert not lacks(Folder("b-1", "in/", SEVERAL - 1), "in/a", server)
    assert not server.calls


@pytest.mark.parametrize(
    "answer",
    [
        AccessDeniedError("no", status=403),
        NotFoundError("no such bucket", status=404),
        listing(truncated="true"),
        listing(truncated=""),
    ],
    ids=["denied", "no bucket", "more than a page", "does not say"],
)
def test_a_folder_that_cannot_be_listed_is_never_listed_again(answer: Answer) -> None:
    folder, server = Folder("b-1", "in/", SEVERAL), Server(answer, listing())
    assert [lacks(folder, "in/a", server, now) for now in (0, 60, 1e9)] == [False] * 3
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        ServiceError("down", status=503),
        AnswerLostError("lost"),
        listing(root="html"),
        Response(200, {}, b"<ListBucketResult"),
    ],
    ids=["503", "lost", "something else", "cut"],
)
def test_after_trouble_a_folder_is_listed_again_an_interval_later(answer: Answer) -> None:
    folder, server = Folder("b-1", "in/", SEVERAL), Server(answer, listing())
    assert [lacks(folder, "in/a", server, now) for now in (0, FRESH - 1)] == [False, False]
    assert len(server.calls) == 1
    assert lacks(folder, "in/a", server, FRESH)


def test_folders_are_kept_while_somebody_waits() -> None:
    folders = Folders()
    with ExitStack() as stack:
        one, other = (stack.enter_context(folders.visit("b-1", "in/")) for _ in range(2))
        elsewhere = stack.enter_context(folders.visit("b-2", "in/"))
        assert one is other
        assert (one.watches, elsewhere.watches) == (2, 1)
    assert folders == Folders()


@pytest.mark.parametrize(
    ("key", "place"),
    [("a", ""), ("in/a", "in/"), ("in/deep/a", "in/deep/"), ("in/*.qcow2", "in/*.qcow2")],
)
def test_where_a_watch_meets_others(key: str, place: str) -> None:
    watch = ImageFileWatch(
        parse_image_url(f"b-1:{key}"), region="r", policy=PollPolicy(60), started=0.0, log=Lines()
    )
    assert watch.place == ("b-1", place)


class Obs:
    """A bucket with one file, whose open uploads somebody else has listed before."""

    def __init__(self, *uploads: str) -> None:
        self.uploads = list(uploads)
        self.freshness: list[float] = []

    def __call__(self, call: Call) -> Answer:
        if call.method == "HEAD":
            return Response(200, {"content-length": "5", "etag": '"e"'})
        self.freshness.append(call.fresh)
        key = self.uploads.pop(0)
        body = f"<R><IsTruncated>false</IsTruncated><Upload><Key>{key}</Key></Upload></R>"
        return Response(200, {}, body.encode())


@pytest.mark.parametrize(
    ("uploads", "whole", "freshness"),
    [
        (["in/a"], False, [FRESH]),  # an old answer is good enough to wait on
        (["in/b", "in/a"], False, [FRESH, 1.0]),  # but not to go ahead
        (["in/b", "in/b"], True, [FRESH, 1.0]),
    ],
)
def test_an_old_answer_that_nobody_uploads_is_not_believed(
    uploads: list[str], whole: bool, freshness: list[float]
) -> None:
    watch = ImageFileWatch(
        parse_image_url("b-1:in/a"), region="", policy=PollPolicy(60), started=0.0, log=Lines()
    )
    watch.folder = Folder("b-1", "in/", watches=1)
    obs = Obs(*uploads)
    assert (run(watch.look(0.0), obs) is not None) is whole
    assert obs.freshness == freshness
