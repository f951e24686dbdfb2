from __future__ import annotations

import pytest
from scripted import Answer, Clock, Lines, ok, run

from ims_airflow.exceptions import (
    AccessDeniedError,
    JobNotFollowedError,
    JobTimeoutError,
    NotFoundError,
    RequestRejectedError,
    ServiceError,
)
from ims_airflow.protocol.deletion import BUDGET, GoneWatch, request_deletion
from ims_airflow.protocol.message import Call, Response
from ims_airflow.protocol.waiting import Deadline, follow


class Cloud:
    """Lists images until they have been asked for a number of times.

    :param looks: how often each image still shows.
    """

    def __init__(self, clock: Clock, **looks: int) -> None:
        self.clock = clock
        self.looks = looks
        self.times: list[float] = []
        self.status = "active"

    def __call__(self, call: Call) -> Answer:
        image_id = dict(call.query)["id"]
        self.times.append(self.clock.now)
        self.looks[image_id] -= 1
        there = self.looks[image_id] >= 0
        return ok({"images": [{"id": image_id, "status": self.status}] if there else []})


def watch(clock: Clock, *image_ids: str) -> GoneWatch:
    return GoneWatch(image_ids, started=clock.now, log=Lines())


def test_the_wait_ends_when_the_last_image_is_gone() -> None:
    clock = Clock()
    cloud, looking = Cloud(clock, a=0, b=3), watch(clock, "a", "b")
    assert run(follow(looking, clock.surroundings(), None), cloud, clock)
    assert looking.left == []
    assert len(cloud.times) == 5  # the one that is gone is not asked for again


def test_the_looks_become_rarer() -> None:
    clock = Clock()
    cloud = Cloud(clock, a=9)
    run(follow(watch(clock, "a"), clock.surroundings(), None), cloud, clock)
    pauses = [later - earlier for earlier, later in zip(cloud.times, cloud.times[1:], strict=False)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30]


def test_a_row_that_says_deleted_is_as_good_as_gone() -> None:
    clock = Clock()
    cloud = Cloud(clock, a=99)
    cloud.status = "deleted"
    assert run(follow(watch(clock, "a"), clock.surroundings(), None), cloud, clock)


def test_what_does_not_go_is_named_at_the_deadline() -> None:
    clock = Clock()
    looking = watch(clock, "a", "b")
    flow = follow(looking, clock.surroundings(), Deadline(clock.now + 60))
    with pytest.raises(JobTimeoutError, match="the removal of the images was not done in time"):
        run(flow, Cloud(clock, a=0, b=999), clock)
    assert looking.left == ["b"]


def test_trouble_is_forgiven_for_a_while() -> None:
    clock = Clock()
    began, cloud = clock.now, Cloud(clock, a=0)

    def troubled(call: Call) -> Answer:
        return ServiceError("busy", status=503) if clock.now < began + BUDGET / 2 else cloud(call)

    assert run(follow(watch(clock, "a"), clock.surroundings(), None), troubled, clock)
    with pytest.raises(JobNotFollowedError, match="the removal of image a could not be asked about"):
        run(
            follow(watch(clock, "a"), clock.surroundings(), None),
            lambda _: ServiceError("busy", status=503),
            clock,
        )


def test_a_deletion_is_asked_for_by_id() -> None:
    def server(call: Call) -> Answer:
        assert (call.method, call.path) == ("DELETE", "/v2/images/a")
        return Response(204, {})

    assert run(request_deletion("a"), server) is True


@pytest.mark.parametrize("code", ["IMG.0027", "IMG.0144", ""])
def test_an_unknown_image_is_told_apart(code: str) -> None:
    assert run(request_deletion("a"), lambda _: NotFoundError("none", status=404, code=code)) is False


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("no such API", status=404, code="APIGW.0101"),
        NotFoundError("no such API", status=404, code="APIG.0101"),
        RequestRejectedError("protected", status=400, code="IMG.0091"),
        AccessDeniedError("not the owner", status=400, code="IMG.0092"),
        ServiceError("being made", status=400, code="IMG.0090"),
    ],
)
def test_every_other_refusal_is_an_error(error: Exception) -> None:
    with pytest.raises(type(error)):
        run(request_deletion("a"), lambda _: error)
