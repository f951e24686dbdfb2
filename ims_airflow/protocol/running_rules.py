"""The rules for the arguments that say how a task runs, not what it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, overload

from ims_airflow.protocol.ids import IMAGE_PREFIX, JOB_PATHS, is_id
from ims_airflow.protocol.validation import Violation, is_int, is_literal, is_seconds, is_truth

# Seconds until an image that nobody sees counts as not there. Nothing published says how soon a row appears
# after the submit; this is the one guess of the protocol.
SETTLING = 180.0
_REGION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


@overload
def seconds(duration: float | timedelta) -> float: ...
@overload
def seconds(duration: float | timedelta | None) -> float | None: ...
def seconds(duration: float | timedelta | None) -> float | None:
    """Return a duration as an argument gives it. What is none comes back as it is, for the rules to judge."""
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def running_violations(arguments: Mapping[str, Any]) -> list[Violation]:
    """Return every rule that literal arguments break; templates and later values are passed over.

    :param arguments: durations in seconds. Those that have no rule are passed over.
    """
    return [
        Violation(name, arguments[name], rule)
        for name, (holds, rule) in _RULES.items()
        if name in arguments and is_literal(arguments[name]) and not holds(arguments[name])
    ]


def is_region(value: object) -> bool:
    """Whether a text can be the name of a region, such as ``cn-north-4``."""
    return isinstance(value, str) and _REGION.fullmatch(value) is not None and value != "None"


def _is_region_or_empty(value: object) -> bool:
    return value is None or value == "" or is_region(value)


def _is_interval(value: object) -> bool:
    return value is None or (is_seconds(value) and value != 0)


def _is_limit(value: object) -> bool:
    return value is None or is_seconds(value)


def _is_job_query(value: object) -> bool:
    return isinstance(value, str) and value in JOB_PATHS


def _is_job_id(value: object) -> bool:
    # An empty text is what came of an upstream task's None: the sensor itself says so, when it runs.
    return isinstance(value, str) and (not value.strip() or is_id(value.strip().removeprefix(IMAGE_PREFIX)))


def _is_size(value: object) -> bool:
    if isinstance(value, str):
        return value in {"", "None"} or value.strip().isdecimal()
    return value is None or (is_int(value) and value >= 0)


def _is_text_or_none(value: object) -> bool:
    return value is None or isinstance(value, str)


_DURATION = "must be a number of seconds of at least 0"
_SIZE = "must be a whole number of bytes of at least 0"
_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "job_id": (_is_job_id, "must be a job id, as ImsCreateDataImageOperator returns it"),
    "region": (_is_region_or_empty, "must be the name of a region, such as cn-north-4"),
    "poll_interval": (_is_interval, "must be a number of seconds above 0, a timedelta, or None to adapt it"),
    "timeout": (_is_limit, f"{_DURATION}, a timedelta, or None for no limit"),
    "trouble_budget": (is_seconds, _DURATION),
    "settling_window": (is_seconds, _DURATION),
    "job_query": (_is_job_query, f"must be {' or '.join(JOB_PATHS)}, spelled so"),
    "expected_size": (_is_size, _SIZE),
    "min_size": (_is_size, _SIZE),
    "expected_etag": (_is_text_or_none, "must be a text"),
    "stable_for": (is_seconds, _DURATION),
    "abandoned_after": (is_seconds, _DURATION),
    "dry_run": (is_truth, "must be true or false"),
}
