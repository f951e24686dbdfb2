from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer, Clock, Lines, ok, run, script

from ims_airflow.exceptions import (
    AccessDeniedError,
    AnswerLostError,
    JobNotFollowedError,
    JobTimeoutError,
    NotSentError,
    RequestRejectedError,
    ServiceError,
    ThrottledError,
    TransportError,
    UnusableAnswerError,
)
from ims_airflow.protocol.data_image import DataImageRequest
from ims_airflow.protocol.data_image_tags import tag_pairs
from ims_airflow.protocol.message import Call, Pause, Response
from ims_airflow.protocol.submission import DAG_TAG, MARKER_TAG, Submission, parse_record
from ims_airflow.protocol.waiting import Deadline

REQUEST = DataImageRequest("fedora", "image-test:fedora.qcow2", 40, "Linux")
SETTLING = 60.0


@dataclass
class Memory:
    """Keeps the record as JSON, as the task state store does."""

    stored: str = "null"

    def load(self) -> Any:
        return json.loads(self.stored)

    def save(self, record: Any) -> None:
        self.stored = json.dumps(record)

    def forget(self) -> None:
        self.stored = "null"


@dataclass
class Cloud:
    """Accepts submissions and lists their images, as faithfully as the sources let us say."""

    clock: Clock
    posts: list[Answer | str] = field(default_factory=list)
    lists: list[Answer] = field(default_factory=list)
    visible_after: float = 0.0
    shows_tags: bool = True
    filters_tags: bool = True
    accepted: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, call: Call) -> Answer:
        if call.method == "POST":
            return self._submit(call)
        if self.lists and (error := self.lists.pop(0)):
            return error
        return self._list(dict(call.query))

    def _submit(self, call: Call) -> Answer:
        answer = self.posts.pop(0) if self.posts else "accept"
        if isinstance(answer, str):  # accepted; the rest of the word says what becomes of the answer
            assert isinstance(call.body, bytes)
            job = f"job{len(self.accepted)}"
            self.accepted.append({**json.loads(call.body), "job_id": job, "at": self.clock.now})
            answers: dict[str, Answer] = {
                "accept": ok({"job_id": job}),
                "accept, then reset": AnswerLostError("reset"),
                "accept, then 502": ServiceError("bad gateway", status=502),
                "accept, then half": Response(200, {}, b'{"job_'),
            }
            return answers[answer]
        return answer

    def _list(self, query: dict[str, str]) -> Response:
        rows = []
        for number, image in enumerate(self.accepted):
            tags = {f"{tag['key']}={tag['value']}" for tag in image.get("image_tags", [])}
            tags |= {tag.replace(".", "=", 1) for tag in image.get("tags", [])}
            if self.clock.now < image["at"] + self.visible_after:
                continue
            if "tag" in query and self.filters_tags and query["tag"] not in tags:
                continue
            if query.get("name", image["name"]) != image["name"]:
                continue
            created = Clock(image["at"])
            rows.append(
                {
                    "id": f"image{number}",
                    "name": image["name"],
                    "status": "saving",
                    "created_at": _iso(created.now),
                    "__data_origin": f"file,{image['image_url']}",
                    **({"tags": sorted(tags)} if self.shows_tags else {}),
                }
            )
        return ok({"images": rows})


def _iso(moment: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def submission(
    clock: Clock,
    memory: Memory,
    log: Lines | None = None,
    request: DataImageRequest = REQUEST,
    deadline: Deadline | None = None,
    markers: list[str] | None = None,
    dag_tag: str = "",
) -> Submission:
    names = markers if markers is not None else ["marker1", "marker2", "marker3", "marker4"]
    return Submission(
        request,
        memory,
        scope="cn-north-4",
        new_marker=lambda: names.pop(0),
        dag_tag=dag_tag,
        surroundings=clock.surroundings(),
        log=log or Lines(),
        settling=SETTLING,
        deadline=deadline,
    )


def test_a_plain_submit_is_one_request_with_a_marker() -> None:
    clock, memory, log = Clock(), Memory(), Lines()
    cloud = Cloud(clock)
    assert run(submission(clock, memory, log).run(), cloud, clock) == "job0"
    [accepted] = cloud.accepted
    assert accepted["image_tags"] == [{"key": MARKER_TAG, "value": "marker1"}]
    assert parse_record(memory.load()).job_id == "job0"  # type: ignore[union-attr]
    assert "job_id job0" in log.text
    assert "marker1" in log.text


@pytest.mark.parametrize("number", [0, 8, 9, 10])
def test_the_dag_is_named_in_a_tag_where_there_is_room_beside_the_marker(number: int) -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock)
    request = replace(REQUEST, tags=[f"k{n}.v" for n in range(number)] or None)
    run(submission(clock, memory, request=request, dag_tag="my.dag").run(), cloud, clock)
    [accepted] = cloud.accepted
    sent = dict(tag_pairs(accepted.get("tags"), accepted.get("image_tags")))
    assert sent.get(MARKER_TAG) == ("marker1" if number < 10 else None)
    assert sent.get(DAG_TAG) == ("my.dag" if number < 9 else None)
    assert parse_record(memory.load()).fingerprint == submission(clock, memory, request=request).fingerprint  # type: ignore[union-attr]


