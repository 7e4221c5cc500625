"""Copying between stores: what arrives, what is refused, and what the comparison finds."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from instep import Conflict, Misuse, Space
from instep.moving import copy, opened
from instep.moving.sources import StoreSource
from instep.stores import engine
from instep.stores.base import Record, Store
from instep.stores.memory import MemoryStore
from moving_fill import Cart, fill, odd, put, records


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Store]:
    """A store with some of everything."""
    url = f"lmdb:{tmp_path / 'source'}?durability=none"
    fill(Space(url))
    with closing(engine(url).open()) as store:
        odd(store)
        time.sleep(0.002)
        yield store


@pytest.fixture
def target() -> Store:
    """An empty store."""
    return MemoryStore()


def test_everything_arrives_as_it_was(source: Store, target: Store) -> None:
    """Data, version and expiry of every record, whatever it is; expired ones stay behind."""
    moved = copy(source, target)
    assert records(target) == records(source)
    assert b"soon" not in records(target)
    assert target.read(b"later").version == 41  # type: ignore[union-attr]
    assert (moved.written, moved.compared) == (len(records(source)),) * 2
    assert not moved.differing


@pytest.mark.parametrize("fixture", ["redis_server", "postgres_server", "manager_server"])
def test_everything_arrives_on_a_server_and_comes_back(
    fixture: str, source: Store, target: Store, request: pytest.FixtureRequest
) -> None:
    """The same between the embedded store and each server, in both directions."""
    with closing(engine(request.getfixturevalue(fixture).url).open()) as server:
        assert not copy(source, server).differing
        assert records(server) == records(source)
        assert copy(source, server).equal == len(records(source))
        assert not copy(server, target).differing
    assert records(target) == records(source)


def test_objects_go_on_where_they_were(tmp_path: Path) -> None:
    """A program that is given the new URL sees what it had, and counts on."""
    old, new = f"lmdb:{tmp_path / 'old'}", f"lmdb:{tmp_path / 'new'}"
    fill(Space(old))
    with opened(old, reading=True) as source, opened(new) as target:
        copy(source, target)
    space = Space(new)
    assert space.counter("tickets", start=100).increment() == 104
    assert space.family("carts", Cart)[("a", 1)].items == [{1: {2, 3}}]
    with space.lock("nightly") as held:
        assert held.fence == 3
    space.close()


def test_a_prefix_chooses(source: Store, target: Store) -> None:
    """Names that begin with it, with all that is under them."""
    copy(source, target, prefix="carts")
    assert records(target) == records(source, b"carts") != {}


def test_memory_does_not_grow_with_the_records() -> None:
    """Pages have a bounded size in bytes: of large records they have few."""
    store, sizes = MemoryStore(), []
    for number in range(300):
        put(store, b"%04d" % number, b"v" * 200_000)
    for page in StoreSource(store).pages(b""):
        sizes.append(sum(len(record.data) for _, record in page))
    assert sum(sizes) == 300 * 200_000
    assert max(sizes) <= 16 << 20


def test_an_interrupted_copy_goes_on(source: Store, target: Store) -> None:
    """After an interruption anywhere each record is there as a whole or not, and a rerun ends."""
    whole = records(source)
    for limit in (0, 1, 5, len(whole) - 1):
        fresh = Interrupted(limit)
        with pytest.raises(KeyboardInterrupt):
            copy(source, fresh)
        part = records(fresh)
        assert len(part) == limit
        assert part.items() <= whole.items()
        fresh.limit = len(whole)
        moved = copy(source, fresh)
        assert (moved.equal, moved.written) == (limit, len(whole) - limit)
        assert records(fresh) == whole


class Interrupted(MemoryStore):
    """A store at which somebody presses Ctrl-C after some writes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def update(self, key: bytes, *args: Any, **options: Any) -> Any:
        if self.limit == 0:
            raise KeyboardInterrupt
        self.limit -= 1
        return super().update(key, *args, **options)


@pytest.mark.parametrize("how", ["data", "version", "expires"])
def test_what_differs_at_the_target_is_refused(source: Store, target: Store, how: str) -> None:
    """By name, before anything is written; --overwrite replaces it."""
    own = source.read(b"tickets")
    assert own is not None
    other = {"data": b"c1", "version": own.version + 1, "expires": time.time() + 1000}
    wrong = own._replace(**{how: other[how]})
    target.update(
        b"tickets", lambda _: (wrong.data, None), 1.0, expires=wrong.expires, version=wrong.version
    )
    with pytest.raises(Misuse, match=r"(?s)1 record .*differs.*tickets.*--overwrite"):
        copy(source, target)
    with pytest.raises(Misuse, match="tickets"):
        copy(source, target, merge=True)
    assert len(records(target)) == 1
    assert copy(source, target, overwrite=True).written == len(records(source))
    assert records(target) == records(source)


