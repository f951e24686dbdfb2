from __future__ import annotations

import gc
import json
import sys

import pytest

from ims_airflow.protocol.course import begun, keep_pace, look, pace, resumed
from ims_airflow.protocol.job import Job
from ims_airflow.protocol.pace import NO_PACE

START = 1_700_000_000.0


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="from Python 3.14 on the collector visits each dict")
def test_the_garbage_collector_visits_nothing_of_a_course() -> None:
    course = begun(START)
    for second in range(100):
        look(
            course, Job("j1", "RUNNING", progress=second / 100, current_task=f"step {second}"), START + second
        )
        keep_pace(course, pace(course).seen(second / 100, float(second)))
    assert not gc.is_tracked(course)
    assert not gc.is_tracked(resumed(begun(), json.loads(json.dumps(course))))


def test_another_process_goes_on_at_the_same_pace() -> None:
    course = begun()
    assert pace(course) == NO_PACE
    keep_pace(course, NO_PACE.seen(0.1, 60.0).seen(0.2, 120.0))
    assert pace(course).steady
    assert pace(resumed(begun(), json.loads(json.dumps(course)))) == pace(course)


def test_what_another_version_wrote_down_is_taken_as_far_as_it_is_known() -> None:
    course = resumed(begun(START), {"status": "RUNNING", "submitted": None, "colour": "red"})
    assert course == {**begun(START), "status": "RUNNING"}
