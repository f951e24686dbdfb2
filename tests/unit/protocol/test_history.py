from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.history import LEFT, History, state_of
from ims_airflow.protocol.origin import Origin

UNIQUE = "f" * 32
IDS = st.from_regex(r"[a-z_0-9]{1,8}", fullmatch=True)
STATES = st.sampled_from([*sorted(LEFT), "success", "running", "deferred", "up_for_retry", "queued", None])
AT_WORK = [
    "running",
    "queued",
    "scheduled",
    "deferred",
    "up_for_retry",
    "up_for_reschedule",
    "restarting",
    None,
]


def history(*, run_id: str = "run", **tasks: Any) -> History:
    return History("nightly", {run_id: tasks})


def marker(task_id: str = "create", map_index: int = -1, run_id: str = "run", dag_id: str = "nightly") -> str:
    return Origin(dag_id, run_id, task_id, map_index).marker(UNIQUE)


@pytest.mark.parametrize("state", sorted(LEFT))
def test_what_ended_without_success_leaves_its_image_behind(state: str) -> None:
    found = history(create=state)
    assert found.objection(marker()) == ""
    assert not found.succeeded(marker())


@pytest.mark.parametrize("state", AT_WORK)
def test_what_is_at_work_does_not(state: str | None) -> None:
    found = history(create=state)
    assert found.objection(marker()) == f"its task is {state or 'not scheduled'}"
    assert not found.succeeded(marker())


def test_success_is_success() -> None:
    assert history(create="success").succeeded(marker())
    assert history(create="success").objection(marker())


@pytest.mark.parametrize(
    "foreign",
    [
        marker(run_id="deleted"),
        marker(dag_id="another"),
        marker("another"),
        marker(map_index=2),
        UNIQUE,  # of an earlier version
        "written by hand",
    ],
)
def test_an_unknown_task_instance_is_never_taken_for_a_failed_one(foreign: str) -> None:
    found = history(create="failed", create_1="failed")
    assert "knows no task instance" in found.objection(foreign)
    assert not found.succeeded(foreign)
    assert found.origins(foreign) == []


def test_a_mapped_task_instance_is_found_by_its_index() -> None:
    found = history(create_0="failed", create_12="success")
    assert found.objection(marker("create", 0)) == ""
    assert found.succeeded(marker("create", 12))
    assert found.origins(marker("create", 0)) == [Origin("nightly", "run", "create", 0)]


def test_a_key_that_ends_in_a_number_is_read_both_ways() -> None:
    found = history(create_3="failed")
    assert found.objection(marker("create", 3)) == ""
    assert found.objection(marker("create_3")) == ""


@pytest.mark.parametrize("key", ["create_03", "create_", "_3", "create_-1", "create_٣"])
def test_what_is_no_map_index_is_a_part_of_the_task_id(key: str) -> None:
    found = history(**{key: "failed"})
    assert found.objection(marker(key)) == ""
    assert found.objection(marker("create", 3))


@given(
    st.dictionaries(IDS, st.dictionaries(st.tuples(IDS, st.integers(-1, 3)), STATES, max_size=4), max_size=4)
)
def test_every_task_instance_is_found_with_its_own_state(
    runs: dict[str, dict[tuple[str, int], str | None]],
) -> None:
    answer = {
        run_id: {
            task_id if index < 0 else f"{task_id}_{index}": state for (task_id, index), state in tasks.items()
        }
        for run_id, tasks in runs.items()
    }
    found = History("nightly", answer)
    for run_id, tasks in runs.items():
        for task_id, index in tasks:
            key = task_id if index < 0 else f"{task_id}_{index}"
            state = answer[run_id][key]  # a twin of the same key may have hidden ours; Airflow is asked again
            assert found.succeeded(marker(task_id, index, run_id)) == (state == "success")
            assert (found.objection(marker(task_id, index, run_id)) == "") == (state in LEFT)


def test_the_state_of_one_task_instance_is_read_from_an_answer_about_its_task() -> None:
    answer = {"run": {"create_3": "failed", "create": None}}
    assert state_of(Origin("nightly", "run", "create", 3), answer) == "failed"
    assert state_of(Origin("nightly", "run", "create_3"), answer) == "failed"
    assert state_of(Origin("nightly", "run", "create"), answer) == "not scheduled"
    assert state_of(Origin("nightly", "run", "create", 4), answer) == "unknown"
    assert state_of(Origin("nightly", "gone", "create"), answer) == "unknown"
