from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.throttle import LONGEST_HOLD, SLOWEST, Throttle


def departures(throttle: Throttle, count: int, now: float = 0.0) -> list[float]:
    """When each of many requests leaves that all want to leave now."""
    times = []
    for _ in range(count):
        now += throttle.delay(now)
        throttle.leave(now)
        times.append(now)
        throttle.back()
    return times


def test_after_a_burst_requests_leave_evenly() -> None:
    times = departures(Throttle(10, per_second=10), 40)
    assert times[:10] == [0] * 10
    gaps = [later - sooner for sooner, later in pairwise(times[10:])]
    assert gaps == pytest.approx([0.1] * len(gaps))


def test_no_more_are_in_flight_than_allowed() -> None:
    throttle = Throttle(2, per_second=100)
    throttle.leave(0)
    assert throttle.delay(0) == 0
    throttle.leave(0)
    assert throttle.delay(0) == math.inf
    throttle.back()
    assert throttle.delay(0) == 0


def test_who_is_admitted_has_left_and_who_is_not_has_not() -> None:
    throttle = Throttle(3, per_second=1)
    assert throttle.admit(10)
    assert throttle.admit(10)  # the burst
    assert not throttle.admit(10)  # too soon
    assert throttle.in_flight == 2
    assert throttle.admit(11)
    assert not throttle.admit(99)  # too many
    assert throttle.in_flight == 3


def test_a_refusal_silences_all_and_halves_the_pace_for_a_while() -> None:
    throttle = Throttle(10, per_second=10)
    throttle.refuse(100, hold=7)
    assert throttle.delay(101) == pytest.approx(6)
    assert throttle.slowness(100) == 2
    assert throttle.slowness(130) < 2
    assert throttle.slowness(161) == 1


def test_refusals_that_come_together_count_as_one() -> None:
    throttle = Throttle(10, per_second=10)
    for _ in range(32):
        throttle.refuse(100.0)
    assert throttle.slowness(100) == 2


def test_a_silence_ends_without_a_burst() -> None:
    throttle = Throttle(10, per_second=10)
    throttle.refuse(0, hold=7)
    times = departures(throttle, 5)
    assert times == pytest.approx([7, 7.2, 7.4, 7.6, 7.8], abs=0.1)


def test_less_than_one_request_a_second_is_a_pace_too() -> None:
    times = departures(Throttle(10, per_second=0.25), 6)
    assert times == pytest.approx([0, 3, 7, 11, 15, 19])


def test_the_pace_has_a_floor_and_silence_an_end() -> None:
    throttle = Throttle(10, per_second=10)
    for minute in range(20):
        throttle.refuse(minute * 2.0, hold=1e9)
    assert throttle.slowness(38) == SLOWEST
    assert throttle.delay(38) == LONGEST_HOLD


@given(
    st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=20, max_size=80),
    st.floats(0.5, 200),
)
def test_whatever_comes_a_second_never_sees_more_than_a_burst_and_a_seconds_worth(
    steps: list[tuple[float, bool]], per_second: float
) -> None:
    throttle, now, times = Throttle(5, per_second), 0.0, []
    for step, refused in steps:
        now += step / per_second
        now += throttle.delay(now)
        throttle.leave(now)
        times.append(now)
        throttle.back()
        if refused:
            throttle.refuse(now)
    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= 2 * per_second + 2
