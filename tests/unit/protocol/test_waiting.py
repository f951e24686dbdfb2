from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer, Clock, Lines, ok, run, script

from ims_airflow.exceptions import (
    AnswerLostError,
    ImageNotUsableError,
    ImsAirflowError,
    InvalidInputError,
    JobFailedError,
    JobNotFollowedError,
    JobTimeoutError,
    NotFoundError,
    ServiceError,
    ThrottledError,
)
from ims_airflow.protocol.ids import checked_job_id
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.job_watch import JobWatch, Outcome
from ims_airflow.protocol.message import Call, Response
from ims_airflow.protocol.polling import PollPolicy, backoff
from ims_airflow.protocol.waiting import Deadline, follow, rejoin

SUCCESS = {"status": "SUCCESS", "job_id": "j1", "entities": {"image_id": "i1", "image_name": "fedora"}}
ACTIVE = {"images": [{"id": "i1", "name": "fedora", "status": "active"}]}


def running(percent: float = 0.2, task: str = "Import") -> Answer:
    entities = {"process_percent": percent, "current_task": task}
    return ok({"status": "RUNNING", "job_id": "j1", "entities": entities})


class Ims:
    """Answers job queries from one list and image lists from another; the last answer of each repeats."""

    def __init__(self, jobs: list[Answer], images: list[Answer] | None = None) -> None:
        self._jobs = script(*jobs)
        self._images = script(*(images or [ok(ACTIVE)]))
        self.jobs_asked = 0

    def __call__(self, call: Call) -> Answer:
        if call.path == "/v2/cloudimages":
            return self._images(call)
        self.jobs_asked += 1
        return self._jobs(call)


def followed(
    ims: Ims, clock: Clock, log: Lines | None = None, deadline: float | None = None, **arguments: Any
) -> Outcome:
    watch = JobWatch(arguments.pop("job_id", "j1"), started=clock.now, log=log or Lines(), **arguments)
    limit = None if deadline is None else Deadline(clock.now + deadline)
    return run(follow(watch, clock.surroundings(), limit), ims, clock)


def test_a_job_is_followed_to_its_active_image() -> None:
    clock, log = Clock(), Lines()
    outcome = followed(Ims([ok({"status": "INIT"}), running(), running(0.9), ok(SUCCESS)]), clock, log)
    result = outcome.as_dict()
    assert {
        "job_id": "j1",
        "status": "SUCCESS",
        "image_id": "i1",
        "image_name": "fedora",
    }.items() <= result.items()
    assert {"begin_time", "end_time", "image_status"} <= result.keys()
    assert "RUNNING, 20%, Import" in log.text


def test_ten_minutes_of_trouble_are_forgiven_and_told() -> None:
    clock, log = Clock(), Lines()
    start = clock.now

    def ims(call: Call) -> Answer:
        if call.path == "/v2/cloudimages":
            return ok(ACTIVE)
        return ServiceError("down", status=503) if clock.now - start < 600 else ok(SUCCESS)

    watch = JobWatch("j1", started=start, log=log)
    outcome = run(follow(watch, clock.surroundings(), None), ims, clock)
    assert outcome.trouble == pytest.approx(600, abs=61)
    assert "answers again after" in log.text


def test_trouble_beyond_the_budget_is_a_retryable_error() -> None:
    with pytest.raises(JobNotFollowedError, match="budget is 900 s") as caught:
        followed(Ims([AnswerLostError("reset")]), Clock())
    assert caught.value.retryable


@pytest.mark.parametrize("error", [ThrottledError("slow", status=429, retry_after=77.0)])
def test_retry_after_is_obeyed_while_following(error: ThrottledError) -> None:
    clock = Clock()
    start = clock.now
    followed(Ims([error, ok(SUCCESS)]), clock)
    assert clock.now - start == pytest.approx(77, abs=1)


def test_a_failed_job_tells_why_and_what_to_do() -> None:
    fail = ok({"status": "FAIL", "job_id": "j1", "error_code": "IMG.0057", "fail_reason": "no such file"})
    with pytest.raises(JobFailedError, match=r"IMG\.0057: no such file") as caught:
        followed(Ims([running(), fail]), Clock())
    assert "What to do:" in str(caught.value)
    assert not caught.value.retryable


def test_the_deadline_has_an_error_of_its_own_and_is_met_in_time() -> None:
    clock = Clock()
    start = clock.now
    with pytest.raises(JobTimeoutError, match="timeout"):
        followed(Ims([running()]), clock, deadline=33)
    assert clock.now - start == pytest.approx(33)


@pytest.mark.parametrize(
    ("jobs", "seen"),
    [
        ([ok({"status": "INIT", "job_id": "j1"})], "INIT"),
        ([ok({"status": "INIT", "job_id": "j1"}), running(0.4)], "RUNNING, 40%"),
        ([running(), ServiceError("down", status=503)], "no answer, HTTP 503: down"),
        ([NotFoundError("no job", status=404)], "IMS does not know it"),
        ([ok(SUCCESS)], "SUCCESS, but its image is not in the image list"),
    ],
    ids=["queued", "running", "trouble", "unknown", "settling"],
)
def test_the_deadline_s_error_tells_its_length_and_what_was_seen_last(jobs: list[Answer], seen: str) -> None:
    with pytest.raises(JobTimeoutError) as caught:
        followed(Ims(jobs, [ok({"images": []})]), Clock(), deadline=50, policy=PollPolicy(fixed=20))
    assert str(caught.value) == f"job j1 was not done in time (timeout of 50 s). Last seen: {seen}"


