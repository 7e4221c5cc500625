"""Families: members come to life by their keys, and keys stay in their family."""

from typing import Any

import pytest
from callers import at_once, contents, held_by_another_thread
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from instep import Misuse, Space


class Cart:
    """A member."""

    def __init__(self, first: str = "") -> None:
        self.items = [first] if first else []

    def add(self, item: str) -> int:
        """Change it."""
        self.items.append(item)
        return len(self.items)


WEIRD: list[Any] = [
    "",
    "/",
    "..",
    "../x",
    "\0",
    "a\0b",
    "\u00e9",
    "e\u0301",
    "🫖",
    " ",
    "x" * 400,
    "x" * 600,
    "x" * 600 + "y",
    0,
    1,
    -1,
    2**70,
    1.5,
    True,
    None,
    b"",
    b"\0\xff",
    (1, "a"),
    (1, ("a", b"")),
    frozenset([1, 2]),
]

key = st.recursive(
    st.text(max_size=600) | st.integers() | st.binary(max_size=600) | st.none() | st.booleans(),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner),
    max_leaves=5,
)


def test_members_live_by_their_keys(space: Space) -> None:
    """in, del, len and iteration speak of the members that have come to life."""
    carts = space.family("carts", Cart, "gift")
    assert ("a" in carts, len(carts), list(carts)) == (False, 0, [])
    assert carts["a"].add("tea") == 2
    assert carts["b"].items == ["gift"]  # looking brings it to life
    assert ("a" in carts, "c" in carts, len(carts), list(carts)) == (True, False, 2, ["a", "b"])
    del carts["a"]
    assert (list(carts), carts["a"].items) == (["b"], ["gift"])
    with pytest.raises(KeyError, match="nobody"):
        del carts["nobody"]


def test_asking_for_a_member_does_not_make_it(space: Space) -> None:
    """`family[key]` and `key in family` touch nothing."""
    carts = space.family("carts", Cart)
    _ = carts["a"]
    assert "a" not in carts
    assert contents(space) == []


def test_keys_by_prefix(space: Space) -> None:
    """Only texts that begin so, as they are; the empty prefix gives every key."""
    carts = space.family("carts", Cart)
    for name in ("user-1", "user-2", "guest", "us", 5, ("user-", 1)):
        carts[name].add("x")
    assert list(carts.keys(prefix="user-")) == ["user-1", "user-2"]
    assert len(list(carts.keys())) == len(carts) == 6
    with pytest.raises(Misuse):
        list(carts.keys(prefix=5))  # type: ignore[arg-type]


def test_weird_keys_come_back_as_they_were(space: Space) -> None:
    """Every storable key is its own member and comes back equal and of its type."""
    carts = space.family("carts", Cart)
    for number, name in enumerate(WEIRD):
        carts[name].add(str(number))
    assert sorted(map(repr, carts)) == sorted(map(repr, WEIRD))
    assert [carts[name].items for name in WEIRD] == [[str(n)] for n in range(len(WEIRD))]
    for name in WEIRD:
        del carts[name]
    assert contents(space) == []


@pytest.mark.parametrize("bad", ["x" * 10_000, object(), [1, object()], "\ud800", slice(1, 2)])
def test_keys_that_cannot_be_are_misuse(space: Space, bad: Any) -> None:
    """A key of 10 kB, one that cannot be stored and a slice are refused, and nothing is changed."""
    carts = space.family("carts", Cart)
    for use in (lambda: carts[bad].add("x"), lambda: bad in carts):
        with pytest.raises(Misuse):
            use()
    with pytest.raises(Misuse):
        del carts[bad]
    assert contents(space) == []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(one=key, other=key)
def test_no_key_leaves_its_namespace(one: Any, other: Any) -> None:
    """Whatever a user supplies as a key, names beside and below it stay untouched."""
    space = Space("memory:")
    names = ("a", "ab", "a b", "a/", "é")
    families = [space.family(f"f{name}", Cart) for name in names]
    mappings = [space.mapping(name) for name in names]
    for number, (family, mapping) in enumerate(zip(families, mappings, strict=True)):
        family[one].add(str(number))
        mapping[one] = number
        mapping[other] = number
    distinct = 1 if type(one) is type(other) and repr(one) == repr(other) else 2
    for number, (family, mapping) in enumerate(zip(families, mappings, strict=True)):
        assert (list(map(repr, family)), family[one].items) == ([repr(one)], [str(number)])
        assert (len(mapping), mapping[one], mapping[other]) == (distinct, number, number)
    assert space.names() == sorted([*names, *(f"f{name}" for name in names)])
    assert space.delete("a")
    assert space.delete("fa")
    assert [len(mapping) for mapping in mappings] == [0] + [distinct] * 4
    assert [len(family) for family in families] == [0, 1, 1, 1, 1]


def test_members_do_not_wait_for_each_other(space: Space) -> None:
    """While one member is held, another one is called."""
    carts = space.family("carts", Cart)
    with held_by_another_thread(space, carts["a"]):
        assert carts["b"].add("tea") == 1


def test_one_member_is_made_once(space: Space) -> None:
    """Eight threads that want a new member get one, with all of their changes."""
    carts = space.family("carts", Cart)
    assert sorted(at_once(8, lambda: carts["new"].add("x"))) == list(range(1, 9))
    assert len(carts) == 1
