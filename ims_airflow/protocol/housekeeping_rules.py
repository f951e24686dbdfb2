"""The rules for the arguments of whatever deletes images: nothing is deleted on a doubtful one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ims_airflow.protocol.ids import is_id
from ims_airflow.protocol.validation import Violation, is_int, is_literal, is_seconds, is_truth


def literal_violations(arguments: Mapping[str, Any]) -> list[Violation]:
    """Return the rules that literal arguments break; templates and later values are passed over."""
    return violations({name: value for name, value in arguments.items() if is_literal(value)})


def violations(arguments: Mapping[str, Any]) -> list[Violation]:
    """Return every rule that is broken. Arguments that have no rule are passed over."""
    return [
        Violation(name, arguments[name], rule)
        for name, (holds, rule) in _RULES.items()
        if name in arguments and not holds(arguments[name])
    ]


def _is_count(value: object) -> bool:
    return (is_int(value) and value >= 0) or (
        isinstance(value, str) and value.strip().isascii() and value.strip().isdigit()
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.strip() not in {"", "None"}


def _is_id(value: object) -> bool:
    return is_id(value) and value != "None"  # what a template makes of a value that is not there


def _are_texts(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple) and bool(value) and all(map(_is_text, value)))


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "image_id": (_is_id, "must be the id of an image: letters, digits, '-' and '_', at most 128"),
    "keep": (_is_count, "must be a whole number of at least 0; 0 keeps none"),
    "dag_id": (_is_text, "must be the id of a DAG"),
    "task_ids": (_are_texts, "must be a list of task ids, or None for all tasks"),
    "name_pattern": (_is_text, "must be a pattern of image names; * stands for any text"),
    "min_age": (is_seconds, "must be a number of seconds of at least 0, or a timedelta"),
    "timeout": (is_seconds, "must be a number of seconds of at least 0, or a timedelta"),
    "dry_run": (is_truth, "must be true or false"),
}
