"""The keeper of leases: what lasts is renewed, what has ended is not."""

import gc
import threading
import time
import weakref
from collections.abc import Callable

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
    assert sum(hold.renewals for hold in shorts) == 0


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


def test_its_thread_is_one_and_ends() -> None:
    """There is none before the first hold, one for all of them, and it does not keep a store."""

    def threads() -> int:
        return sum(thread.name == "instep-leases" for thread in threading.enumerate())

    before = threads()
    keeper, holds = Keeper(PERIOD), [Hold() for _ in range(5)]
    assert threads() == before
    for hold in holds:
        keeper.watch(hold)
    assert threads() == before + 1
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
