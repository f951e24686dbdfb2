from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.housekeeping_rules import literal_violations, violations
from ims_airflow.protocol.validation import truth

GOOD: dict[str, list[Any]] = {
    "image_id": ["b2e2a8f0-1c1c-4b60-a1b5-7f2b8f6a0001", "i"],
    "keep": [0, 7, "0", " 12 "],
    "dag_id": ["nightly"],
    "task_ids": [None, ["create"], ("a", "b")],
    "name_pattern": ["*", "nightly-*"],
    "min_age": [0, 1.5, 3600],
    "timeout": [0, 600.0],
    "dry_run": [True, False, "True", "false", " yes ", "0"],
}
BAD: dict[str, list[Any]] = {
    "image_id": ["", None, "None", "a/b", "a b", 1, "x" * 129],
    "keep": [-1, None, "", "many", "-1", "1.5", 1.5, True, "²"],
    "dag_id": ["", None, "None", 1, " "],
    "task_ids": [[], [""], "create", [1]],
    "name_pattern": ["", None],
    "min_age": [-1, None, "1 h", True, float("nan"), float("inf")],
    "timeout": [-1, None],
    "dry_run": [None, "", "None", "maybe", 2, 0, [], "tru"],
}


def cases(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_good_values_pass(name: str, value: Any) -> None:
    assert violations({name: value}) == []


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_a_bad_value_is_named_with_its_rule(name: str, value: Any) -> None:
    [broken] = violations({name: value})
    assert broken.field == name
    assert str(broken).startswith(f"{name}: ")
    assert "must be" in broken.rule


def test_all_bad_values_are_told_at_once() -> None:
    assert {one.field for one in violations({name: values[0] for name, values in BAD.items()})} == set(BAD)


@pytest.mark.parametrize("name", ["keep", "dag_id", "dry_run", "name_pattern", "image_id"])
def test_templates_are_judged_when_they_are_rendered(name: str) -> None:
    assert literal_violations({name: "{{ params.x }}"}) == []
    assert literal_violations({name: object()}) == []  # stands for what a task will hand over
    assert violations({name: object()})


@given(st.booleans(), st.sampled_from([str, repr, lambda value: str(value).lower(), lambda value: value]))
def test_a_truth_is_read_in_every_spelling(value: bool, spell: Any) -> None:
    assert truth(spell(value)) is value
