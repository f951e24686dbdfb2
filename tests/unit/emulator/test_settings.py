from __future__ import annotations

from typing import Any

import pytest

from ims_airflow.emulator import Settings
from ims_airflow.exceptions import InvalidInputError


def test_switches_change() -> None:
    changed = Settings().changed(
        {"job_seconds": 9, "unknown_job": "404", "buckets": ["a-b-c"], "agency": False}
    )
    assert (changed.job_seconds, changed.unknown_job, changed.agency) == (9, "404", False)
    assert changed.buckets == ("a-b-c",)


@pytest.mark.parametrize(
    ("switch", "value"),
    [
        ("job_second", 1),
        ("job_seconds", "1"),
        ("job_seconds", -1),
        ("job_reads", 1.5),
        ("agency", 1),
        ("most_jobs", True),
        ("unknown_job", 404),
        ("buckets", "one"),
        ("region", None),
    ],
)
def test_a_wrong_switch_is_told(switch: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match=switch):
        Settings().changed({switch: value})


def test_all_wrong_switches_are_told_at_once() -> None:
    with pytest.raises(InvalidInputError, match=r"nonsense.*job_seconds"):
        Settings().changed({"nonsense": 1, "job_seconds": None})


def test_no_secret_is_shown() -> None:
    settings = Settings(ak="AKMARKER", sk="SKMARKER", password="PWMARKER")
    assert "MARKER" not in repr(settings)
    assert "MARKER" not in str(settings.public())
