"""The targets of the polling policy, on simulated jobs: counts from a fixed seed, no timings."""

from __future__ import annotations

import statistics

import pytest
from benchmarks.policy import ADAPTIVE, DOUBTFUL, FIXED, UNUSABLE, USABLE, bumpiness, herd, row, rows
from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.pace import NO_PACE, Pace
from ims_airflow.protocol.polling import LONGEST, PollPolicy

JOBS = 60
MINUTES = (2, 3, 5, 10, 30, 60, 120)
FRACTIONS = st.one_of(st.none(), st.floats(0, 1))


def seen(*samples: tuple[float, float | None]) -> Pace:
    pace = NO_PACE
    for now, fraction in samples:
        pace = pace.seen(fraction, now)
    return pace


@pytest.mark.parametrize("minutes", MINUTES)
def test_with_usable_progress_a_third_of_the_looks_notice_the_end_no_later(minutes: float) -> None:
    found = rows(USABLE, JOBS, (minutes,))
    assert statistics.mean(one.share for one in found) <= 1 / 3
    assert (
        statistics.mean(one.delay for one in found)
        <= row("missing", UNUSABLE["missing"], minutes, JOBS, FIXED).delay
    )
    assert all(one.most <= 0 for one in found)


@pytest.mark.parametrize("minutes", MINUTES)
def test_without_progress_no_job_has_more_looks_and_its_end_is_noticed_in_time(minutes: float) -> None:
    for one in rows(UNUSABLE, 2 * JOBS, (minutes,)):
        assert one.most <= 0
        assert one.delay < one.allowed
        if minutes >= 60:
            assert one.share <= 1 / 3


@pytest.mark.parametrize("minutes", MINUTES)
def test_a_false_count_costs_no_more_looks_and_at_most_a_minute(minutes: float) -> None:
    for one in rows(DOUBTFUL, JOBS, (minutes,)):
        assert one.most <= 0
        assert one.late <= LONGEST * 1.1


@pytest.mark.parametrize("window", [60, 1])
def test_a_herd_of_jobs_makes_a_flat_request_rate(window: float) -> None:
    assert bumpiness(herd(ADAPTIVE, 10_000, window, until=300)) < 1.25


def test_a_restarted_triggerer_spreads_its_jobs_over_the_interval() -> None:
    waits = [PollPolicy().rejoin(3600, 500, chance / 100) for chance in range(100)]
    assert waits == sorted(waits)
    assert waits[0] == 0
    assert waits[-1] == pytest.approx(LONGEST * 0.99)


def test_a_trigger_that_takes_over_keeps_the_appointment_of_the_worker() -> None:
    assert PollPolicy().rejoin(3, 3, 0.5) == pytest.approx(12)
    assert PollPolicy(fixed=5).rejoin(3, 3, 0.5) == 2


@pytest.mark.parametrize("policy", [PollPolicy(), PollPolicy(fixed=60), PollPolicy(60, doubling_to=600)])
def test_a_clock_that_was_set_back_neither_silences_nor_hurries_anybody(policy: PollPolicy) -> None:
    first = policy.wait(0, 0.5)
    assert policy.wait(-3600, 0.5) == first
    assert policy.rejoin(-3600, -3600, 0.5) == first
    assert 0 < policy.wait(100, 0.5, looks=200) <= 160


@given(
    st.lists(st.tuples(st.floats(0.01, 90), FRACTIONS), max_size=30),
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_a_job_tells_looks_stay_apart_and_no_pause_is_longer_than_a_minute(
    answers: list[tuple[float, float | None]], chance: float
) -> None:
    now, pace = 0.0, NO_PACE
    for step, fraction in answers:
        now += step
        pace = pace.seen(fraction, now)
        wait = PollPolicy().wait(now, chance, pace)
        assert 0 < wait <= LONGEST * 1.1
        assert now + wait >= 10


def test_a_steady_count_foresees_the_end() -> None:
    pace = seen((60, 0.1), (120, 0.2), (180, 0.3))
    assert pace.steady
    assert pace.end == pytest.approx(600)


def test_time_in_a_queue_does_not_count() -> None:
    pace = seen((300, 0.0), (360, 0.1), (420, 0.2))
    assert pace.steady
    assert pace.end == pytest.approx(900)


@pytest.mark.parametrize(
    "samples",
    [
        [(60, 0.2), (120, 0.2), (180, 0.2)],  # stands still
        [(60, 0.6), (120, 0.2)],  # goes back
        [(60, 0.01), (120, 0.9), (180, 0.91)],  # jumps
        [(60, None)],
    ],
)
def test_an_unsteady_count_is_not_relied_upon(samples: list[tuple[float, float | None]]) -> None:
    assert not seen(*samples).steady


def test_an_answer_without_progress_takes_nothing_back() -> None:
    assert seen((60, 0.1), (120, 0.2), (130, None)) == seen((60, 0.1), (120, 0.2))
