from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ims_airflow.protocol.running_rules import is_region, running_violations, seconds

NAN, INFINITE = float("nan"), float("inf")
GOOD: dict[str, list[Any]] = {
    "job_id": ["", "j1", " j1 ", "image:b2e2a8f0"],
    "region": [None, "", "cn-north-4", "eu-west-101", "private_1"],
    "poll_interval": [None, 0.1, 30],
    "timeout": [None, 0, 0.2, 21600.0],
    "trouble_budget": [0, 900.0],
    "settling_window": [0, 300],
    "job_query": ["ShowJob", "ShowJobProgress"],
    "expected_size": [None, "", "None", 0, 5, " 12 "],
    "min_size": [None, 1, "5"],
    "expected_etag": [None, "", "d41d8cd9"],
    "stable_for": [0, 60.0],
    "abandoned_after": [0, 86_400],
    "dry_run": [True, False, "true", "False", "0"],
}
BAD: dict[str, list[Any]] = {
    "job_id": [None, 5, "a/b", "image:"],
    "region": ["CN North", " cn-north-4", "None", 4, "a/b", "-a", "x" * 65],
    "poll_interval": [0, -5, "30", NAN, INFINITE, True],
    "timeout": ["6h", -1, NAN, INFINITE],
    "trouble_budget": [-1, "x", None, NAN],
    "settling_window": [None, -1, "5"],
    "job_query": ["showjob", None, ["ShowJob"]],
    "expected_size": ["abc", -3, 1.5, True],
    "min_size": [-3, "1 GB"],
    "expected_etag": [5],
    "stable_for": ["x", -1, None],
    "abandoned_after": [-1, None],
    "dry_run": ["maybe", "", None, 1],
}


def cases(table: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name, values in table.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_good_values_pass(name: str, value: Any) -> None:
    assert running_violations({name: value}) == []


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_a_bad_value_is_named_with_its_rule(name: str, value: Any) -> None:
    [broken] = running_violations({name: value})
    assert broken.field == name
    assert str(broken).startswith(f"{name}: ")
    assert broken.rule.startswith("must be")


@pytest.mark.parametrize("name", GOOD)
def test_what_a_task_gets_later_is_passed_over(name: str) -> None:
    assert running_violations({name: "{{ params.x }}"}) == []
    assert running_violations({name: "{% if x %}y{% endif %}"}) == []
    assert running_violations({name: object()}) == []


def test_arguments_without_a_rule_are_passed_over() -> None:
    assert running_violations({"pool": -1}) == []


def test_all_bad_values_are_told_at_once() -> None:
    worst = {name: values[0] for name, values in BAD.items()}
    assert {one.field for one in running_violations(worst)} == set(BAD)


@pytest.mark.parametrize(
    ("given", "read"), [(timedelta(minutes=1), 60.0), (5, 5), (None, None), (timedelta(-1), -86_400.0)]
)
def test_a_duration_is_read_in_seconds(given: Any, read: float | None) -> None:
    assert seconds(given) == read


def test_a_region_is_a_name() -> None:
    assert is_region("cn-north-4")
    assert not is_region("")
    assert not is_region("cn-north-4\n")
