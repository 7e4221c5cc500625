"""The part of the contract that is about holds: who has a key, who waits, and what is refused."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..errors import Conflict, LockTimeout
from ..stores.base import Hold, Store
from .steps import LONG, add_one, data, expiry, held, put, refuses_several

SHORT = 0.05  # seconds; a wait that a test expects to be in vain


class HoldContract:
    """Tests of holds, commits and conflicts."""

    def change_behind(self, store: Store, hold: Hold, key: bytes, new: bytes) -> None:
        """Change a held key, as one does whose hold was lost without knowing; for subclasses."""
        raise NotImplementedError

    def test_several_keys_are_committed_together(self, store: Store) -> None:
        """All of a commit is there afterwards, deletions too."""
        if refuses_several(store):
            return
        store.update(b"c", put(b"gone"), LONG)
        with store.hold((b"b", b"a", b"c"), LONG) as hold:
            assert [hold.load(key) for key in (b"a", b"b", b"c")] == [None, None, b"gone"]
            hold.commit({b"a": b"1", b"b": b"2", b"c": None})
        assert [data(store, key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]

    def test_a_conflict_writes_none_of_the_keys(self, store: Store) -> None:
        """Truth rests on the comparison: what was changed behind the hold's back is not lost."""
        if refuses_several(store):
            return
        for rest in ({b"a": b"1"}, {b"z": b"1"}):
            with store.hold((b"a", b"n", b"z"), LONG) as hold:
                for key in (b"a", b"n", b"z"):
                    hold.load(key)
                self.change_behind(store, hold, b"n", b"theirs")
                with pytest.raises(Conflict):
                    hold.commit({**rest, b"n": b"mine"})
            assert [data(store, key) for key in (b"a", b"n", b"z")] == [None, b"theirs", None]

    def test_that_an_expired_record_is_forgotten_is_no_conflict(self, store: Store) -> None:
        """Whoever holds it may commit; that somebody wrote it is a conflict as ever."""
        for new in (b"new", None):
            ends = time.time() + 0.2
            store.update(b"n", put(b"old"), LONG, expires=ends)
            with store.hold((b"n",), LONG) as hold:
                hold.load(b"n")
                time.sleep(max(0.0, ends - time.time()) + 0.01)
                for _ in range(300):
                    store.update(b"other", put(b"gone"), LONG, expires=time.time() - 100)
                hold.commit({b"n": new})
            assert data(store, b"n") == new
            assert expiry(store, b"n") == (0.0 if new else None)
        store.update(b"n", put(b"old"), LONG, expires=time.time() - 100)
        with store.hold((b"n",), LONG) as hold:
            assert hold.load(b"n") is None
            self.change_behind(store, hold, b"n", b"theirs")
            with pytest.raises(Conflict):
                hold.commit({b"n": b"mine"})
        assert data(store, b"n") == b"theirs"

    def test_a_conflict_lets_go(self, store: Store) -> None:
        """The next caller need not wait for one who failed."""
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            self.change_behind(store, hold, b"n", b"theirs")
            with pytest.raises(Conflict):
                hold.commit({b"n": b"mine"})
            store.hold((b"n",), 0).release()

    def test_a_hold_keeps_others_out(self, store: Store) -> None:
        """Neither a hold nor an update gets the key; the error says whose it is, and nothing is
        written."""
        store.update(b"n", put(b"a"), LONG)
        with held(store, b"n") as thread:
            for attempt in (
                lambda: store.hold((b"n",), SHORT),
                lambda: store.update(b"n", put(b"b"), SHORT),
            ):
                began, now = time.monotonic(), time.time()
                with pytest.raises(LockTimeout) as caught:
                    attempt()
                assert SHORT * 0.9 <= time.monotonic() - began < LONG
                holder = caught.value.holder
                assert holder is not None
                assert holder.thread == thread
                assert now - 60 < holder.since <= now
            assert data(store, b"n") == b"a"

    def test_a_hold_waits_for_its_turn(self, store: Store) -> None:
        """When the key is let go of, whoever waits for it gets it."""
        with ThreadPoolExecutor(2) as pool:
            with held(store, b"n"):
                hold = pool.submit(store.hold, (b"n",), LONG)
                time.sleep(SHORT)
                assert not hold.done()
            hold.result(LONG).release()

    def test_a_commit_of_nothing_lets_go(self, store: Store) -> None:
        """Who held a key only to be alone says so at the end like everybody else."""
        store.update(b"n", put(b"a"), LONG)
        with store.hold((b"n",), LONG) as hold:
            hold.commit({})
            store.hold((b"n",), 0).release()
        record = store.read(b"n")
        assert record is not None
        assert (record.version, record.data) == (1, b"a")

    def test_an_update_waits_for_its_turn(self, store: Store) -> None:
        """It sees what the holder committed."""
        with ThreadPoolExecutor(1) as pool, store.hold((b"n",), LONG) as hold:
            hold.load(b"n", updated=True)
            number = pool.submit(store.update, b"n", add_one, LONG)
            time.sleep(SHORT)
            assert not number.done()
            hold.commit({b"n": b"41"})
            assert number.result(LONG) == 42

    def test_a_read_waits_for_nobody(self, store: Store) -> None:
        """It gives what was committed last."""
        store.update(b"n", put(b"a"), LONG)
        with held(store, b"n"):
            assert data(store, b"n") == b"a"

    def test_other_keys_are_free(self, store: Store) -> None:
        """A hold of one key is not a hold of a thousand."""
        with held(store, b"n"):
            free = 0
            for number in range(100):
                try:
                    store.update(b"other %d" % number, put(b""), 0)
                except LockTimeout:
                    continue
                free += 1
        assert free > 50

    def test_a_release_changes_nothing(self, store: Store) -> None:
        """And may be said twice, and after a commit."""
        store.update(b"n", put(b"a"), LONG)
        hold = store.hold((b"n",), LONG)
        hold.load(b"n")
        hold.release()
        hold.release()
        other = store.hold((b"n",), 0)
        hold.release()
        with pytest.raises(LockTimeout):
            store.hold((b"n",), 0)
        other.release()
        assert data(store, b"n") == b"a"

    def test_a_hold_can_be_extended(self, store: Store) -> None:
        """Keys that are held already are passed over; what cannot be had costs nothing."""
        if refuses_several(store):
            return
        with held(store, b"c"), store.hold((b"a",), LONG) as hold:
            hold.extend((b"a", b"b"), LONG)
            with pytest.raises(LockTimeout):
                hold.extend((b"c",), SHORT)
            for key in (b"a", b"b"):
                with pytest.raises(LockTimeout):
                    store.hold((key,), 0)
        store.hold((b"a", b"b", b"c"), 0).release()

    def test_a_hold_of_several_takes_all_or_none(self, store: Store) -> None:
        """One key that is busy leaves the others free."""
        if refuses_several(store):
            return
        for busy in (b"a", b"m", b"z"):
            with held(store, busy):
                with pytest.raises(LockTimeout):
                    store.hold((b"a", b"m", b"z"), SHORT)
                for key in {b"a", b"m", b"z"} - {busy}:
                    store.hold((key,), 0).release()

    def test_holds_in_any_order_do_not_deadlock(self, store: Store) -> None:
        """Keys are taken in one global order, whatever order they are named in."""

        def both(keys: tuple[bytes, ...]) -> None:
            for _ in range(100):
                with store.hold(keys, LONG) as hold:
                    numbers = {key: int(hold.load(key) or b"0") + 1 for key in keys}
                    hold.commit({key: b"%d" % number for key, number in numbers.items()})

        if refuses_several(store):
            return
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(both, [(b"a", b"b", b"c"), (b"c", b"b", b"a"), (b"b", b"a", b"c")] * 2))
        assert {data(store, key) for key in (b"a", b"b", b"c")} == {b"600"}

    def test_a_deadlock_ends_and_names_both_orders(self, store: Store) -> None:
        """Two that extend towards each other cannot hang, and learn what to do."""
        if refuses_several(store):
            return
        ready = threading.Barrier(2)

        def cross(mine: bytes, other: bytes, timeout: float) -> str:
            with store.hold((mine,), LONG) as hold:
                ready.wait(LONG)
                try:
                    hold.extend((other,), timeout)
                except LockTimeout as error:
                    return str(error)
                return ""

        with ThreadPoolExecutor(2) as pool:
            one = pool.submit(cross, b"first", b"second", 0.5)
            two = pool.submit(cross, b"second", b"first", LONG)
            message, other = one.result(LONG), two.result(LONG)
        assert other == ""
        assert "holds first and waits for second" in message
        assert "holds second and waits for first" in message

    def test_updates_of_many_threads_are_all_there(self, store: Store) -> None:
        """No number is handed out twice, none is missing."""
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(store.update, b"n", add_one, LONG) for _ in range(500)]
            numbers = [future.result(LONG) for future in futures]
        assert sorted(numbers) == list(range(1, 501))

    def test_holds_and_updates_exclude_each_other(self, store: Store) -> None:
        """Half of the threads count by update, half by hold, on one key."""

        def by_hold() -> int:
            with store.hold((b"n",), LONG) as hold:
                new, number = add_one(hold.load(b"n", updated=True))
                hold.commit({b"n": new})
                return number

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(by_hold) for _ in range(250)]
            futures += [pool.submit(store.update, b"n", add_one, LONG) for _ in range(250)]
            numbers = [future.result(LONG) for future in futures]
        assert sorted(numbers) == list(range(1, 501))

    def test_thousands_of_keys_by_many_threads(self, store: Store) -> None:
        """What a process remembers of keys it has held may be dropped; no count is lost."""

        def count(seed: int) -> None:
            for step in range(3000):
                key = b"k%d" % ((step * 7 + seed) % 6000 if step % 3 else step % 5)
                with store.hold((key,), LONG) as hold:
                    hold.commit({key: add_one(hold.load(key))[0]})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, range(4)))
        found = (data(store, b"k%d" % number) for number in range(6000))
        assert sum(int(number or b"0") for number in found) == 12_000