def test_an_unknown_status_is_followed_on_with_a_warning() -> None:
    log = Lines()
    followed(Ims([ok({"status": "PAUSED"}), ok(SUCCESS)]), Clock(), log)
    assert "unknown status 'PAUSED'" in log.text


def test_success_without_image_id_is_an_error() -> None:
    with pytest.raises(ImageNotUsableError, match="names no image_id"):
        followed(Ims([ok({"status": "SUCCESS", "entities": {}})]), Clock())


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ([], "is not in the image list"),
        ([{"id": "i1", "status": "queued"}], "'queued'"),
        ([{"id": "i1", "status": "killed"}], "'killed'"),
    ],
)
def test_success_without_an_active_image_is_an_error(row: list[Any], state: str) -> None:
    with pytest.raises(ImageNotUsableError, match=state):
        followed(Ims([ok(SUCCESS)], [ok({"images": row})]), Clock())


def test_an_image_that_turns_active_late_is_waited_for_without_asking_about_the_job_again() -> None:
    clock, ims = Clock(), Ims([ok(SUCCESS)], [ok({"images": []}), ok({"images": []}), ok(ACTIVE)])
    assert followed(ims, clock).image
    assert ims.jobs_asked == 1


def test_an_adopted_image_is_followed_by_its_own_status() -> None:
    saving = ok({"images": [{"id": "i1", "status": "saving"}]})
    outcome = followed(Ims([], [saving, ok(ACTIVE)]), Clock(), job_id="image:i1")
    assert outcome.as_dict()["job_id"] == "image:i1"
    assert outcome.as_dict()["image_id"] == "i1"


@pytest.mark.parametrize("row", [{"id": "i1", "status": "killed"}, None])
def test_an_adopted_image_that_breaks_is_a_failed_job(row: dict[str, str] | None) -> None:
    with pytest.raises(JobFailedError):
        followed(Ims([], [ok({"images": [row] if row else []})]), Clock(), job_id="image:i1")


def test_a_job_that_is_not_known_yet_gets_a_minute() -> None:
    unknown = NotFoundError("no such job", status=404)
    assert followed(Ims([unknown, unknown, ok(SUCCESS)]), Clock()).image
    with pytest.raises(NotFoundError):
        followed(Ims([unknown]), Clock())


def test_trouble_with_the_image_list_uses_up_the_budget_too() -> None:
    ims = Ims([ok(SUCCESS)], [ServiceError("down", status=503)])
    with pytest.raises(JobNotFollowedError):
        followed(ims, Clock())
    assert ims.jobs_asked == 1


def test_a_query_that_finds_no_job_for_long_says_so() -> None:
    trouble = ServiceError("An exception occurred during task query.", status=400, code="IMG.0023")
    assert followed(Ims([trouble, trouble, ok(SUCCESS)]), Clock()).image
    with pytest.raises(NotFoundError, match="perhaps there is no such job"):
        followed(Ims([trouble]), Clock())


def test_trouble_survives_from_poke_to_poke() -> None:
    clock = Clock()
    ims = Ims([ServiceError("down", status=503)])
    first = JobWatch("j1", started=clock.now, log=Lines(), budget=100)
    run(first.look(clock.now), ims)
    second = JobWatch("j1", started=clock.now, log=Lines(), budget=100)
    second.recall(first.memo())
    with pytest.raises(JobNotFollowedError):
        run(second.look(clock.now + 101), ims)


def test_looks_trouble_and_time_are_counted_from_poke_to_poke() -> None:
    clock = Clock()
    ims = Ims([ok({"status": "INIT"}), ServiceError("down", status=503), running(), ok(SUCCESS)])
    memo: dict[str, Any] = {}
    outcome = None
    while outcome is None:
        watch = JobWatch("j1", started=clock.now, submitted=clock.now, log=Lines())
        watch.recall(memo)
        outcome = run(watch.look(clock.now), ims)
        memo = json.loads(json.dumps(watch.memo()))
        clock.now += 30
    result = outcome.as_dict()
    assert (result["polls"], result["trouble_seconds"]) == (4, 30)
    assert result["seconds"] == {"upload_check": None, "queue": None, "job": 90.0}


