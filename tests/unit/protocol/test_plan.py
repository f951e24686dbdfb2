from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer, ok, run

from ims_airflow.exceptions import NotFoundError, ServiceError
from ims_airflow.protocol.history import LEFT, History
from ims_airflow.protocol.housekeeping import (
    Fit,
    Plan,
    Scope,
    Tags,
    examine,
    lines,
    objection,
    retention,
    survey,
    sweep,
)
from ims_airflow.protocol.image import Image
from ims_airflow.protocol.job_time import iso_epoch
from ims_airflow.protocol.message import Call
from ims_airflow.protocol.origin import Origin
from ims_airflow.protocol.submission import DAG_TAG, MARKER_TAG

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
SCOPE = Scope("nightly", frozenset({"active"}))
UNIQUE = "a" * 32
MARKER = Origin("nightly", "run", "create").marker(UNIQUE)
OURS: Tags = frozenset({(DAG_TAG, "nightly"), (MARKER_TAG, MARKER), ("team", "storage")})
GOOD = Image(
    "i-1",
    name="disk",
    status="active",
    created_at="2026-11-24T06:00:00Z",
    protected=False,
    image_type="private",
    virtual_env_type="DataImage",
)


def fit(number: int, hour: int, marker: str = MARKER) -> Fit:
    image = replace(GOOD, image_id=f"i-{number}", created_at=f"2026-11-24T{hour:02}:00:00Z")
    found = examine(image, frozenset({(DAG_TAG, "nightly"), (MARKER_TAG, marker)}), SCOPE)
    assert isinstance(found, Fit)
    return found


def ids(fits: list[Fit]) -> list[str]:
    return [one.image.image_id for one in fits]


def test_an_image_without_doubts_is_fit() -> None:
    found = examine(GOOD, OURS, SCOPE)
    assert found == Fit(GOOD, NOW - 6 * 3600, MARKER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image_type": "shared"}, "not a private image"),
        ({"image_type": ""}, "not a private image"),
        ({"virtual_env_type": "FusionCompute"}, "not a data image"),
        ({"protected": True}, "protected"),
        ({"protected": None}, "whether it is protected"),
        ({"status": "queued"}, "still being made (queued)"),
        ({"status": "saving"}, "still being made (saving)"),
        ({"status": "killed"}, "status is killed"),
        ({"status": ""}, "status is not shown"),
        ({"created_at": ""}, "when it was created"),
        ({"created_at": "yesterday"}, "when it was created"),
        ({"tags": frozenset({("team", "storage")})}, f"not tagged {DAG_TAG}"),
        ({"tags": frozenset({(DAG_TAG, "weekly")})}, f"not tagged {DAG_TAG}"),
    ],
)
def test_a_doubtful_row_is_skipped(change: dict[str, Any], reason: str) -> None:
    image = replace(GOOD, **change)
    assert reason in objection(image, SCOPE)
    assert examine(image, OURS, SCOPE) == objection(image, SCOPE)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (None, "gone since it was listed"),
        (frozenset(), f"not tagged {DAG_TAG}=nightly"),
        (frozenset({(MARKER_TAG, MARKER)}), f"not tagged {DAG_TAG}=nightly"),
        (frozenset({(DAG_TAG, "weekly"), (MARKER_TAG, MARKER)}), f"not tagged {DAG_TAG}=nightly"),
        (frozenset({(DAG_TAG, "nightly")}), f"no {MARKER_TAG}"),
        (frozenset({(DAG_TAG, "nightly"), (MARKER_TAG, "mine")}), f"no {MARKER_TAG}"),
        (frozenset({(DAG_TAG, "nightly"), (MARKER_TAG, MARKER), (MARKER_TAG, UNIQUE)}), f"no {MARKER_TAG}"),
    ],
)
def test_the_tag_query_has_the_last_word(tags: Tags | None, reason: str) -> None:
    assert reason in str(examine(replace(GOOD, tags=OURS), tags, SCOPE))


@pytest.mark.parametrize(
    ("pattern", "fits"), [("*", True), ("di*", True), ("d?sk", True), ("Disk", False), ("nightly-*", False)]
)
def test_only_matching_names_count(pattern: str, fits: bool) -> None:
    assert (objection(GOOD, replace(SCOPE, name_pattern=pattern)) == "") == fits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-24T12:00:00Z", NOW),
        ("2026-11-24T12:00:00", NOW),
        ("2026-11-24T20:00:00+08:00", NOW),
        ("24-Nov-2026", None),
        ("", None),
    ],
)
def test_times_of_rows(text: str, seconds: float | None) -> None:
    assert iso_epoch(text) == seconds


def test_retention_keeps_the_newest() -> None:
    plan = retention([fit(1, 1), fit(3, 3), fit(2, 2)], Plan(), keep=2, now=NOW, min_age=0)
    assert (ids(plan.kept), ids(plan.doomed), plan.skipped) == (["i-3", "i-2"], ["i-1"], [])


