"""Proxies look and feel like the objects that they stand for."""

import abc
import copy
import dataclasses
import functools
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import pytest
from callers import contents

from instep import Misuse, Space, readonly


class Shelf:
    """Special methods, and every way to declare something on a class."""

    LIMIT = 100
    kinds: ClassVar[list[str]] = ["tea", "rice"]

    def __init__(self, *items: str) -> None:
        self.items = list(items)
        self.opened = 0

    def __len__(self) -> int:
        return len(self.items)

    def __contains__(self, item: object) -> bool:
        return item in self.items

    def __iter__(self) -> Iterator[str]:
        yield from self.items

    def __getitem__(self, index: int) -> str:
        return self.items[index]

    def __setitem__(self, index: int, item: str) -> None:
        self.items[index] = item

    def __delitem__(self, index: int) -> None:
        del self.items[index]

    def __call__(self, item: str) -> int:
        self.items.append(item)
        return len(self.items)

    def __bool__(self) -> bool:
        return bool(self.items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shelf) and self.items == other.items

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: "Shelf") -> bool:
        return self.items < other.items

    def __str__(self) -> str:
        return "/".join(self.items)

    def __enter__(self) -> Self:
        self.opened += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.opened -= 1

    def __iadd__(self, item: str) -> Self:
        self.items.append(item)
        return self

    def put(self, item: str, *, times: int = 1) -> int:
        """Put something there."""
        self.items += [item] * times
        return len(self.items)

    put_two = functools.partialmethod(put, times=2)

    @functools.singledispatchmethod
    def take(self, what: object) -> str:
        """Take something, by index or by name."""
        raise TypeError(what)

    @take.register
    def _(self, what: int) -> str:
        return self.items.pop(what)

    @take.register
    def _(self, what: str) -> str:
        self.items.remove(what)
        return what

    @staticmethod
    def spell(item: str) -> str:
        """Need no shelf."""
        return item.upper()

    @classmethod
    def limit(cls) -> int:
        """Need the class only."""
        return cls.LIMIT

    @property
    def first(self) -> str:
        """The first item."""
        return self.items[0]

    @first.setter
    def first(self, item: str) -> None:
        self.items[0] = item

    @functools.cached_property
    def longest(self) -> str:
        """Something worth keeping for the length of a call."""
        return max(self.items, key=len)


@pytest.fixture
def shelf(space: Space) -> Shelf:
    """A shelf with two things on it."""
    return space.share("shelf", Shelf, "tea", "rice")


def test_special_methods(shelf: Shelf) -> None:
    """len, in, iteration, indexing, truth, comparison, call, with and str work as declared."""
    assert len(shelf) == 2
    assert "tea" in shelf
    assert "cup" not in shelf
    assert list(shelf) == ["tea", "rice"]
    assert shelf[1] == "rice"
    shelf[1] = "cup"
    del shelf[0]
    assert (list(shelf), bool(shelf), str(shelf)) == (["cup"], True, "cup")
    assert shelf("pot") == 2
    assert shelf == Shelf("cup", "pot") != Shelf("cup")
    assert shelf < Shelf("zzz")
    with shelf as inside:
        assert (inside.opened, shelf.opened) == (1, 1)
    assert shelf.opened == 0
    with pytest.raises(TypeError):
        hash(shelf)


def test_augmented_assignment_of_the_object_itself(shelf: Shelf) -> None:
    """`obj += x` with the class's own `__iadd__` changes the shared object, and stays a proxy."""
    before = type(shelf)
    shelf += "cup"
    assert type(shelf) is before
    assert shelf.items == ["tea", "rice", "cup"]


def test_a_class_without_special_methods_has_none(space: Space) -> None:
    """A proxy has the special methods of its class and no others; it is true and hashable."""

    class Bare:
        pass

    bare = space.share("bare", Bare)
    with pytest.raises(TypeError):
        len(bare)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        iter(bare)  # type: ignore[call-overload]
    assert bare
    assert isinstance(hash(bare), int)
    assert contents(space) == []