@pytest.mark.parametrize("shows_tags", [True, False])
@pytest.mark.parametrize("number", [0, 9])
def test_an_image_with_both_tags_is_adopted_by_its_marker(number: int, shows_tags: bool) -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, ["accept, then reset"], shows_tags=shows_tags)
    request = replace(REQUEST, tags=[f"k{n}.v" for n in range(number)] or None)
    made = submission(clock, memory, request=request, dag_tag="my.dag", markers=["5" * 32])
    assert run(made.run(), cloud, clock) == "image:image0"
    assert len(cloud.accepted) == 1


def test_the_intent_is_stored_before_the_request_leaves() -> None:
    clock, memory = Clock(), Memory()
    flow = submission(clock, memory).run()
    assert next(flow).method == "POST"  # type: ignore[union-attr]
    record = parse_record(memory.load())
    assert record is not None
    assert (record.state, record.marker, record.sent_at) == ("sent", "marker1", clock.now)


@pytest.mark.parametrize("fate", ["accept, then reset", "accept, then 502", "accept, then half"])
@pytest.mark.parametrize("visible_after", [0, 35])
@pytest.mark.parametrize("shows_tags", [True, False])
def test_a_lost_answer_leads_to_the_image(fate: str, visible_after: float, shows_tags: bool) -> None:
    clock, memory, log = Clock(), Memory(), Lines()
    cloud = Cloud(clock, posts=[fate], visible_after=visible_after, shows_tags=shows_tags)
    assert run(submission(clock, memory, log).run(), cloud, clock) == "image:image0"
    assert len(cloud.accepted) == 1
    assert "Adopting image image0" in log.text


def test_a_request_that_was_not_accepted_is_sent_again_after_the_settling_window() -> None:
    clock, memory, log = Clock(), Memory(), Lines()
    cloud = Cloud(clock, posts=[AnswerLostError("reset")])
    start = clock.now
    assert run(submission(clock, memory, log).run(), cloud, clock) == "job0"
    assert clock.now - start == pytest.approx(SETTLING)
    assert "nobody can tell" in log.text


@pytest.mark.parametrize("steps", [1, 2])
def test_a_worker_killed_anywhere_leaves_one_image(steps: int) -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts=["accept, then reset"])
    flow = submission(clock, memory).run()
    step = next(flow)
    for _ in range(steps - 1):  # then the process is gone, and only the memory is left
        answer = None if isinstance(step, Pause) else cloud(step)
        step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    if isinstance(step, Call):
        cloud(step)  # its last request still reaches the cloud
    target = run(submission(clock, memory).run(), cloud, clock)
    assert target == "image:image0"
    assert len(cloud.accepted) == 1


def test_a_retry_reattaches_without_a_request() -> None:
    clock, memory, log = Clock(), Memory(), Lines()
    cloud = Cloud(clock)
    run(submission(clock, memory).run(), cloud, clock)
    assert run(submission(clock, memory, log).run(), cloud, clock) == "job0"
    assert len(cloud.accepted) == 1
    assert "Reattaching to job0" in log.text


def test_another_request_is_another_submission() -> None:
    clock, memory, log = Clock(), Memory(), Lines()
    cloud = Cloud(clock)
    markers = ["first", "second"]
    run(submission(clock, memory, markers=markers).run(), cloud, clock)
    other = DataImageRequest("fedora", "image-test:other.qcow2", 40, "Linux")
    assert run(submission(clock, memory, log, other, markers=markers).run(), cloud, clock) == "job1"
    assert [image["image_tags"][0]["value"] for image in cloud.accepted] == ["first", "second"]
    assert "The request has changed" in log.text


def test_an_image_with_another_marker_is_never_adopted() -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts=["accept", AnswerLostError("reset")])
    run(submission(clock, Memory(), markers=["theirs"]).run(), cloud, clock)
    assert run(submission(clock, memory, markers=["ours"]).run(), cloud, clock) == "job1"


@pytest.mark.parametrize(
    ("retry_after", "waited"), [(None, 0.5), (30.0, 30.0)], ids=["no Retry-After", "Retry-After"]
)
def test_throttling_is_waited_out(retry_after: float | None, waited: float) -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts=[ThrottledError("slow down", status=429, retry_after=retry_after)])
    start = clock.now
    assert run(submission(clock, memory).run(), cloud, clock) == "job0"
    assert clock.now - start == pytest.approx(waited)


def test_after_a_refusal_a_retry_sends_at_once() -> None:
    clock, memory = Clock(), Memory()
    with pytest.raises(NotSentError):
        run(submission(clock, memory).run(), script(NotSentError("no route")), clock)
    start = clock.now
    assert run(submission(clock, memory).run(), Cloud(clock), clock) == "job0"
    assert clock.now == start


def test_a_final_refusal_is_forgotten() -> None:
    clock, memory = Clock(), Memory()
    with pytest.raises(RequestRejectedError):
        run(submission(clock, memory).run(), script(RequestRejectedError("bad", status=400)), clock)
    assert memory.load() is None


