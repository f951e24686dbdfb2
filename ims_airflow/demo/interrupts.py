"""Ctrl-C and its relatives, which must neither tear a start in two nor stop the cleaning up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedDemo(BaseException):  # like KeyboardInterrupt, it is no error
    """Raised when a person or the system wants the demo to end.

    :param signum: how it was said.
    """

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(signum.name)
        self.exit_status = 128 + signum


class _Held:
    """How many blocks want no interruption just now, and what came meanwhile."""

    depth = 0
    pending: signal.Signals | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals into :class:`InterruptedDemo` within the block.

    A shell that starts a job in the background makes it ignore SIGINT; here it counts all the same.
    """
    before = {signum: signal.signal(signum, _handle) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@contextmanager
def uninterrupted(*, forget: bool = False) -> Iterator[None]:
    """Hold interruptions back until the end of the block.

    :param forget: drop them then; for blocks that do what the person wanted anyway, ending.
    """
    _Held.depth += 1
    try:
        yield
    finally:
        _Held.depth -= 1
        pending = _Held.pending
        if not _Held.depth:
            _Held.pending = None
    if pending and not _Held.depth and not forget:
        raise InterruptedDemo(pending)


def _handle(signum: int, _frame: FrameType | None) -> None:
    if not _Held.depth:
        raise InterruptedDemo(signal.Signals(signum))
    _Held.pending = signal.Signals(signum)
