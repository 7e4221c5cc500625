"""Classes change while their records stay: defaults, unknown attributes, versions, migrations."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from instep.codec import Codec, Extra
from instep.errors import Misuse, StoreError


def versions(tag: str, *classes: type) -> list[Any]:
    """Return shapes of classes that are one class at several moments of its life."""
    for cls in classes:
        cls.__instep_name__ = tag  # type: ignore[attr-defined]
    return [Codec().shape(cls) for cls in classes]


class Plain:
    def __init__(self, param: Any) -> None:
        self.param = param


def test_missing_attributes_come_from_defaults() -> None:
    """An older record gets what the class says is the default, and says that it did."""

    class Old:
        def __init__(self) -> None:
            self.a = 1

    @dataclass
    class New:
        a: int
        b: int = 5
        c: list[int] = field(default_factory=list)

    @dataclass(slots=True)
    class NewSlots:
        a: int
        b: int = 5
        c: list[int] = field(default_factory=list)

    for cls in (New, NewSlots):
        old, new = versions("Thing", Old, cls)
        first, extra = new.load(old.dump(Old(), None, "it"))
        second, _ = new.load(old.dump(Old(), None, "it"))
        assert first == cls(1, 5, [])
        assert first.c is not second.c
        assert extra is not None
        assert extra.evolved
        assert not extra.newer
        assert new.load(new.dump(first, extra, "it")) == (cls(1, 5, []), None)


def test_unknown_attributes_are_kept() -> None:
    """What a newer program added survives a program that does not know it, also in slots."""

    class Three:
        __slots__ = ("a", "b", "c")

    class Two:
        __slots__ = ("a", "c")

    class Free:
        pass

    three, two, free = versions("Thing", Three, Two, Free)
    made = Three()
    made.a, made.b, made.c = 1, (2,), 3
    data = three.dump(made, None, "it")
    back, extra = two.load(data)
    assert isinstance(extra, Extra)
    assert extra.unknown == {"b": (2,)}
    assert not extra.evolved
    assert two.dump(back, extra, "it") == data
    back.a = 10
    assert three.load(two.dump(back, extra, "it"))[0].b == (2,)
    loose, extra = free.load(data)
    assert extra is None
    assert vars(loose) == {"a": 1, "b": (2,), "c": 3}
    assert free.dump(loose, None, "it") == data


def test_the_order_of_slots_is_no_part_of_the_state() -> None:
    """A class whose slots were put in another order finds its records unchanged."""

    class Before:
        __slots__ = ("b", "a")  # noqa: RUF023

    class After:
        __slots__ = ("a", "b")

    before, after = versions("Thing", Before, After)
    made = Before()
    made.a, made.b = 1, 2
    data = before.dump(made, None, "it")
    back, extra = after.load(data)
    assert extra is None
    assert after.dump(back, None, "it") == data


class First:
    def __init__(self) -> None:
        self.total = 1


class Third:
    __version__ = 3

    @staticmethod
    def __migrate__(state: dict[str, Any], version: int) -> dict[str, Any]:
        return {"sum": state["total"], "from": version}


def test_an_older_record_is_migrated() -> None:
    """The state goes through `__migrate__` once, and is then written at the new version."""
    first, third = versions("Thing", First, Third)
    data = first.dump(First(), None, "it")
    back, extra = third.load(data)
    assert vars(back) == {"sum": 1, "from": 0}
    assert extra is not None
    assert (extra.version, extra.evolved, extra.newer) == (0, True, False)
    assert third.load(third.dump(back, extra, "it"))[1] is None


def test_a_migration_that_fails_reaches_the_caller() -> None:
    """The program's own error comes through, with a note of what was going on."""
    first, third = versions("Thing", First, Third)
    broken = First()
    del broken.total
    with pytest.raises(KeyError, match="total") as caught:
        third.load(first.dump(broken, None, "it"))
    assert "__migrate__" in "".join(caught.value.__notes__)


def test_a_migration_must_return_the_state() -> None:
    """A migration that forgot to return is told so."""

    class Forgetful:
        __version__ = 1

        @classmethod
        def __migrate__(cls, state: dict[str, Any], version: int) -> None:
            state["x"] = version

    first, forgetful = versions("Thing", First, Forgetful)
    with pytest.raises(Misuse, match="returned NoneType"):
        forgetful.load(first.dump(First(), None, "it"))


def test_a_newer_record_may_be_read_and_is_written_unchanged() -> None:
    """Newer state is marked, and an unchanged instance gives the identical bytes."""
    first, third = versions("Thing", First, Third)
    newer = Third()
    newer.total = 7
    data = third.dump(newer, None, "it")
    back, extra = first.load(data)
    assert back.total == 7
    assert (extra.version, extra.newer) == (3, True)
    assert first.dump(back, extra, "it") == data


def test_what_is_nested_evolves_too() -> None:
    """An inner instance is migrated, kept and marked as the outer one would be."""
    versions("Inner", First, Third)
    old, new = Codec(), Codec()
    old.declare(First)
    new.declare(Third)
    data = old.shape(Plain).dump(Plain([First()]), None, "it")
    back, extra = new.shape(Plain).load(data)
    assert vars(back.param[0]) == {"sum": 1, "from": 0}
    assert extra is not None
    assert extra.evolved
    newer = Third()
    newer.total = 1
    data = new.shape(Plain).dump(Plain((newer,)), None, "it")
    back, extra = old.shape(Plain).load(data)
    assert extra is not None
    assert extra.newer
    assert old.shape(Plain).dump(back, extra, "it") == data


def test_unknown_attributes_of_what_is_nested_are_kept() -> None:
    """Slots that an inner class has lost are written back where they were."""

    class Two:
        __slots__ = ("a", "b")

    class One:
        __slots__ = ("b",)

    versions("Inner", Two, One)
    old, new = Codec(), Codec()
    old.declare(Two)
    new.declare(One)
    inner = Two()
    inner.a, inner.b = 1, 2
    data = old.shape(Plain).dump(Plain({1: inner}), None, "it")
    back, extra = new.shape(Plain).load(data)
    assert new.shape(Plain).dump(back, extra, "it") == data
    with pytest.raises(StoreError, match="'a', for which the class has no place"):
        new.unpack(old.pack([inner], "it"))


def test_a_named_tuple_may_gain_a_field() -> None:
    """Named tuples are kept by the names of their fields, so defaults fill what is missing."""

    class Old(NamedTuple):
        b: int

    class New(NamedTuple):
        a: int = 7
        b: int = 0

    versions("Pair", Old, New)
    old, new = Codec(), Codec()
    old.declare(Old)
    new.declare(New)
    assert new.unpack(old.pack([Old(1)], "it")) == [New(7, 1)]
    with pytest.raises(StoreError, match="has no place"):
        old.unpack(new.pack([New(1, 2)], "it"))
