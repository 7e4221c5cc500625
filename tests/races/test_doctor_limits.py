"""A step ends when its time is over, and puts away what it has begun."""

import signal
import threading
import time

import pytest

from instep.races.doctor.limits import TimeOver, within


def test_a_step_ends_as_by_ctrl_c() -> None:
    """Not even code that catches every error goes on, and what is to be closed is closed."""
    closed = []
    begin = time.monotonic()
    with pytest.raises(TimeOver), within(0.05):
        try:
            while True:
                try:
                    time.sleep(20)
                except Exception:
                    pytest.fail("a time-out of somebody else's was taken for this one")
        finally:
            closed.append("server")
    assert closed == ["server"]
    assert time.monotonic() - begin < 15


def test_nothing_rings_afterwards() -> None:
    """The clock is stopped, and whoever listened before listens again."""
    before = signal.getsignal(signal.SIGALRM)
    with within(30):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    assert signal.getsignal(signal.SIGALRM) is before


def test_without_a_bound_in_another_thread() -> None:
    """No signal arrives there, so the step runs on and says nothing wrong."""
    done = []

    def step() -> None:
        with within(0.001):
            time.sleep(0.01)
            done.append(True)

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert done == [True]