def test_a_denied_list_keeps_the_doubt() -> None:
    clock, memory = Clock(), Memory()
    denied = AccessDeniedError("no ims:images:list", status=403)
    cloud = Cloud(clock, posts=["accept, then reset"], lists=[denied])
    with pytest.raises(AccessDeniedError):
        run(submission(clock, memory).run(), cloud, clock)
    assert run(submission(clock, memory).run(), cloud, clock) == "image:image0"


def test_the_deadline_ends_the_search_and_keeps_the_record() -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts=["accept, then reset"], visible_after=1000)
    with pytest.raises(JobTimeoutError, match="timeout"):
        run(submission(clock, memory, deadline=Deadline(clock.now + 30)).run(), cloud, clock)
    assert parse_record(memory.load()).state == "sent"  # type: ignore[union-attr]


def test_a_forgotten_job_is_looked_up_by_its_image() -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock)
    ours = submission(clock, memory)
    run(ours.run(), cloud, clock)
    assert not ours.job_unknown()  # a young job is never given up
    clock.now += 7200
    assert ours.job_unknown()
    assert run(ours.run(), cloud, clock) == "image:image0"


@pytest.mark.parametrize("visible_after", [0, 35])
def test_with_ten_tags_of_its_own_a_request_is_recognised_by_its_looks(visible_after: float) -> None:
    clock = Clock()
    full = DataImageRequest("fedora", "b-1:k", 40, "Linux", tags=[f"k{n}.v" for n in range(10)])
    cloud = Cloud(clock, posts=["accept, then reset"], visible_after=visible_after)
    assert run(submission(clock, Memory(), request=full).run(), cloud, clock) == "image:image0"
    assert len(cloud.accepted[0]["tags"]) == 10
    assert len(cloud.accepted) == 1


def test_a_forgotten_job_whose_image_shows_late_is_not_submitted_again_at_once() -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, visible_after=7230)
    ours = submission(clock, memory)
    run(ours.run(), cloud, clock)
    clock.now += 7200
    assert ours.job_unknown()
    assert run(ours.run(), cloud, clock) == "image:image0"
    assert len(cloud.accepted) == 1


def test_an_image_list_that_never_answers_uses_up_the_budget() -> None:
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts=["accept, then reset"], lists=[ServiceError("down", status=503)] * 1000)
    with pytest.raises(JobNotFollowedError, match="image list"):
        run(submission(clock, memory).run(), cloud, clock)
    assert parse_record(memory.load()).state == "sent"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {},
        [],
        "x",
        {"marker": 1},
        {"marker": "m", "state": "lost"},
        {"marker": "m", "state": "sent", "sent_at": ""},
    ],
)
def test_a_strange_record_counts_as_none(stored: Any) -> None:
    assert parse_record(stored) is None


FATES = st.sampled_from(
    [
        "accept",
        "accept, then reset",
        "accept, then 502",
        "accept, then half",
        AnswerLostError("reset before the work"),
        ServiceError("down", status=503),
        UnusableAnswerError("half"),
        ThrottledError("slow", status=429),
        ThrottledError("slow", status=429, retry_after=40.0),
        NotSentError("refused"),
    ]
)
LIST_FATES = st.sampled_from([None, None, ServiceError("down", status=503), AnswerLostError("reset")])


@given(
    posts=st.lists(FATES, max_size=6),
    lists=st.lists(LIST_FATES, max_size=6),
    kills=st.lists(st.integers(1, 12), max_size=5),
    visible_after=st.floats(0, SETTLING - 1),
    shows_tags=st.booleans(),
    filters_tags=st.booleans(),
)
def test_whatever_happens_there_is_one_image_and_it_is_ours(
    posts: list[Any],
    lists: list[Any],
    kills: list[int],
    visible_after: float,
    shows_tags: bool,
    filters_tags: bool,
) -> None:
    """As long as an image shows within the settling window, no fault and no kill makes a second one."""
    clock, memory = Clock(), Memory()
    cloud = Cloud(clock, posts, lists, visible_after, shows_tags, filters_tags)
    markers = [f"marker{n}" for n in range(50)]
    target, tries = "", 0
    while not target:
        tries += 1
        assert tries < 40
        flow = submission(clock, memory, markers=markers).run()
        try:
            target = _until_killed(flow, cloud, clock, kills.pop(0) if kills else None)
        except (TransportError, ServiceError, UnusableAnswerError):
            clock.now += 5  # Airflow retries
    assert len(cloud.accepted) == 1
    assert target in {cloud.accepted[0]["job_id"], "image:image0"}


def _until_killed(flow: Any, cloud: Cloud, clock: Clock, steps: int | None) -> str:
    """Run a flow; after so many steps the process is killed, its last request may already be on its way."""
    try:
        step = next(flow)
        while True:
            if isinstance(step, Pause):
                clock.now += step.seconds
                answer: Any = None
            else:
                answer = cloud(step)
            if steps is not None:
                steps -= 1
                if steps == 0:
                    return ""
            step = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as stop:
        return str(stop.value)