def test_retention_of_none_and_of_more_than_there_are() -> None:
    fits = [fit(1, 1), fit(2, 2)]
    assert ids(retention(fits, Plan(), keep=0, now=NOW, min_age=0).doomed) == ["i-2", "i-1"]
    assert ids(retention(fits, Plan(), keep=3, now=NOW, min_age=0).doomed) == []


def test_a_young_image_counts_and_stays() -> None:
    plan = retention([fit(1, 1), fit(2, 11), fit(3, 12)], Plan(), keep=1, now=NOW, min_age=7200)
    assert (ids(plan.kept), ids(plan.doomed)) == (["i-3"], ["i-1"])
    [(image, reason)] = plan.skipped
    assert (image.image_id, reason) == ("i-2", "younger than 7200 s")


def test_the_sweep_takes_what_failed_tasks_have_left_and_nothing_else() -> None:
    def of(number: int, task_id: str) -> Fit:
        return fit(number, 1, Origin("nightly", "run", task_id).marker(UNIQUE))

    tasks = {"good": "success", "bad": "failed", "busy": "deferred"}
    fits = [of(1, "good"), of(2, "bad"), of(3, "busy"), of(4, "unknown"), fit(5, 1, UNIQUE)]
    plan = sweep(fits, Plan(), History("nightly", {"run": tasks}), now=NOW, min_age=3600)
    assert (ids(plan.kept), ids(plan.doomed)) == (["i-1"], ["i-2"])
    assert {image.image_id: reason for image, reason in plan.skipped} == {
        "i-3": "its task is deferred",
        "i-4": "this Airflow knows no task instance that asked for it",
        "i-5": "this Airflow knows no task instance that asked for it",
    }


def test_the_sweep_waits_until_an_image_is_old_enough() -> None:
    history = History("nightly", {"run": {"create": "failed"}})
    plan = sweep([fit(1, 12)], Plan(), history, now=NOW, min_age=3600)
    assert plan.doomed == []
    assert plan.skipped[0][1] == "younger than 3600 s"


def test_second_thoughts_move_an_image_to_those_left_alone() -> None:
    plan = Plan(doomed=[fit(1, 1), fit(2, 2)])
    plan.spare(plan.doomed[0], "its task is running")
    assert ids(plan.doomed) == ["i-2"]
    assert [(image.image_id, reason) for image, reason in plan.skipped] == [("i-1", "its task is running")]


@pytest.mark.parametrize(("dry_run", "action"), [(True, "would delete"), (False, "delete")])
def test_a_plan_is_a_line_for_each_image(dry_run: bool, action: str) -> None:
    plan = Plan([fit(1, 1)], [fit(2, 2)], [(replace(GOOD, image_id="i-3", created_at=""), "protected")])
    kept, doomed, skipped = lines(plan, dry_run=dry_run)
    assert kept.split() == ["keep", "i-1", "2026-11-24T01:00:00Z", "active", "disk"]
    assert doomed.startswith(f"{action} ")
    assert skipped.endswith("i-3  -                     active  disk  (protected)")
    assert max(map(len, (kept, doomed, skipped))) < 110


# --- whatever the cloud and Airflow say ---------------------------------------------------------------------

TAGS = st.sets(
    st.sampled_from(
        [
            (DAG_TAG, "nightly"),
            (DAG_TAG, "weekly"),
            (MARKER_TAG, MARKER),
            (MARKER_TAG, UNIQUE),
            (MARKER_TAG, "hand-made"),
            ("team", "storage"),
        ]
    )
).map(frozenset)
MOSTLY_OURS = st.just(OURS) | TAGS
IMAGES = st.builds(
    Image,
    st.just("i"),
    name=st.sampled_from(["disk", "other"]),
    status=st.sampled_from(["active", "active", "active", "killed", "queued", "saving", "deleted", ""]),
    created_at=st.sampled_from([f"2026-11-24T{hour:02}:00:00Z" for hour in range(14)] + ["", "soon"]),
    protected=st.sampled_from([False, False, False, True, None]),
    image_type=st.sampled_from(["private", "private", "private", "shared", ""]),
    virtual_env_type=st.sampled_from(["DataImage", "DataImage", "DataImage", "Ironic", ""]),
    tags=st.just(frozenset()) | TAGS,
)
CLOUDS = st.lists(st.tuples(IMAGES, st.none() | MOSTLY_OURS | MOSTLY_OURS), max_size=8).map(
    lambda rows: [(replace(image, image_id=f"i-{n}"), tags) for n, (image, tags) in enumerate(rows)]
)
ANY_STATE = st.sampled_from([*sorted(LEFT), "success", "running", "up_for_retry", None])


def looked_at(cloud: list[tuple[Image, Tags | None]], scope: Scope) -> tuple[list[Fit], Plan]:
    fits, plan = [], Plan()
    for image, tags in cloud:
        found = examine(image, tags, scope)
        if isinstance(found, Fit):
            fits.append(found)
        else:
            plan.skipped.append((image, found))
    return fits, plan


