"""The store contract as tests: what every engine promises, whatever lies beneath it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..errors import Conflict, LockTimeout, Misuse
from ..stores.base import Hold, Store
from .steps import LONG, add_one, data, expiry, held, pages, put, replace

SHORT = 0.05  # seconds; a wait that a test expects to be in vain


class StoreContract:
    """Tests that a store keeps the contract of `instep.stores.base`.

    Subclass it as `Test…`, define a fixture `store` that gives an empty store, and say in
    `change_behind` how a key is changed in spite of a hold.

    Example:
        >>> from instep.testing import StoreContract
        >>> class TestMine(StoreContract):
        ...     @pytest.fixture
        ...     def store(self):
        ...         return MyStore()
    """

    def change_behind(self, store: Store, hold: Hold, key: bytes, new: bytes) -> None:
        """Change a held key, as one does whose hold was lost without knowing; for subclasses."""
        raise NotImplementedError

    def test_an_unknown_key_reads_as_none(self, store: Store) -> None:
        """Nothing was written, so nothing is read."""
        assert store.read(b"nowhere") is None

    def test_an_update_writes_and_answers(self, store: Store) -> None:
        """The result is the one that came with the bytes that were written."""
        assert store.update(b"n", add_one, LONG) == 1
        assert store.update(b"n", add_one, LONG) == 2
        assert data(store, b"n") == b"2"

    def test_each_commit_makes_the_next_version(self, store: Store) -> None:
        """A version is 1 at creation and grows by one, for updates and commits alike."""
        store.update(b"n", put(b"a"), LONG)
        replace(store, b"n", b"b")
        record = store.read(b"n")
        assert record is not None
        assert record.version == 2

    def test_the_same_object_is_not_written(self, store: Store) -> None:
        """A change that gives back what it got makes no version."""
        store.update(b"n", put(b"a"), LONG)
        before = store.read(b"n")
        assert store.update(b"n", lambda old: (old, "seen"), LONG) == "seen"
        assert store.read(b"n") == before

    def test_a_change_that_raises_changes_nothing(self, store: Store) -> None:
        """The caller's own error comes through, and the store goes on."""

        def fail(old: bytes | None) -> tuple[bytes, None]:
            raise ZeroDivisionError

        store.update(b"n", put(b"a"), LONG)
        with pytest.raises(ZeroDivisionError):
            store.update(b"n", fail, LONG)
        assert data(store, b"n") == b"a"
        store.update(b"n", put(b"b"), LONG)
        assert data(store, b"n") == b"b"

    def test_none_deletes(self, store: Store) -> None:
        """By an update as by a commit; the next one begins anew."""
        store.update(b"n", put(b"a"), LONG)
        store.update(b"n", put(None), LONG)
        assert store.read(b"n") is None
        store.update(b"n", put(b"a"), LONG)
        replace(store, b"n", None)
        assert store.read(b"n") is None
        assert store.update(b"n", lambda old: (b"x", old), LONG) is None

    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_data_comes_back_as_it_was(self, store: Store, size: int) -> None:
        """Any bytes, of any size, empty ones too."""
        store.update(b"n", put(b"\0" * size), LONG)
        assert data(store, b"n") == b"\0" * size

    @pytest.mark.parametrize("size", [1, 447, 448, 479, 480, 481, 510, 511, 512, 513, 4096])
    def test_keys_of_every_length(self, store: Store, size: int) -> None:
        """A key of up to 4,096 bytes is told apart from one that differs in its last byte."""
        keys = [b"k" * (size - 1) + end for end in (b"a", b"b", b"\xff")]
        for key in keys:
            store.update(key, put(b"by update " + key), LONG)
        for key in keys:
            with store.hold((key,), LONG) as hold:
                assert hold.load(key) == b"by update " + key
                hold.commit({key: b"by commit " + key})
        assert [data(store, key) for key in keys] == [b"by commit " + key for key in keys]
        assert sorted(key for key, _ in store.scan(b"k" * (size - 1))) == keys

    @pytest.mark.parametrize("key", [b"", b"k" * 4097])
    def test_keys_that_no_store_takes(self, store: Store, key: bytes) -> None:
        """An empty key and one over 4,096 bytes are never written."""
        with pytest.raises(Misuse):
            store.update(key, put(b""), LONG)
        with pytest.raises(Misuse), store.hold((key,), LONG) as hold:
            hold.load(key)
        assert store.scan(b"") == []

    def test_a_scan_gives_the_keys_with_the_prefix(self, store: Store) -> None:
        """And no others, with their records."""
        for key in (b"a", b"b\0", b"b\0k1", b"b\0k2", b"b\0\xff", b"c"):
            store.update(key, put(b"of " + key), LONG)
        found = {key: record.data for key, record in store.scan(b"b\0")}
        assert found == {key: b"of " + key for key in (b"b\0", b"b\0k1", b"b\0k2", b"b\0\xff")}

    @pytest.mark.parametrize("limit", [1, 3, 7, 1000])
    @pytest.mark.parametrize("common", [1, 440, 500, 1000])
    def test_pages_give_every_key_once(self, store: Store, common: int, limit: int) -> None:
        """Whatever the page's size, and however long the names are."""
        prefix = b"p" * common
        keys = {prefix + b"%d" % number for number in range(20)}
        for key in (*keys, prefix[:-1] + b"o", b"q"):
            store.update(key, put(b""), LONG)
        found = [key for page in pages(store, prefix, limit) for key in page]
        assert len(found) == len(set(found))
        assert set(found) == keys

    def test_what_is_deleted_between_two_pages_does_not_end_the_scan(self, store: Store) -> None:
        """The key that a page begins behind need not exist any more."""
        for number in range(6):
            store.update(b"k%d" % number, put(b""), LONG)
        first = [key for key, _ in store.scan(b"k", None, 3)]
        store.update(first[-1], put(None), LONG)
        rest = [key for key, _ in store.scan(b"k", first[-1], 3)]
        assert sorted(first + rest) == [b"k%d" % number for number in range(6)]

    def test_an_expired_record_is_none(self, store: Store) -> None:
        """To a read, an update, a hold and a scan."""
        store.update(b"n", put(b"old"), LONG, expires=time.time() - 1)
        assert store.read(b"n") is None
        assert store.scan(b"n") == []
        with store.hold((b"n",), LONG) as hold:
            assert hold.load(b"n") is None
        assert store.update(b"n", lambda old: (b"new", old), LONG) is None
        assert data(store, b"n") == b"new"

    def test_an_expiry_stays_until_it_is_changed(self, store: Store) -> None:
        """A commit and an update without one leave it as it is; 0.0 is never."""
        when = time.time() + 1000
        store.update(b"n", put(b"a"), LONG, expires=when)
        store.update(b"n", put(b"b"), LONG)
        replace(store, b"n", b"c")
        assert expiry(store, b"n") == when
        store.update(b"n", lambda old: (old, None), LONG, expires=0.0)
        assert expiry(store, b"n") == 0.0

    def test_a_record_that_follows_an_expired_one_does_not_expire(self, store: Store) -> None:
        """It is a new record, not a longer life of the old one."""
        store.update(b"n", put(b"old"), LONG, expires=time.time() - 1)
        replace(store, b"n", b"new")
        assert expiry(store, b"n") == 0.0

    def test_expired_records_do_not_make_a_page_the_last(self, store: Store) -> None:
        """Only a page that is shorter than its limit is the last one."""
        for number in range(10):
            expires = time.time() - 1 if number < 5 else None
            store.update(b"k%d" % number, put(b""), LONG, expires=expires)
        found = [key for page in pages(store, b"k", 3) for key in page]
        assert found == [b"k%d" % number for number in range(5, 10)]

    def test_several_keys_are_committed_together(self, store: Store) -> None:
        """All of a commit is there afterwards, deletions too."""
        if not store.powers.several:
            pytest.skip("the store has one key in a commit")
        store.update(b"c", put(b"gone"), LONG)
        with store.hold((b"b", b"a", b"c"), LONG) as hold:
            assert [hold.load(key) for key in (b"a", b"b", b"c")] == [None, None, b"gone"]
            hold.commit({b"a": b"1", b"b": b"2", b"c": None})
        assert [data(store, key) for key in (b"a", b"b", b"c")] == [b"1", b"2", None]

    def test_a_conflict_writes_none_of_the_keys(self, store: Store) -> None:
        """Truth rests on the comparison: what was changed behind the hold's back is not lost."""
        if not store.powers.several:
            pytest.skip("the store has one key in a commit")
        for rest in ({b"a": b"1"}, {b"z": b"1"}):
            with store.hold((b"a", b"n", b"z"), LONG) as hold:
                for key in (b"a", b"n", b"z"):
                    hold.load(key)
                self.change_behind(store, hold, b"n", b"theirs")
                with pytest.raises(Conflict):
                    hold.commit({**rest, b"n": b"mine"})
            assert [data(store, key) for key in (b"a", b"n", b"z")] == [None, b"theirs", None]

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

        if not store.powers.several:
            pytest.skip("the store has one key in a commit")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(both, [(b"a", b"b", b"c"), (b"c", b"b", b"a"), (b"b", b"a", b"c")] * 2))
        assert {data(store, key) for key in (b"a", b"b", b"c")} == {b"600"}

    def test_a_deadlock_ends_and_names_both_orders(self, store: Store) -> None:
        """Two that extend towards each other cannot hang, and learn what to do."""
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
        total = sum(int(record.data) for _, record in store.scan(b"k", None, 10_000))
        assert total == 12_000

    def test_it_can_be_used_after_close(self, store: Store) -> None:
        """Close lets go of files and connections; the next use opens them again."""
        store.update(b"n", put(b"a"), LONG)
        store.close()
        store.close()
        assert data(store, b"n") == b"a"
        store.update(b"n", put(b"b"), LONG)
        assert data(store, b"n") == b"b"