def test_other_kinds_of_methods(shelf: Shelf) -> None:
    """Static and class methods, partial methods, properties, class attributes, keywords."""
    assert (shelf.spell("tea"), shelf.limit(), shelf.LIMIT) == ("TEA", 100, 100)
    assert shelf.put("cup", times=3) == 5
    assert shelf.put_two("pot") == 7
    assert (shelf.take(0), shelf.take("rice")) == ("tea", "rice")
    assert (shelf.first, shelf.longest, shelf.kinds) == ("cup", "cup", ["tea", "rice"])
    shelf("a longer one")
    assert shelf.longest == "a longer one"


def test_isinstance_dir_and_repr(shelf: Shelf) -> None:
    """A proxy passes for an instance of the class, and shows that it is shared."""
    assert isinstance(shelf, Shelf)
    assert "put" in dir(shelf)
    assert "shelf" in repr(shelf)
    assert "Shelf" in repr(shelf)
    assert shelf.put.__doc__ == "Put something there."
    assert shelf.put.__name__ == "put"


def test_a_missing_attribute_is_an_attribute_error(shelf: Shelf) -> None:
    """hasattr and getattr with a default work."""
    assert not hasattr(shelf, "nothing")
    assert getattr(shelf, "nothing", 5) == 5
    with pytest.raises(AttributeError, match="nothing"):
        _ = shelf.nothing  # type: ignore[attr-defined]


def test_assignment_from_outside_is_misuse(space: Space, shelf: Shelf) -> None:
    """Assigning, adding in place and deleting are refused with the way out; nothing changes."""
    shelf.put("cup")
    before = contents(space)
    for way in ("shelf.opened = 5", "shelf.opened += 1", "del shelf.opened", "shelf.first = 'x'"):
        with pytest.raises(Misuse, match=r"'shelf'.*transaction"):
            exec(way, {"shelf": shelf})
    assert contents(space) == before


def test_assignment_in_a_transaction_that_holds_it(space: Space, shelf: Shelf) -> None:
    """Inside `with space.transaction(obj)` attributes are assigned, changed and deleted."""
    with space.transaction(shelf):
        shelf.opened += 5
        shelf.first = "pot"
        shelf.items.append("new")
        shelf.extra = 1  # type: ignore[attr-defined]
        del shelf.extra  # type: ignore[attr-defined]
    assert (shelf.opened, shelf.items) == (5, ["pot", "rice", "new"])
    assert not hasattr(shelf, "extra")
    with pytest.raises(RuntimeError), space.transaction(shelf):
        shelf.opened = 7
        raise RuntimeError
    assert shelf.opened == 5


def test_assignment_in_a_transaction_that_does_not_hold_it(space: Space, shelf: Shelf) -> None:
    """A transaction on something else does not allow it: it was not held when it was read."""
    with pytest.raises(Misuse, match="transaction"), space.transaction(space.counter("c")):
        shelf.opened = 5
    assert shelf.opened == 0


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_proxies_cannot_be_copied(shelf: Shelf, copying: Callable[[Any], Any]) -> None:
    """Pickling and copying a proxy are refused with its name and what to do."""
    with pytest.raises(Misuse, match=r"'shelf'.*name"):
        copying(shelf)


def test_what_is_shared_cannot_be_stored(space: Space, shelf: Shelf) -> None:
    """A proxy, a counter or a space in a state is refused: its name is what can be kept."""

    class Keeper:
        def keep(self, thing: object) -> None:
            self.kept = thing

    keeper = space.share("keeper", Keeper)
    for thing in (shelf, space.counter("c"), space.value("v"), space.mapping("m"), space):
        with pytest.raises(Misuse, match=r"keeper\.kept") as caught:
            keeper.keep(thing)
        assert "declare(" not in str(caught.value)
    assert not hasattr(keeper, "kept")


async def _async(self: Any) -> None: ...


async def _async_generator(self: Any) -> Any:
    yield


def _generator(self: Any) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize("method", [_async, _async_generator, _generator], ids=lambda f: f.__name__)
def test_methods_that_are_not_one_step_are_refused(
    space: Space, method: Callable[..., Any]
) -> None:
    """Async methods and generators are refused when they are declared, also when inherited."""
    base = type("Base", (), {"work": method})
    cls = type("Lazy", (base,), {})
    with pytest.raises(Misuse, match=r"Lazy\.work is (async|a generator)"):
        space.share("lazy", cls)
    with pytest.raises(Misuse, match=r"Lazy\.work"):
        space.family("lazies", cls)
    assert contents(space) == []