def check_doomed(plan: Plan, cloud: list[tuple[Image, Tags | None]], scope: Scope, min_age: float) -> None:
    tags_of = {image.image_id: tags for image, tags in cloud}
    for doomed in plan.doomed:
        image = doomed.image
        tags = tags_of[image.image_id]
        assert tags is not None
        assert (DAG_TAG, scope.dag_tag) in tags
        assert {value for key, value in tags if key == MARKER_TAG} <= {MARKER, UNIQUE}
        assert any(key == MARKER_TAG for key, _ in tags)
        assert image.protected is False
        assert image.status in scope.statuses
        assert (image.image_type, image.virtual_env_type) == ("private", "DataImage")
        created = iso_epoch(image.created_at)
        assert created is not None
        assert not min_age or NOW - created >= min_age
    told = [*ids(plan.kept), *ids(plan.doomed), *(image.image_id for image, _ in plan.skipped)]
    assert sorted(told) == sorted(tags_of), "each image is told of once"


@given(CLOUDS, st.integers(0, 5), st.sampled_from([0.0, 3600.0, 30_000.0]))
def test_retention_never_deletes_what_is_in_doubt_nor_one_too_many(
    cloud: list[tuple[Image, Tags | None]], keep: int, min_age: float
) -> None:
    fits, plan = looked_at(cloud, SCOPE)
    plan = retention(fits, plan, keep=keep, now=NOW, min_age=min_age)
    check_doomed(plan, cloud, SCOPE, min_age)
    assert len(plan.doomed) <= max(len(fits) - keep, 0)
    assert len(plan.kept) == min(keep, len(fits))
    oldest_kept = min((one.created for one in plan.kept), default=float("inf"))
    assert all(one.created <= oldest_kept for one in plan.doomed)


@given(CLOUDS, st.none() | ANY_STATE, st.booleans(), st.sampled_from([0.0, 3600.0]))
def test_the_sweep_never_deletes_what_is_in_doubt_nor_for_a_living_task(
    cloud: list[tuple[Image, Tags | None]], state: str | None, known: bool, min_age: float
) -> None:
    scope = replace(SCOPE, statuses=frozenset({"active", "killed"}))
    fits, plan = looked_at(cloud, scope)
    history = History("nightly", {"run": {"create": state} if known else {}})
    plan = sweep(fits, plan, history, now=NOW, min_age=min_age)
    check_doomed(plan, cloud, scope, min_age)
    if not known or state not in LEFT:
        assert plan.doomed == []
    assert all(one.marker == MARKER for one in plan.doomed)


# --- the survey ---------------------------------------------------------------------------------------------


def row(image_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": image_id,
        "name": "disk",
        "status": "active",
        "protected": False,
        "created_at": "2026-11-24T06:00:00Z",
        "__imagetype": "private",
        "virtual_env_type": "DataImage",
        "tags": [],
        **changes,
    }


class Server:
    """Answers the list and the tag query, and notes what was asked."""

    def __init__(self, rows: list[dict[str, Any]], tags: dict[str, Answer]) -> None:
        self.rows, self.tags = rows, tags
        self.asked: list[str] = []
        self.query: dict[str, str] = {}

    def __call__(self, call: Call) -> Answer:
        if call.path == "/v2/cloudimages":
            self.query = dict(call.query)
            return ok({"images": self.rows})
        image_id = call.path.removeprefix("/v2/{project_id}/images/").removesuffix("/tags")
        self.asked.append(image_id)
        return self.tags[image_id]


def tagged(tags: Tags) -> Answer:
    return ok({"tags": [{"key": key, "value": value} for key, value in tags]})


def test_the_survey_asks_for_the_tags_of_each_image_that_may_be_ours() -> None:
    rows = [
        row("ours"),
        row("bare"),
        row("kept", protected=True),
        row("gone"),
        row("other", tags=[f"{DAG_TAG}=weekly"]),
        row("text", protected="false", tags=[f"{DAG_TAG}.nightly"]),
    ]
    gone = NotFoundError("no such image", status=404, code="IMG.0027")
    server = Server(
        rows, {"ours": tagged(OURS), "bare": ok({"tags": []}), "gone": gone, "text": tagged(OURS)}
    )
    fits, plan = run(survey(SCOPE), server)
    assert ids(fits) == ["ours", "text"]
    assert {image.image_id for image, _ in plan.skipped} == {"bare", "kept", "gone", "other"}
    assert server.asked == ["ours", "bare", "gone", "text"]
    assert server.query.items() >= {"__imagetype": "private", "tag": f"{DAG_TAG}=nightly"}.items()


@pytest.mark.parametrize(
    "answer",
    [
        ServiceError("busy", status=503),
        NotFoundError("no such API", status=404, code="APIGW.0101"),
        ok({"tags": None}),
        ok(json.loads("[]")),
    ],
)
def test_a_tag_query_that_cannot_be_answered_ends_the_survey(answer: Answer) -> None:
    with pytest.raises(Exception, match=r"busy|no such API|tags|JSON object"):
        run(survey(SCOPE), Server([row("ours")], {"ours": answer}))
