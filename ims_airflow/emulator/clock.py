from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """The emulator's time: the machine's, plus what it was advanced by.

    Jobs, tokens and temporary keys live by it. Signatures are checked against the machine's time, because
    that is the clock that clients sign with.

    :param machine: the machine's clock, epoch seconds.
    """

    def __init__(self, machine: Callable[[], float] = time.time) -> None:
        self.machine = machine
        self._ahead = 0.0

    def now(self) -> float:
        """Return the emulator's time, epoch seconds."""
        return self.machine() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the emulator's time forward."""
        self._ahead += seconds


def utc(now: float) -> datetime:
    """Return a time (epoch seconds) as UTC."""
    return datetime.fromtimestamp(now, UTC)


def to_the_second(now: float) -> str:
    """Spell a time as image rows do: ``2018-09-06T14:03:27Z``."""
    return utc(now).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_the_millisecond(now: float) -> str:
    """Spell a time as newer job answers and OBS listings do: ``2022-05-17T14:42:20.859Z``."""
    moment = utc(now)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def to_the_microsecond(now: float) -> str:
    """Spell a time as IAM does; the vendor's SDK insists on the fraction."""
    return utc(now).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def old_spelling(now: float) -> str:
    """Spell a time as older job answers do: ``04-Jun-2015 18:11:06:586``."""
    moment = utc(now)
    return f"{moment:%d-%b-%Y %H:%M:%S}:{moment.microsecond // 1000:03}"