def test_a_refused_declaration_does_not_take_the_name(space: Space) -> None:
    """After the class is mended, or for something else, the name is free."""
    bad = type("Bad", (), {"work": _async})
    for _ in range(2):
        with pytest.raises(Misuse, match="async"):
            space.share("it", bad)
    assert len(space.share("it", Shelf, "tea")) == 1
    with pytest.raises(Misuse):
        space.counter("number", start=1.5)  # type: ignore[arg-type]
    space.value("number", default=5)


def test_results_that_would_run_later_are_refused(space: Space) -> None:
    """A coroutine, a generator or a context manager from a plain method is Misuse, and undone."""

    @contextmanager
    def managed() -> Iterator[None]:
        yield

    class Sly:
        def __init__(self) -> None:
            self.n = 0

        def give(self, kind: str) -> Any:
            self.n += 1
            if kind == "coroutine":
                return _async(self)
            return _generator(self) if kind == "generator" else managed()

    sly = space.share("sly", Sly)
    for kind in ("coroutine", "generator", "context manager"):
        with pytest.raises(Misuse, match="after the commit"):
            sly.give(kind)
    assert sly.n == 0


def test_a_decorated_generator_is_a_plain_method(space: Space) -> None:
    """What counts is the method that is called, not what a decorator has wrapped."""

    def listed(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return list(function(*args))

        return wrapper

    class Count:
        @listed
        def up_to(self, n: int) -> Any:
            self.n = n
            yield from range(n)

    count = space.share("count", Count)
    assert (count.up_to(3), count.n) == ([0, 1, 2], 3)


def test_descriptors_are_attributes(space: Space) -> None:
    """A validated field of the program's own is read, not called, and validates in a method."""

    class Positive:
        def __set_name__(self, owner: type, name: str) -> None:
            self.name = f"_{name}"

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return self if instance is None else getattr(instance, self.name)

        def __set__(self, instance: Any, value: int) -> None:
            if value < 0:
                raise ValueError(value)
            setattr(instance, self.name, value)

    class Account:
        balance = Positive()

        def __init__(self, balance: int) -> None:
            self.balance = balance

        def take(self, n: int) -> int:
            self.balance -= n
            return int(self.balance)

    account = space.share("account", Account, 10)
    assert account.balance == 10
    with pytest.raises(ValueError, match="-1"):
        account.take(11)
    assert (account.take(3), account.balance) == (7, 7)


def test_dataclasses(space: Space) -> None:
    """Plain, slotted, frozen and ordered ones, with defaults and factories, keep their kind."""

    @dataclass
    class Plain:
        a: int = 1
        tags: list[str] = field(default_factory=list)

        def tag(self, name: str) -> int:
            self.tags.append(name)
            return len(self.tags)

    @dataclass(slots=True, order=True)
    class Slotted:
        a: int
        b: str = "b"

        def inc(self) -> int:
            self.a += 1
            return self.a

    @dataclass(frozen=True)
    class Frozen:
        a: int

        def inc(self) -> None:
            self.a += 1  # type: ignore[misc]

    plain, slotted = space.share("plain", Plain, a=5), space.share("slotted", Slotted, 1)
    frozen = space.share("frozen", Frozen, 3)
    assert (plain.tag("x"), plain.tag("y"), plain) == (1, 2, Plain(5, ["x", "y"]))
    assert (slotted.inc(), slotted.a, slotted.b) == (2, 2, "b")
    assert slotted < Slotted(3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frozen.inc()
    assert (frozen.a, hash(frozen)) == (3, hash(Frozen(3)))


def test_slots_state_methods_and_inheritance(space: Space) -> None:
    """Slots, private names, `__getstate__`/`__setstate__`, super() and overriding work."""

    class Base:
        __slots__ = ("__secret", "log")

        def __init__(self) -> None:
            self.__secret, self.log = 1, [0]

        def step(self) -> int:
            self.__secret *= 2
            return self.__secret

    class Derived(Base):
        __slots__ = ("extra",)

        def step(self) -> int:
            self.log.append(super().step())
            self.extra = len(self.log)
            return self.extra

    class Own:
        def __init__(self) -> None:
            self.n, self.cache = 1, object()

        def __getstate__(self) -> Any:
            return {"n": self.n}

        def __setstate__(self, state: Any) -> None:
            self.n, self.cache = state["n"], object()

        def inc(self) -> int:
            self.n += 1
            return self.n

    derived, own = space.share("derived", Derived), space.share("own", Own)
    assert (derived.step(), derived.step(), derived.log, derived.extra) == (2, 3, [0, 2, 4], 3)
    assert (own.inc(), own.inc(), own.n) == (2, 3, 3)


def test_subclasses_of_containers(space: Space) -> None:
    """A class that is a list is shared with all that a list can do."""

    class Basket(list[str]):
        def add(self, item: str) -> int:
            self.append(item)
            return len(self)

    basket = space.share("basket", Basket)
    assert (basket.add("tea"), basket.add("cup")) == (1, 2)
    basket.extend(["pot"])
    assert (len(basket), list(basket), basket[-1], basket.index("cup")) == (
        3,
        ["tea", "cup", "pot"],
        "pot",
        1,
    )


def test_any_constructor_argument_can_be_named(space: Space) -> None:
    """Keywords that share() itself has names for belong to the constructor."""

    class User:
        def __init__(self, name: str, cls: str, self_: int = 0) -> None:
            self.name, self.cls = name, cls

    user = space.share("user", User, name="bob", cls="2b")
    users = space.family("users", User, name="eve", cls="3c")
    assert (user.name, user.cls, users[1].name) == ("bob", "2b", "eve")


def test_readonly_properties(space: Space) -> None:
    """@readonly on either side of @property is what a property is anyway."""

    class Both:
        def __init__(self) -> None:
            self.n = 1

        @readonly  # type: ignore[type-var]
        @property
        def one(self) -> int:
            return self.n

        @property
        @readonly
        def two(self) -> int:
            return self.n * 2

    both = space.share("both", Both)
    assert (both.one, both.two) == (1, 2)


def test_abstract_generic_and_dynamic_classes(space: Space) -> None:
    """ABCs, generics, named tuples, `__getattr__` and callable class attributes behave."""
    T = TypeVar("T")

    class Abstract(abc.ABC):
        @abc.abstractmethod
        def get(self) -> int: ...

    class Box(Abstract, Generic[T]):
        class Inner:
            z = 1

        def __init__(self, value: Any) -> None:
            self.value = value

        def get(self) -> int:
            return int(self.value)

        def __getattr__(self, name: str) -> str:
            if name.startswith("dynamic_"):
                return name
            raise AttributeError(name)

    class Point(NamedTuple):
        x: int = 1

    class Rate:
        per_cent = 3

        def __call__(self, n: int) -> int:
            return n * self.per_cent

    class Shop:
        rate = Rate()

    box = space.share("box", Box, 5)
    assert (box.get(), box.dynamic_1, box.Inner.z) == (5, "dynamic_1", 1)
    assert not hasattr(box, "other")
    assert space.share("point", Point).x == 1
    assert (space.share("shop", Shop).rate(2), space.share("shop", Shop).rate.per_cent) == (6, 3)
    with pytest.raises(TypeError, match="abstract"):
        space.share("abstract", Abstract).get()


def test_types_reach_the_type_checker(tmp_path: Path) -> None:
    """share() is typed as the class, family members too, and wrong constructor calls are errors."""
    import subprocess

    page = tmp_path / "page.py"
    page.write_text(
        "from instep import Space, readonly\n"
        "class C:\n"
        "    def __init__(self, n: int, *, name: str = '') -> None: self.n = n\n"
        "    @readonly\n"
        "    def get(self) -> int: return self.n\n"
        "space = Space('memory:')\n"
        "obj = space.share('c', C, 5, name='x')\n"
        "reveal_type(obj)\n"
        "reveal_type(obj.get())\n"
        "reveal_type(space.family('f', C, 1)['k'])\n"
        "reveal_type(space.counter('h').increment())\n"
        "space.share('d', C, 'text')\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", page],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    notes = [line.partition('"')[2].rstrip('"') for line in checked.stdout.splitlines()]
    assert notes[:4] == ["page.C", "int", "page.C", "int"], checked.stdout + checked.stderr
    assert "[arg-type]" in checked.stdout.splitlines()[4]
