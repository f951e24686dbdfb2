"""When to ask again.

A job takes from two minutes to hours and says little about it, so the interval grows with the time that
has passed: the delay until somebody notices the end stays a fixed share of the job's own duration. The
fixed ten seconds of the vendor's Terraform provider are the measure: never more calls than it makes.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_RETRY_AFTER = 3600.0  # seconds; nobody is silenced for longer by one answer


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """How the interval between two looks at a job develops.

    :param fixed: seconds; when set, only ``doubling_to`` matters beside it.
    :param doubling_to: seconds up to which ``fixed`` doubles from look to look, None: it stays.
    :param shortest: seconds, the interval at the beginning.
    :param longest: seconds, the interval of a job that runs for hours.
    :param share: of the elapsed time; 0.05 notices the end of a job within about 2.5 % of its duration.
    :param jitter: the interval is stretched by up to this share, so that jobs of one minute drift apart.
    """

    fixed: float | None = None
    doubling_to: float | None = None
    shortest: float = 10.0
    longest: float = 120.0
    share: float = 0.05
    jitter: float = 0.1

    def wait(self, elapsed: float, chance: float) -> float:
        """Return the seconds until the next look.

        :param elapsed: seconds since the job was submitted or first seen.
        :param chance: a random number in [0, 1).
        """
        if self.fixed is not None:
            # After waits of 1, 2, 4 … intervals, the time that has passed plus one interval is the next wait.
            return self.fixed if self.doubling_to is None else min(elapsed + self.fixed, self.doubling_to)
        interval = min(max(self.shortest, self.share * elapsed), self.longest)
        return interval * (1 + self.jitter * chance)


def backoff(
    failures: int, chance: float, *, retry_after: float | None = None, longest: float = 60.0
) -> float:
    """Return the seconds to wait after trouble: doubling from one second, or what the service asked for.

    :param failures: how many in a row, from 1.
    :param chance: a random number in [0, 1): spreads those who met the same trouble.
    :param retry_after: seconds; obeyed when it is the longer one.
    """
    interval = min(2.0 ** min(failures - 1, 16), longest) * (0.5 + chance / 2)
    if retry_after is None:
        return interval
    return max(interval, min(retry_after, LONGEST_RETRY_AFTER) * (1 + chance / 10))
