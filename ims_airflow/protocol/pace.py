"""When a job will end, from the ``process_percent`` of its answers.

The number is a hint and no more. It may be missing, stand still, jump, go back or lie, so an estimate must
earn its trust: two looks in a row have to foresee about the same end.
"""

from __future__ import annotations

from typing import NamedTuple

SAME_END = 0.35  # of the time that seemed to be left: two foreseen ends that close confirm each other
SAME_END_OF_ALL = 0.06  # of the elapsed time: what whole percents and a noisy count may add to that
STANDSTILL = 0.03  # of the whole job; a count of whole percents rests for 0.01 of it between two steps


class Pace(NamedTuple):
    """What the answers so far say about a job's end. All times are seconds since its start.

    :param origin_at: when it began to move; a job may queue for a while at zero, or begin anew.
    :param origin: the fraction at that time.
    :param at: when it was last seen to move.
    :param fraction: how far it was then.
    :param end: when it will end if it goes on like that, None while nobody can tell.
    :param steady: whether that may be relied upon.
    """

    origin_at: float = 0.0
    origin: float = 0.0
    at: float = 0.0
    fraction: float = 0.0
    end: float | None = None
    steady: bool = False

    def seen(self, fraction: float | None, now: float) -> Pace:
        """Return the pace after one more answer.

        :param fraction: from 0 to 1, None where the answer does not say.
        :param now: seconds since the job's start.
        """
        if fraction is None or now <= self.at:
            return self
        if fraction <= 0 or fraction < self.fraction:
            return Pace(now, fraction, now, fraction)
        if fraction == self.fraction:
            return self._still_there(now)
        end = now + (1 - fraction) * (now - self.origin_at) / (fraction - self.origin)
        return Pace(self.origin_at, self.origin, now, fraction, end, self._confirms(end, now))

    def _confirms(self, end: float, now: float) -> bool:
        # A first estimate is believed, too: on a job of two minutes there is no time to wait for a second.
        return (
            self.end is None or abs(end - self.end) <= SAME_END * (self.end - self.at) + SAME_END_OF_ALL * now
        )

    def _still_there(self, now: float) -> Pace:
        missed = (now - self.at) * (self.fraction - self.origin)  # what should have come since, by the pace
        if not self.steady or missed <= STANDSTILL * (self.at - self.origin_at):
            return self
        return Pace(self.origin_at, self.origin, self.at, self.fraction, self.end)


NO_PACE = Pace()
