"""The polling policy against fixed intervals, on simulated jobs: looks per job, delay of the notice.

Run: ``PYTHONPATH=tests python -m benchmarks.policy [--count 300] [--json FILE]``. Jobs of 2 to 120 minutes,
and of the few durations that are on record, tell their progress in ways from exact to false. Then 10,000 jobs
are submitted within a minute, and the requests of each second are counted. Nothing here is a timing: a seed
gives the same figures everywhere.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.results import save

from ims_airflow.protocol.pace import NO_PACE
from ims_airflow.protocol.polling import PollPolicy

FIXED = PollPolicy(fixed=10.0)
ADAPTIVE = PollPolicy()
MINUTES = (2, 2.5, 3, 4, 5, 10, 20, 30, 60, 120)
# From begin_time to end_time of the job answers that the API references print.
RECORDED = {"ShowJobProgress, a data image": 133.3, "ShowJob, an image import": 600.0}

Progress = Callable[[float], float | None]
Course = Callable[[float, random.Random], Progress]


def count(
    length: float,
    chance: random.Random,
    *,
    digits: int = 2,
    queue: float = 0.0,
    finish: float = 0.0,
    bend: float = 1.0,
    noise: float = 0.0,
) -> Progress:
    """Return a count that never goes back and ends at one.

    :param digits: of the fraction; two are whole percents.
    :param queue: seconds at zero before it moves.
    :param finish: seconds at one before the job ends.
    :param bend: exponent of its course; above one it begins slowly.
    :param noise: by which share it may be off.
    """
    best = 0.0

    def progress(now: float) -> float:
        nonlocal best
        share = math.pow(min(max((now - queue) / (length - queue - finish), 0.0), 1.0), bend)
        best = max(best, round(min(share * (1 + noise * chance.uniform(-1, 1)), 1.0), digits))
        return best

    return progress


USABLE: dict[str, Course] = {
    "exact": lambda length, chance: count(length, chance, digits=6),
    "whole percents": count,
    "noisy, 2 %": lambda length, chance: count(length, chance, noise=0.02),
    "slow at first": lambda length, chance: count(length, chance, bend=1.15),
    "slow at the end": lambda length, chance: count(length, chance, bend=0.87),
    "queued first": lambda length, chance: count(length, chance, queue=chance.uniform(3, 15)),
    "finishing after 100 %": lambda length, chance: count(length, chance, finish=chance.uniform(1, 6)),
    "all of these": lambda length, chance: count(
        length,
        chance,
        queue=chance.uniform(0, 10),
        finish=chance.uniform(0, 5),
        noise=0.01,
        bend=chance.uniform(0.9, 1.1),
    ),
}
UNUSABLE: dict[str, Course] = {
    "missing": lambda length, chance: lambda now: None,
    "stands at 20 %": lambda length, chance: lambda now: 0.2,
    "100 % from the start": lambda length, chance: lambda now: 1.0,
}
DOUBTFUL: dict[str, Course] = {
    "five jumps": lambda length, chance: lambda now: int(5 * now / length) / 5,
    "twice too slow": lambda length, chance: lambda now: round(now / length / 2, 2),
    "four times too fast": lambda length, chance: lambda now: min(round(4 * now / length, 2), 0.99),
    "goes back": lambda length, chance: lambda now: round(3 * now / length % 1, 2),
    "at random": lambda length, chance: lambda now: round(chance.random(), 2),
    "every other time": lambda length, chance: (
        lambda now: None if chance.random() < 0.5 else round(now / length, 2)
    ),
}


def looks(
    policy: PollPolicy, progress: Progress, chance: random.Random, start: float = 0.0
) -> Iterator[float]:
    """Yield the moments of all looks after the first, which comes with the submit."""
    now, pace, number = start, NO_PACE, 1
    while True:
        pace = pace.seen(progress(now - start), now - start)
        now += policy.wait(now - start, chance.random(), pace, number)
        number += 1
        yield now


@dataclass(frozen=True)
class Row:
    """What a policy did on the jobs of one kind and duration.

    :param share: of the looks that the fixed ten seconds needed for the same jobs.
    :param most: the largest number of looks that any job had more than with the fixed ten seconds.
    :param delay: mean seconds until the end was noticed.
    :param late: of which 95 % were noticed sooner.
    """

    course: str
    minutes: float
    calls: float
    share: float
    most: int
    delay: float
    late: float

    @property
    def allowed(self) -> float:
        """The mean delay that a job without usable progress may have."""
        return max(0.03 * self.minutes * 60, 5.0)


def follow(policy: PollPolicy, length: float, progress: Progress, chance: random.Random) -> tuple[int, float]:
    for number, now in enumerate(looks(policy, progress, chance), 1):
        if now >= length:
            return number, now - length
    raise AssertionError("unreachable")


def row(name: str, course: Course, minutes: float, jobs: int, policy: PollPolicy = ADAPTIVE) -> Row:
    chance = random.Random(f"{name} {minutes}")
    calls, delays, fixed = [], [], []
    for _ in range(jobs):
        length = minutes * 60 * chance.uniform(1.0, 1.1)
        number, delay = follow(policy, length, course(length, chance), chance)
        calls.append(number)
        delays.append(delay)
        fixed.append(math.ceil(length / 10))
    return Row(
        name,
        minutes,
        statistics.mean(calls),
        sum(calls) / sum(fixed),
        max(ours - theirs for ours, theirs in zip(calls, fixed, strict=True)),
        statistics.mean(delays),
        sorted(delays)[int(0.95 * len(delays))],
    )


def rows(courses: dict[str, Course], jobs: int, minutes: tuple[float, ...] = MINUTES) -> list[Row]:
    return [row(name, course, length, jobs) for length in minutes for name, course in courses.items()]


def herd(policy: PollPolicy, jobs: int, window: float, until: int = 600) -> list[int]:
    """Count the requests of each second when jobs of ten minutes are submitted within a window of seconds."""
    chance = random.Random(1)
    seconds: Counter[int] = Counter()
    for _ in range(jobs):
        for now in looks(policy, lambda _: None, chance, start=chance.uniform(0, window)):
            if now >= until:
                break
            seconds[int(now)] += 1
    return [seconds[second] for second in range(until)]


def bumpiness(seconds: list[int], window: int = 30) -> float:
    """Return the worst ratio of a second to the mean of those around it, once all jobs have begun."""
    worst = 0.0
    for at in range(90 + window, len(seconds) - window):
        around = seconds[at - window : at + window]
        worst = max(worst, seconds[at] / max(statistics.mean(around), 1))
    return worst


def show(title: str, found: list[Row]) -> None:
    print(
        f"\n{title}\n{'progress':<24} {'minutes':>7} {'looks':>7} {'of fixed':>8} {'delay s':>8} {'95 %':>7}"
    )
    for one in found:
        print(
            f"{one.course:<24} {one.minutes:>7g} {one.calls:>7.1f} {one.share:>8.2f} "
            f"{one.delay:>8.1f} {one.late:>7.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="jobs of each kind and duration")
    parser.add_argument("--herd", type=int, default=10_000, help="jobs submitted within a minute")
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    recorded = tuple(seconds / 60 for seconds in RECORDED.values())
    tables = {
        "fixed 10 s": [row("missing", UNUSABLE["missing"], m, options.count, FIXED) for m in MINUTES],
        "usable": rows(USABLE, options.count),
        "unusable": rows(UNUSABLE, options.count),
        "doubtful": rows(DOUBTFUL, options.count),
        "recorded durations": rows({**USABLE, **UNUSABLE}, options.count, recorded),
    }
    for title, found in tables.items():
        show(title, found)
    herds = {
        f"{kind}, within {window} s": {"peak": max(counts), "bumpiness": round(bumpiness(counts), 2)}
        for window in (60, 1)
        for kind, policy in (("adaptive", ADAPTIVE), ("fixed 10 s", FIXED))
        for counts in [herd(policy, options.herd, window)]
    }
    print(f"\n{options.herd} jobs: requests per second, and the worst second against its neighbours")
    for name, figures in herds.items():
        print(f"{name:<28} {figures['peak']:>6} {figures['bumpiness']:>6}")
    plain: dict[str, Any] = {name: [vars(one) for one in found] for name, found in tables.items()}
    save("policy", {**plain, "herd": herds}, options.json)


if __name__ == "__main__":
    main()
