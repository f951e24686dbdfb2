from __future__ import annotations

import os
import signal

import pytest

from ims_airflow.demo.interrupts import InterruptedDemo, interruptible, uninterrupted


def interrupt(signum: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_block_with_the_status_that_shells_expect(
    signum: signal.Signals, status: int
) -> None:
    with pytest.raises(InterruptedDemo) as caught, interruptible():
        interrupt(signum)
    assert caught.value.exit_status == status


def test_it_counts_where_the_shell_made_it_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(InterruptedDemo), interruptible():
            interrupt()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_critical_block_is_finished_first() -> None:
    done = []

    def critical() -> None:
        with uninterrupted():
            with uninterrupted():
                interrupt()
            done.append("all of it")
        done.append("too much")

    with pytest.raises(InterruptedDemo), interruptible():
        critical()
    assert done == ["all of it"]


def test_cleaning_up_forgets_the_interruption() -> None:
    with interruptible():
        with uninterrupted(forget=True):
            interrupt()
        with uninterrupted():
            pass
