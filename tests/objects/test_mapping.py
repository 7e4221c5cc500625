"""Mappings behave like dictionaries, and each entry is a record of its own."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from callers import at_once, contents, in_processes
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from instep import Misuse, Space

keys = st.sampled_from(["", "a", "ab", "a\0b", "é", "x" * 600, 0, 7, b"a", (1, "a"), None])
values = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)


class LikeADictionary(RuleBasedStateMachine):
    """A mapping and a dictionary that go through the same, inside and outside of a transaction."""

    def __init__(self) -> None:
        super().__init__()
        self.space = Space("memory:")
        self.mapping = self.space.mapping("m")
        self.model: dict[Any, Any] = {}
        self.saved: dict[Any, Any] | None = None
        self.block: Any = None

    @rule(key=keys, value=values)
    def set(self, key: Any, value: Any) -> None:
        self.mapping[key] = self.model[key] = value

    @rule(key=keys)
    def delete(self, key: Any) -> None:
        if key in self.model:
            del self.mapping[key], self.model[key]
        else:
            with pytest.raises(KeyError):
                del self.mapping[key]

    @rule(key=keys, value=values)
    def setdefault(self, key: Any, value: Any) -> None:
        assert self.mapping.setdefault(key, value) == self.model.setdefault(key, value)

    @rule(key=keys)
    def pop(self, key: Any) -> None:
        assert self.mapping.pop(key, "none") == self.model.pop(key, "none")

    @rule()
    def popitem(self) -> None:
        if self.model:
            key, value = self.mapping.popitem()
            assert self.model.pop(key) == value
        else:
            with pytest.raises(KeyError):
                self.mapping.popitem()

    @rule(key=keys)
    def compute(self, key: Any) -> None:
        self.model[key] = [self.model.get(key, "none")]
        assert self.mapping.compute(key, lambda old: [old], "none") == self.model[key]

    @rule(more=st.dictionaries(keys, values, max_size=3))
    def update(self, more: dict[Any, Any]) -> None:
        self.mapping.update(more)
        self.model.update(more)

    @rule()
    def clear(self) -> None:
        self.mapping.clear()
        self.model.clear()

    @rule()
    def begin(self) -> None:
        if self.block is None:
            self.block = self.space.transaction()
            self.block.__enter__()
            self.saved = dict(self.model)

    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        if self.block is not None and self.saved is not None:
            block, self.block = self.block, None
            error = None if commit else RuntimeError()
            block.__exit__(type(error) if error else None, error, None)
            self.model = self.model if commit else self.saved

    @invariant()
    def same(self) -> None:
        assert self.mapping == self.model
        assert dict(self.mapping.items()) == self.model
        assert len(self.mapping) == len(self.model) == len(list(self.mapping))
        assert sorted(map(repr, self.mapping.values())) == sorted(map(repr, self.model.values()))
        assert all(
            key in self.mapping and self.mapping.get(key) == self.model[key] for key in self.model
        )
        assert bool(self.mapping) is bool(self.model)

    def teardown(self) -> None:
        if self.block is not None:
            self.block.__exit__(None, None, None)


LikeADictionary.TestCase.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLikeADictionary = LikeADictionary.TestCase


def test_the_dictionary_methods(space: Space) -> None:
    """Everything that a MutableMapping can do."""
    stock = space.mapping("stock")
    assert isinstance(stock, MutableMapping)
    stock["tea"], stock[5], stock[1, 2] = 3, [1], {"a": 1}
    assert (stock["tea"], stock.get("no"), stock.get("no", 7), "tea" in stock) == (3, None, 7, True)
    assert dict(stock) == {"tea": 3, 5: [1], (1, 2): {"a": 1}}
    assert (set(stock.keys()), len(stock)) == ({"tea", 5, (1, 2)}, 3)
    assert ("tea", 3) in stock.items()
    assert stock.pop("no", None) is None
    for missing in (lambda: stock["no"], lambda: stock.pop("no")):
        with pytest.raises(KeyError, match="no"):
            missing()
    stock.update(rice=1)
    assert (stock.setdefault("rice", 9), stock.setdefault("new", 9)) == (1, 9)
    stock.clear()
    assert (len(stock), list(stock), contents(space)) == (0, [], [])
    with pytest.raises(KeyError, match="empty"):
        stock.popitem()


def test_what_was_read_is_a_copy(space: Space) -> None:
    """Changing a value that was read, set or defaulted changes no entry."""
    stock = space.mapping("stock")
    mine = [1]
    stock["a"] = mine
    mine.append(2)
    stock["a"].append(3)
    stock.setdefault("a", []).append(4)
    stock.compute("a", lambda old: old).append(5)
    assert stock["a"] == [1]


def test_compute_runs_once_and_adds_up(space: Space) -> None:
    """8 threads: each computation sees the one before; a raise changes nothing."""
    stock = space.mapping("stock")
    numbers = at_once(8, lambda: [stock.compute("a", lambda n: n + 1, 0) for _ in range(25)])
    assert sorted(n for found in numbers for n in found) == list(range(1, 201))
    with pytest.raises(ZeroDivisionError):
        stock.compute("a", lambda n: n // 0)
    assert stock["a"] == 200


def test_setdefault_gives_everybody_the_same(space: Space) -> None:
    """Of 8 threads with a value each, one sets it and all get it."""
    stock = space.mapping("stock")
    for round_ in range(10):
        found = at_once(8, lambda key=round_: stock.setdefault(key, object.__hash__(object())))  # type: ignore[misc]
        assert set(found) == {stock[round_]}


def test_pop_and_popitem_give_an_entry_to_one_caller(space: Space) -> None:
    """8 threads empty a mapping: each entry is given out once."""
    stock = space.mapping("stock")
    stock.update({n: n for n in range(100)})

    def empty() -> list[int]:
        found = []
        while True:
            try:
                found.append(stock.popitem()[1])
            except KeyError:
                return found

    assert sorted(n for found in at_once(8, empty) for n in found) == list(range(100))
    stock["one"] = "entry"
    assert sorted(at_once(8, lambda: stock.pop("one", ""))) == [""] * 7 + ["entry"]


def take(url: str) -> list[int]:
    """What one of many processes does: takes what it can get, and counts."""
    space = Space(url)
    jobs, done = space.mapping("jobs"), space.mapping("done")
    found = []
    while jobs:
        try:
            key, _ = jobs.popitem()
        except KeyError:
            break
        found.append(key)
        done.compute("count", lambda n: n + 1, 0)
    space.close()
    return found


def test_processes_share_entries_without_doubles(shared_place: str) -> None:
    """3 processes take jobs: each job once, and each is counted."""
    space = Space(shared_place)
    space.mapping("jobs").update(dict.fromkeys(range(150)))
    found = in_processes(3, take, shared_place)
    assert sorted(n for numbers in found for n in numbers) == list(range(150))
    assert space.mapping("done")["count"] == 150
    space.close()


def test_entries_do_not_wait_for_each_other(space: Space) -> None:
    """While a computation holds one entry, others are read and written; the held one is read."""
    stock = space.mapping("stock")
    stock["a"] = 1
    inside: list[Any] = []

    def slow(old: int) -> int:
        def others() -> None:
            stock["b"] = 5
            inside.append((stock["a"], stock["b"], stock.pop("b")))

        at_once(1, others)
        return old + 1

    assert stock.compute("a", slow) == 2
    assert inside == [(1, 5, 5)]


@pytest.mark.parametrize("view", ["items", "values"])
def test_entries_that_vanish_meanwhile_are_passed_over(space: Space, view: str) -> None:
    """Iterating while another worker deletes is no KeyError."""
    stock = space.mapping("stock")
    stock.update(a=1, b=2, c=3)
    iterator = iter(getattr(stock, view)())
    first = next(iterator)
    at_once(1, lambda: stock.pop("c"))
    assert len([first, *iterator]) in (2, 3)


def test_iteration_over_more_than_a_page(space: Space) -> None:
    """Keys beyond a page of 1,000 come too, each once, also while they are deleted."""
    stock = space.mapping("stock")
    with space.transaction():
        stock.update({n: n for n in range(1300)})
    assert sorted(stock) == list(range(1300))
    seen = []
    for key in stock:
        seen.append(key)
        del stock[key]
    assert sorted(seen) == list(range(1300))
    assert len(stock) == 0


@pytest.mark.parametrize("bad", ["x" * 10_000, object(), [object()], "\ud800"])
def test_keys_that_cannot_be_are_misuse(space: Space, bad: Any) -> None:
    """In every verb, and nothing is changed."""
    stock = space.mapping("stock")
    for use in (
        lambda: stock[bad],
        lambda: stock.__setitem__(bad, 1),
        lambda: stock.pop(bad, None),
        lambda: stock.setdefault(bad, 1),
        lambda: stock.compute(bad, lambda old: 1),
        lambda: bad in stock,
    ):
        with pytest.raises(Misuse):
            use()
    assert contents(space) == []


def test_values_that_cannot_be_stored_are_refused(space: Space) -> None:
    """With the entry and the path in it in the message, and nothing changed."""
    stock = space.mapping("stock")
    for use in (
        lambda: stock.__setitem__("tea", [object()]),
        lambda: stock.setdefault("tea", [object()]),
        lambda: stock.compute("tea", lambda old: [object()]),
    ):
        with pytest.raises(Misuse, match=r"stock\['tea'\]\[0\] is of type object"):
            use()
    assert contents(space) == []