def test_what_only_the_target_has_is_refused(source: Store, target: Store) -> None:
    """By name; --merge keeps it beside the rest, --overwrite does not touch the question."""
    put(target, b"mine", b"c1")
    with pytest.raises(Misuse, match=r"(?s)1 record .*mine.*--merge"):
        copy(source, target, overwrite=True)
    assert len(records(target)) == 1
    moved = copy(source, target, merge=True)
    assert not moved.differing
    assert records(target).items() == records(source).items() | {
        (b"mine", Record(1, 0, 0.0, b"c1"))
    }


def test_another_prefix_of_the_target_is_not_looked_at(source: Store, target: Store) -> None:
    """What is not copied may be anything."""
    put(target, b"tickets", b"c1")
    assert not copy(source, target, prefix="cart").differing


class Watched:
    """Does something at the target or the source when a step has begun."""

    def __init__(self, step: str, act: Callable[[], object]) -> None:
        self.step = step
        self.act = act
        self.seen: list[str] = []

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if step == self.step and step not in self.seen:
            self.act()
        self.seen.append(step)


def test_what_the_source_s_program_wrote_meanwhile_is_named(source: Store, target: Store) -> None:
    """New, changed and deleted records, each by its name."""

    def write() -> None:  # all of it behind what the first page has passed
        put(source, b"a new one", b"c1")
        put(source, b"cart", b"c1")
        put(source, b"control\x01", None)

    moved = copy(source, target, watch=Watched("copying", write))
    assert moved.differing.first == [
        "a new one (not at the target)",
        "cart (version 2 at the source, 1 at the target)",
        "control\\x01 (not at the source)",
    ]
    assert moved.differing.count == 3


def test_what_somebody_changed_at_the_target_is_named(source: Store, target: Store) -> None:
    """The comparison sees it although the source is as it was."""
    moved = copy(source, target, watch=Watched("copying", lambda: put(target, b"cart", b"c1")))
    assert moved.differing.first == ["cart (version 1 at the source, 2 at the target)"]
    assert copy(source, target, overwrite=True).written == 1
    assert records(target) == records(source)


def test_what_appears_at_the_target_is_not_overwritten(source: Store) -> None:
    """A program that uses the target already loses nothing to the copy."""

    class Busy(MemoryStore):
        """A store in which somebody writes first."""

        def update(self, key: bytes, *args: Any, **options: Any) -> Any:
            if key == b"tickets" and options:
                super().update(key, lambda old: (b"c999", None), 1.0)
            return super().update(key, *args, **options)

    target = Busy()
    with pytest.raises(Conflict, match="tickets"):
        copy(source, target)
    assert target.read(b"tickets").data == b"c999"  # type: ignore[union-attr]


def test_the_same_store_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by two ways of writing one path."""
    monkeypatch.chdir(tmp_path)
    for other in ("lmdb:twice", "lmdb:./twice", f"lmdb:{tmp_path}/twice"):
        with pytest.raises(Misuse, match="source and the target"):
            copy(engine("lmdb:twice").open(), engine(other).open())
    store = MemoryStore()
    with pytest.raises(Misuse, match="source and the target"):
        copy(store, store)


def limited(**powers: bool) -> MemoryStore:
    """A store that can do less."""
    store = MemoryStore()
    store.powers = replace(store.powers, **powers)
    store.url = "other:"
    return store


def test_a_source_that_cannot_list_is_refused(target: Store) -> None:
    """Such as memcached: there is no way to know what it has."""
    with pytest.raises(Misuse, match="cannot say which records"):
        copy(limited(listing=False), target)


def test_a_target_that_forgets_must_be_wanted(source: Store) -> None:
    """`volatile=True` says that the program can do without each record."""
    target = limited(volatile=True, listing=False)
    with pytest.raises(Misuse, match="--volatile"):
        copy(source, target)
    assert records(target) == {}
    copy(source, target, volatile=True)
    assert records(target) == records(source)


def test_a_target_that_cannot_list_is_looked_at_by_name(source: Store) -> None:
    """What differs there is refused just as well."""
    target = limited(volatile=True, listing=False)
    put(target, b"tickets", b"c1")
    with pytest.raises(Misuse, match="tickets"):
        copy(source, target, volatile=True)
    assert len(records(target)) == 1


def test_memcached_takes_a_copy(source: Store, memcached_server: Any) -> None:
    """With --volatile, and says if it has lost any of it."""
    with closing(engine(memcached_server.url).open()) as target:
        moved = copy(source, target, prefix="carts", volatile=True)
        assert (moved.written, moved.differing.count) == (5, 0)
        with pytest.raises(Misuse, match="cannot say which records"):
            copy(target, MemoryStore())


@pytest.mark.parametrize("url", ["memory:", "lmdb:nowhere"])
def test_a_place_without_a_store_is_no_source(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong path makes no empty store."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misuse), opened(url, reading=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_expires_meanwhile_is_no_difference(target: Store) -> None:
    """It is gone at both ends soon enough."""
    source = MemoryStore()
    source.update(b"n", lambda old: (b"c1", None), 1.0, expires=time.time() + 1.8)
    moved = copy(source, target)
    assert (moved.expired, moved.written, moved.differing.count) == (1, 0, 0)
