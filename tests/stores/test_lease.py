"""The keeper of leases: what lasts is renewed, what has ended is not."""

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from actors import Child, until
from instep.stores.lease import Keeper

Fork = Callable[..., Child]
PERIOD = 0.05


class Hold:
    """Counts its renewals.

    Args:
        lasts: how many of them succeed.
    """

    def __init__(self, lasts: int = 1_000_000) -> None:
        self.renewals = 0
        self.lasts = lasts

    def renew(self) -> bool:
        """Whether it still lasts."""
        self.renewals += 1
        return self.renewals <= self.lasts


def test_what_lasts_is_renewed() -> None:
    """Again and again, until it is dropped; to drop it twice does no harm."""
    keeper, hold = Keeper(PERIOD), Hold()
    keeper.watch(hold)
    until(lambda: hold.renewals >= 3)
    keeper.drop(hold)
    keeper.drop(hold)
    time.sleep(PERIOD)
    before = hold.renewals
    time.sleep(PERIOD * 4)
    assert hold.renewals <= before + 1


def test_what_is_short_is_not_renewed() -> None:
    """A hold costs a renewal only if it lasts for a period."""
    keeper, long, shorts = Keeper(PERIOD), Hold(), [Hold() for _ in range(200)]
    keeper.watch(long)
    for hold in shorts:
        keeper.watch(hold)
        keeper.drop(hold)
    until(lambda: long.renewals >= 2)
    keeper.drop(long)
    assert sum(hold.renewals for hold in shorts) < 20  # one, if the machine stalls at it


def test_what_has_ended_is_dropped() -> None:
    """It is renewed no more, and the others are."""
    keeper, lost, other = Keeper(PERIOD), Hold(lasts=0), Hold()
    keeper.watch(lost)
    keeper.watch(other)
    until(lambda: other.renewals >= 4)
    keeper.drop(other)
    assert lost.renewals == 1


def test_one_that_fails_does_not_stop_the_others() -> None:
    """An error of one renewal costs that one."""

    class Broken(Hold):
        def renew(self) -> bool:
            super().renew()
            raise ZeroDivisionError

    keeper, broken, other = Keeper(PERIOD), Broken(), Hold()
    keeper.watch(broken)
    keeper.watch(other)
    until(lambda: other.renewals >= 3)
    keeper.drop(broken)
    keeper.drop(other)


def test_what_comes_while_it_goes_through_them_does_not_end_it() -> None:
    """Garbage may be collected at any step of its own, and a finalizer may take a hold."""
    keeper, others = Keeper(PERIOD), [Hold() for _ in range(6000)]
    more: list[Hold] = []

    def take(phase: str, _: object) -> None:
        if threading.current_thread().name == "instep-leases" and len(more) < 2000:
            more.append(Hold())
            keeper.watch(more[-1])

    before = gc.get_threshold()
    gc.callbacks.append(take)
    gc.set_threshold(1)
    try:
        for hold in others:
            keeper.watch(hold)
        until(lambda: more or others[-1].renewals)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(take)
    known = others[0].renewals
    until(lambda: others[0].renewals > known + 1)
    keeper.after_fork_in_child()  # forgets all of them


def test_a_log_that_fails_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    """What could not be renewed is said to the log, and that may go wrong too."""

    class Broken(Hold):
        def renew(self) -> bool:
            super().renew()
            raise ZeroDivisionError

    class Refusing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("no log today")

    keeper, broken, other, refusing = Keeper(PERIOD), Broken(), Hold(), Refusing()
    log = logging.getLogger("instep")
    log.addFilter(refusing)
    try:
        keeper.watch(broken)
        keeper.watch(other)
        until(lambda: broken.renewals >= 3 and other.renewals >= 3)
    finally:
        keeper.drop(broken)
        keeper.drop(other)
        log.removeFilter(refusing)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_another_thread_follows_one_that_was_ended() -> None:
    """Some are ended from outside (a greenlet is killed): the next hold starts another."""

    class Ended(BaseException):
        pass

    class Ending(Hold):
        def renew(self) -> bool:
            if not super().renew():
                return False
            raise Ended

    keeper, ending, other = Keeper(PERIOD), Ending(lasts=1), Hold()
    keeper.watch(ending)
    until(lambda: ending.renewals == 1)
    keeper.drop(ending)
    until(lambda: not keeper._running)
    keeper.watch(other)
    until(lambda: other.renewals >= 2)
    keeper.drop(other)


def test_its_thread_is_one_and_ends() -> None:
    """There is none before the first hold, one for all of them, and it does not keep a store."""

    def threads() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "instep-leases"}

    before = threads()  # of other tests; some may end meanwhile
    keeper, holds = Keeper(PERIOD), [Hold() for _ in range(5)]
    assert not threads() - before
    for hold in holds:
        keeper.watch(hold)
    assert len(threads() - before) == 1
    for hold in holds:
        keeper.drop(hold)
    gone = weakref.ref(holds[0])
    del holds, hold
    gc.collect()
    assert gone() is None


def test_a_child_renews_nothing_of_its_parent(fork: Fork) -> None:
    """What it holds itself it does renew."""
    keeper, theirs = Keeper(PERIOD), Hold()
    keeper.watch(theirs)

    def work() -> list[int]:
        before, mine = theirs.renewals, Hold()
        keeper.watch(mine)
        until(lambda: mine.renewals >= 3)
        return [theirs.renewals - before]

    child = fork(work)
    assert child.result() == [0]
    until(lambda: theirs.renewals >= 3)
    keeper.drop(theirs)
