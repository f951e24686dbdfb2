"""When to ask again.

A job takes from two minutes to hours. The fixed ten seconds of the vendor's Terraform provider are the
measure: never more looks than it makes, and with usable progress a third of them at most.

*Nothing is known.* The first look comes after 10 to 20 s: early enough for a job that fails at once, and
spread over about one interval, so that jobs that were submitted together never meet again. The next ones
come 18 s apart, because hardly an import ends in its first minute; what that saves is spent on intervals a
little below ten seconds, up to three minutes. From then on the interval is a twentieth of the elapsed time,
stretched by up to a tenth: the end is noticed half an interval late on average, which is less than 3 % of the
job's duration. Above a minute the interval does not grow: a job of an hour has had a quarter of the looks by
then, and somebody waits for its end.

*The job tells how far it is*, and :class:`~ims_airflow.protocol.pace.Pace` relies on it. Most of the way is
slept through: four fifths of what is left, at most 45 s, so that whoever was told a lie notices it. A short
job is then met just behind its foreseen end. The end of a long one is known to some percent only: those are
looked through in steps of seven seconds, and when the job is overdue, the steps grow with the delay, up to
the interval of a job that tells nothing.

*Whatever happens*, look number ``n`` never comes before ``10 n`` seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ims_airflow.protocol.pace import NO_PACE, Pace

LONGEST_RETRY_AFTER = 3600.0  # seconds; nobody is silenced for longer by one answer

MEASURE = 10.0  # seconds between two looks of those whom this policy never exceeds
FIRST, SPREAD = 10.0, 10.0
EARLY, EARLY_UNTIL = 18.0, 45.0
SHORTEST, LONGEST = 8.8, 60.0
SHARE = 1 / 20  # of the elapsed time
JITTER = 0.1

APPROACH = 0.8  # of the time that is left
TRUST, TRUST_AT_FIRST = 45.0, 3.5  # seconds; times the elapsed time
VAGUE = 0.03  # of the elapsed time: how far a foreseen end may be off
SHORT_JOB = 8.0  # seconds of vagueness below which the end is met in one step
BEHIND = 3.0  # seconds behind the foreseen end of a short job: one look rather than two
STEP = 7.0  # seconds, give or take three tenths
OVERDUE = 0.5  # of the delay


def adaptive_wait(elapsed: float, chance: float, pace: Pace, looks: int) -> float:
    """Return the seconds until the next look at a job. The reasons are those of this module.

    :param elapsed: seconds since the job was submitted or first seen.
    :param chance: a random number in [0, 1).
    :param pace: what is known of its progress.
    :param looks: how often it was looked at, the look at its very start included.
    """
    if elapsed < FIRST:
        return FIRST + SPREAD * chance - elapsed
    plain = _plain_interval(elapsed) * (1 + JITTER * chance)
    interval = plain
    if pace.steady and pace.end is not None:
        interval = _towards(pace.end - elapsed, elapsed, plain, chance)
    return max(interval, min(MEASURE * looks - elapsed, LONGEST))  # a clock set back must not silence anybody


def _plain_interval(elapsed: float) -> float:
    return EARLY if elapsed < EARLY_UNTIL else min(max(SHORTEST, SHARE * elapsed), LONGEST)


def _towards(left: float, elapsed: float, plain: float, chance: float) -> float:
    """Return the next step to an end that is foreseen in ``left`` seconds."""
    vague = VAGUE * elapsed
    way = left + BEHIND if vague < SHORT_JOB else left - vague
    if way <= STEP:
        return min(max(STEP * (0.7 + 0.6 * chance), OVERDUE * (-left - vague)), plain)
    step = way if way <= TRUST else APPROACH * way
    return min(step, max(TRUST, plain), TRUST_AT_FIRST * elapsed)


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """How the interval between two looks at a job develops.

    :param fixed: seconds; None to adapt it as :func:`adaptive_wait` does.
    :param doubling_to: seconds up to which ``fixed`` doubles from look to look, None: it stays.
    """

    fixed: float | None = None
    doubling_to: float | None = None

    def wait(self, elapsed: float, chance: float, pace: Pace | None = None, looks: int = 0) -> float:
        """Return the seconds until the next look.

        :param elapsed: seconds since the job was submitted or first seen.
        :param chance: a random number in [0, 1).
        :param pace: what is known of the job's progress.
        :param looks: how often it was looked at.
        """
        elapsed = max(elapsed, 0.0)  # the worker's clock may be ahead of ours, and any clock can be set back
        if self.fixed is None:
            return adaptive_wait(elapsed, chance, pace or NO_PACE, looks)
        # After waits of 1, 2, 4 … intervals, the time that has passed plus one interval is the next wait.
        return self.fixed if self.doubling_to is None else min(elapsed + self.fixed, self.doubling_to)

    def rejoin(self, elapsed: float, since_look: float, chance: float) -> float:
        """Return the seconds until the first look of a process that goes on where another one stopped.

        :param since_look: seconds since that one's last look. Long ago, it means that a triggerer has
            started with all its jobs at once: they are spread over the interval.
        """
        since_look = max(since_look, 0.0)
        left = self.wait(elapsed - since_look, chance) - since_look
        return left if left > 0 else self.wait(elapsed, 0.0) * chance


ADAPTIVE = PollPolicy()


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
