"""The part of the contract that is about records: what is written is read, found, and expires."""

from __future__ import annotations

import time

import pytest

from ..errors import Misuse
from ..stores.base import Store
from ..stores.change import Add, Put
from .steps import LONG, add_one, data, expiry, pages, put, refuses_listing, replace


class RecordContract:
    """Tests of reads, updates, scans and expiry."""

    def kept(self, store: Store) -> int:
        """How many records the engine has, also of those that have expired; for subclasses."""
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

    def test_a_put_replaces_what_is_of_its_kind(self, store: Store) -> None:
        """A change that says what it does is made as if it was called, wherever it is made."""

        def check(old: bytes | None) -> None:
            if old is not None and old[:1] != b"v":
                raise ZeroDivisionError

        when = time.time() + 1000
        store.update(b"n", Put(b"v1", check), LONG)
        store.update(b"n", Put(b"v2", check), LONG, expires=when)
        store.update(b"n", Put(b"v3", check), LONG)
        record = store.read(b"n")
        assert record is not None
        assert (record.version, record.data, record.expires) == (3, b"v3", when)
        store.update(b"n", put(b"o"), LONG)
        with pytest.raises(ZeroDivisionError):
            store.update(b"n", Put(b"v4", check), LONG)
        assert data(store, b"n") == b"o"

    @pytest.mark.parametrize("start", [0, -3, 41, 2**63 - 2, -(2**63), 2**64, 10**40])
    def test_an_add_counts(self, store: Store, start: int) -> None:
        """Numbers of any size, up and down, beyond what a server can add to by itself."""

        def read(old: bytes | None) -> int:
            return start if old is None else int(old[1:], 16)

        number = start
        for amount in (1, 2, -5, 2**62, 2**63, -(2**64), 7):
            number += amount
            add = Add(amount, start, b"c", read, lambda number: b"c%x" % number)
            assert store.update(b"n", add, LONG) == number
            assert data(store, b"n") == b"c%x" % number
        record = store.read(b"n")
        assert record is not None
        assert record.version == 7

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
        if store.powers.listing:
            assert sorted(key for key, _ in store.scan(b"k" * (size - 1))) == keys

    @pytest.mark.parametrize("key", [b"", b"k" * 4097])
    def test_keys_that_no_store_takes(self, store: Store, key: bytes) -> None:
        """An empty key and one over 4,096 bytes are never written."""
        with pytest.raises(Misuse):
            store.update(key, put(b""), LONG)
        with pytest.raises(Misuse), store.hold((key,), LONG) as hold:
            hold.load(key)
        if store.powers.listing:
            assert store.scan(b"") == []

    def test_what_a_store_cannot_do_is_refused(self, store: Store) -> None:
        """At once, with a reason: to list keys, to have two of them in one transaction."""
        if not store.powers.listing:
            with pytest.raises(Misuse, match="list"):
                store.scan(b"")
        if not store.powers.several:
            with pytest.raises(Misuse, match="one"):
                store.hold((b"a", b"b"), LONG)
            with store.hold((b"a",), LONG) as hold:
                hold.extend((b"a",), LONG)
                with pytest.raises(Misuse, match="one"):
                    hold.extend((b"b",), LONG)
        store.hold((b"a",), 0).release()
        store.hold((b"b",), 0).release()

    def test_a_scan_gives_the_keys_with_the_prefix(self, store: Store) -> None:
        """And no others, with their records."""
        if refuses_listing(store):
            return
        for key in (b"a", b"b\0", b"b\0k1", b"b\0k2", b"b\0\xff", b"c"):
            store.update(key, put(b"of " + key), LONG)
        found = {key: record.data for key, record in store.scan(b"b\0")}
        assert found == {key: b"of " + key for key in (b"b\0", b"b\0k1", b"b\0k2", b"b\0\xff")}

    @pytest.mark.parametrize("limit", [1, 3, 7, 1000])
    @pytest.mark.parametrize("common", [1, 440, 500, 1000])
    def test_pages_give_every_key_once(self, store: Store, common: int, limit: int) -> None:
        """Whatever the page's size, and however long the names are."""
        if refuses_listing(store):
            return
        prefix = b"p" * common
        keys = {prefix + b"%d" % number for number in range(20)}
        for key in (*keys, prefix[:-1] + b"o", b"q"):
            store.update(key, put(b""), LONG)
        found = [key for page in pages(store, prefix, limit) for key in page]
        assert len(found) == len(set(found))
        assert set(found) == keys

    def test_what_is_deleted_between_two_pages_does_not_end_the_scan(self, store: Store) -> None:
        """The key that a page begins behind need not exist any more."""
        if refuses_listing(store):
            return
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
        if store.powers.listing:
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
        if refuses_listing(store):
            return
        for number in range(10):
            expires = time.time() - 1 if number < 5 else None
            store.update(b"k%d" % number, put(b""), LONG, expires=expires)
        found = [key for page in pages(store, b"k", 3) for key in page]
        assert found == [b"k%d" % number for number in range(5, 10)]

    def test_expired_records_are_forgotten_by_and_by(self, store: Store) -> None:
        """Those under ever new keys do not fill the store, and what has not expired stays."""
        if store.powers.volatile:  # it makes room by itself
            return
        staying = [(b"staying %d" % number) * (1 + number % 60) for number in range(200)]
        for number, key in enumerate(staying):
            later = time.time() + 1000
            store.update(key, put(b"here"), LONG, expires=later if number % 2 else None)
        written, bound = 2000, self.kept(store) + 1000
        for number in range(written):
            key = b"passing %d" % (number * 7919 % written)
            store.update(key * (1 + number % 60), put(b"gone"), LONG, expires=time.time() - 100)
        deadline = time.monotonic() + LONG
        while self.kept(store) > bound and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.kept(store) <= bound
        assert [data(store, key) for key in staying] == [b"here"] * len(staying)

    def test_it_can_be_used_after_close(self, store: Store) -> None:
        """Close lets go of files and connections; the next use opens them again."""
        store.update(b"n", put(b"a"), LONG)
        store.close()
        store.close()
        assert data(store, b"n") == b"a"
        store.update(b"n", put(b"b"), LONG)
        assert data(store, b"n") == b"b"
