"""How many requests may leave, and when: a schedule that is a function of the time.

IMS publishes no rates; the API Gateway in front of it has a limit per project and API. Whoever runs into it
only loses time, so requests are spread evenly below a limit of our own, and an answer that says "too many"
slows all that share the schedule, not only the one who heard it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BURST = 1.0  # seconds' worth of requests that may leave at once after a time of silence
SLOWEST = 64.0  # times slower than asked for, after refusals again and again
RECOVERY = 60.0  # seconds without a refusal after which the pace doubles again
LONGEST_HOLD = 60.0  # seconds for which one answer can silence everybody


@dataclass(slots=True)
class Throttle:
    """The schedule of those who share a limit.

    :param most_in_flight: requests under way at a time.
    :param per_second: requests that leave in a second, on average.
    """

    most_in_flight: int
    per_second: float
    in_flight: int = 0
    _free_at: float = -math.inf
    _slowness: float = 1.0
    _slowed_at: float = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until the next request may leave, infinite until another one is back.

        :param now: seconds of any clock that does not go back.
        """
        if self.in_flight >= self.most_in_flight:
            return math.inf
        return self._free_at - now if self._free_at > now else 0.0

    def admit(self, now: float) -> bool:
        """Let a request leave if it may at once."""
        if self.in_flight >= self.most_in_flight or self._free_at > now:
            return False
        self.leave(now)
        return True

    def leave(self, now: float) -> None:
        """Note that a request leaves."""
        self.in_flight += 1
        self._free_at = max(self._free_at, now - BURST) + self.slowness(now) / self.per_second

    def back(self) -> None:
        """Note that a request is answered, failed or given up."""
        self.in_flight -= 1

    def refuse(self, now: float, hold: float = 0.0) -> None:
        """Take note of an answer that says "too many": half the pace, and silence for a while.

        Those that come together, before the first of them could have an effect, count as one. Afterwards
        requests leave evenly: a silence that was asked for saves up no burst for its end.

        :param hold: seconds of silence that the service asked for.
        """
        if now - self._slowed_at >= 1.0 or self._slowness == 1.0:
            self._slowness = min(2 * self.slowness(now), SLOWEST)
            self._slowed_at = now
        self._free_at = max(self._free_at, now + min(hold, LONGEST_HOLD))

    def slowness(self, now: float) -> float:
        """Return how many times slower than asked for requests leave just now."""
        if self._slowness == 1.0:
            return 1.0
        return max(self._slowness * math.exp2((self._slowed_at - now) / RECOVERY), 1.0)