def test_each_look_is_told_and_whether_it_was_worth_a_line() -> None:
    told: list[tuple[str, float | None, bool]] = []

    class Ear:
        def tell(self, job: Job, _now: float, spoke: bool) -> None:
            told.append((job.status, job.progress, spoke))

    watch = JobWatch("j1", started=0.0, log=Lines(), listener=Ear())
    ims = Ims([ok({"status": "INIT"}), running(0.2), running(0.25), ok({"status": "FAIL"})])
    for now in range(3):
        run(watch.look(float(now)), ims)
    with pytest.raises(JobFailedError):
        run(watch.look(3.0), ims)
    assert told == [
        ("INIT", None, True),
        ("RUNNING", 0.2, True),
        ("RUNNING", 0.25, False),
        ("FAIL", None, True),
    ]


@pytest.mark.parametrize("job_id", ["", None, "a/b", "../x", 7, "image:", "x" * 200])
def test_a_strange_job_id_is_refused(job_id: Any) -> None:
    with pytest.raises(InvalidInputError, match="job_id"):
        checked_job_id(job_id)


JOBS = st.sampled_from(
    [
        ok({"status": "INIT"}),
        running(),
        ok({"status": "SUCCESS", "entities": {"image_id": "i1"}}),
        ok({"status": "SUCCESS", "entities": {}}),
        ok({"status": "FAIL", "error_code": "IMG.0057"}),
        ok({"status": "success", "entities": {"sub_jobs_result": [{"entities": {"image_id": "i1"}}]}}),
        ok({"status": "PAUSED"}),
        ok({"status": 7}),
        ok([]),
        Response(200, {}, b'{"sta'),
        AnswerLostError("reset"),
        ServiceError("down", status=503),
        ThrottledError("slow", status=429, retry_after=40.0),
        NotFoundError("unknown", status=404),
    ]
)
IMAGES = st.sampled_from(
    [
        ok({"images": []}),
        ok({"images": [{"id": "i1", "status": "queued"}]}),
        ok({"images": [{"id": "i1", "status": "active"}]}),
        ok({"images": [{"id": "i1", "status": "killed"}]}),
        ok({"images": [{"id": "i2", "status": "active"}]}),
        ok({"images": [{"name": "no id"}]}),
        ok({"images": "none"}),
        AnswerLostError("reset"),
    ]
)


@given(st.lists(JOBS, min_size=1, max_size=8), st.lists(IMAGES, min_size=1, max_size=8), st.booleans())
def test_whatever_is_answered_it_ends_and_never_well_without_an_active_image(
    jobs: list[Answer], images: list[Answer], adopted: bool
) -> None:
    clock = Clock()
    start = clock.now
    try:
        job_id = "image:i1" if adopted else "j1"
        outcome = followed(Ims(jobs, images), clock, deadline=1800, job_id=job_id)
    except ImsAirflowError:
        pass
    else:
        assert outcome.image is not None
        assert (outcome.image.image_id, outcome.image.status) == ("i1", "active")
    assert clock.now - start <= 1801


def moments(policy: PollPolicy, length: float, chance: float) -> Iterator[float]:
    elapsed = 0.0
    while elapsed < length:
        elapsed += policy.wait(elapsed, chance)
        yield elapsed


@pytest.mark.parametrize("minutes", [2, 5, 10, 30, 60, 120])
@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_polling_never_asks_more_often_than_every_ten_seconds(minutes: int, chance: float) -> None:
    calls = list(moments(PollPolicy(), minutes * 60, chance))
    assert len(calls) <= minutes * 6
    if minutes >= 60:
        assert len(calls) <= minutes * 2


def test_a_fixed_interval_is_fixed() -> None:
    assert list(moments(PollPolicy(fixed=3), 9, 0.7)) == [3, 6, 9]


def test_backoff_doubles_to_its_limit_and_obeys_retry_after() -> None:
    assert [backoff(n, 1.0) for n in (1, 2, 3, 7, 90)] == [1, 2, 4, 60, 60]
    assert backoff(1, 0.0, retry_after=300.0) == 300
    assert backoff(1, 0.0, retry_after=1e12) == 3600


def test_a_process_that_takes_over_looks_when_the_other_one_would_have_looked() -> None:
    clock = Clock()
    start = clock.now
    watch = JobWatch("j1", started=start, log=Lines())
    clock.now += 3  # from the worker's look to the start of the trigger
    assert clock.now - start + rejoin(watch, clock.surroundings(), None, start) == pytest.approx(10)


def test_taking_over_does_not_oversleep_the_deadline() -> None:
    clock = Clock()
    start = clock.now
    watch = JobWatch("j1", started=start, log=Lines())
    limit = Deadline(start + 4)
    clock.now += rejoin(watch, clock.surroundings(), limit, start)
    assert clock.now - start == pytest.approx(4)
    with pytest.raises(JobTimeoutError):
        run(follow(watch, clock.surroundings(), limit), Ims([running()]), clock)
    assert clock.now - start == pytest.approx(4)


def test_progress_makes_the_next_look_aim_at_the_foreseen_end() -> None:
    clock = Clock()
    watch = JobWatch("j1", started=clock.now, log=Lines())
    clock.now += 60
    run(watch.look(clock.now), Ims([running(0.5)]), clock)
    without = JobWatch("j1", started=clock.now - 60, log=Lines())
    assert watch.wait(clock.now, 0.5) > 4 * without.wait(clock.now, 0.5)
