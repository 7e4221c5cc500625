"""instep's own core under its own explorer: what is made of threads and locks in pure Python.

Each piece has a twin that was broken on purpose, so that silence means something.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from instep import Space
from instep.objects.cache import flight
from instep.races.exploring.fixture import Race
from instep.resources import declaring, lifetimes, making, resource, scope
from instep.stores import holds, local, memory
from instep.stores.base import Change
from instep.stores.memory import MemoryStore

STORE = [memory, holds, local]


@pytest.fixture
def race() -> Iterator[Race]:
    """What the plugin gives to a test."""
    with Race() as race:
        yield race


def plus_one(data: bytes | None) -> tuple[bytes | None, int]:
    """A change: the next number."""
    number = int(data or b"0") + 1
    return str(number).encode(), number


def test_updates_of_the_memory_store(race: Race) -> None:
    """Two updates of one key, by look and by hold, are one after the other."""
    store = MemoryStore()

    def update() -> int:
        return store.update(b"k", plus_one, 1.0)

    def held() -> int:
        with store.hold((b"k",), 1.0) as hold:
            data, number = plus_one(hold.load(b"k"))
            hold.commit({b"k": data})
            return number

    for calls in ((update, update), (update, held), (held, held)):
        found = race.calls(*calls, modules=STORE, schedules=25, random=5)
        assert found.violation is None
        assert found.schedules > 2


def test_a_memory_store_without_its_mutex(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same test finds it."""

    def update(self: Any, key: bytes, change: Change[Any], timeout: float, **rest: Any) -> Any:
        return self._change(key, change, None, None)

    monkeypatch.setattr(MemoryStore, "update", update)
    store = MemoryStore()
    with pytest.raises(AssertionError, match="returned 1"):
        race.calls(*[lambda: store.update(b"k", plus_one, 1.0)] * 2, modules=STORE)


def test_a_shared_counter(race: Race) -> None:
    """What a user calls, from the object down to the store."""
    counter = Space("memory:").counter("c")
    found = race.calls(counter.increment, counter.increment, modules=STORE, schedules=60, random=0)
    assert found.violation is None


def test_single_flight(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two callers that miss, one makes the value; without the queue both do."""
    store, entry, made = MemoryStore(), {}, []  # type: ignore[var-annotated]

    def get() -> int:
        with flight.turn(store, b"k", 1.0):
            if "k" not in entry:
                made.append(1)
                entry["k"] = len(made)
            return entry["k"]

    found = race.calls(get, get, modules=[flight, holds, this()], schedules=60, random=0)
    assert found.violation is None

    @contextmanager
    def open_door(*_: Any) -> Iterator[None]:
        with nullcontext():
            yield

    monkeypatch.setattr(flight, "turn", open_door)
    with pytest.raises(AssertionError, match="made"):
        race.calls(get, get, modules=[flight, holds, this()], random=0)


def test_a_resource_is_made_once(race: Race) -> None:
    """Two requests that need it first wait for one run of its factory.

    It found that a waiter looked twice at the list of what the maker makes, and that the maker
    took itself out of it in between.
    """
    made: list[int] = []
    space = Space("memory:")

    @space.resource
    def engine() -> int:
        made.append(1)
        return len(made)

    rooms = [making, resource, scope, lifetimes, declaring, this()]
    found = race.calls(engine, engine, modules=rooms, schedules=90, random=0)
    assert found.violation is None
    assert found.schedules > 2


def this() -> Any:
    """This module."""
    import sys

    return sys.modules[__name__]
