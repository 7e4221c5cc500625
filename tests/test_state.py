"""The state of instances: captured as the class says, restored without its constructor."""

import functools
import http
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.codec import Codec
from instep.errors import Misuse

if TYPE_CHECKING:
    from nowhere import Unresolved

T = TypeVar("T")


def again(instance: Any, *declared: type) -> Any:
    """Return an instance after a trip through its bytes, which must be canonical."""
    codec = Codec()
    codec.declare(*declared)
    shape = codec.shape(type(instance))
    data = shape.dump(instance, None, "it")
    back, extra = shape.load(data)
    assert extra is None
    assert type(back) is type(instance)
    assert shape.dump(back, None, "it") == data
    return back


class Plain:
    """A class whose constructor must run once only, ever."""

    made = 0

    def __init__(self, param: Any) -> None:
        type(self).made += 1
        self.param = param


def test_the_constructor_does_not_run_again() -> None:
    """Loading makes an instance without `__new__` or `__init__` of the class."""
    instance = Plain({"a": [1]})
    before = Plain.made
    assert again(instance).param == {"a": [1]}
    assert Plain.made == before


def test_each_load_is_a_copy_of_its_own() -> None:
    """Nothing that two loads return is shared between them."""
    shape = Codec().shape(Plain)
    data = shape.dump(Plain([[]]), None, "it")
    one, other = shape.load(data)[0], shape.load(data)[0]
    one.param[0].append(1)
    assert other.param == [[]]
    assert shape.dump(other, None, "it") == data


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text("abc_é"), st.integers() | st.tuples(st.binary()) | st.text("xÄ")))
def test_any_attributes_come_back(attributes: dict[str, Any]) -> None:
    """Whatever attributes a plain instance has, it has them again, in their order."""
    instance = Plain(0)
    instance.__dict__ = dict(attributes)
    assert list(vars(again(instance)).items()) == list(attributes.items())


class Base:
    __slots__ = ("__private", "shown")

    def __init__(self) -> None:
        self.__private = "base"
        self.shown = 1

    def private(self) -> str:
        return self.__private


class Slotted(Base):
    __slots__ = ("__private", "unset", "z")

    def __init__(self) -> None:
        super().__init__()
        self.__private = "derived"
        self.z = (1, 2)

    def own_private(self) -> str:
        return self.__private


class Mixed(Slotted):
    """Has slots and a `__dict__`."""


def test_slots_of_the_whole_tree_with_private_names() -> None:
    """Slots of every base come back, private ones of the same name apart, unset ones unset."""
    for made in (Slotted, Mixed):
        back = again(made())
        assert (back.private(), back.own_private(), back.shown, back.z) == (
            "base",
            "derived",
            1,
            (1, 2),
        )
        assert not hasattr(back, "unset")
    mixed = Mixed()
    mixed.free = [1]
    assert again(mixed).free == [1]


@dataclass(frozen=True)
class Frozen:
    a: int
    b: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FrozenSlots:
    a: int
    b: tuple[Any, ...] = (1,)


@dataclass
class Counted:
    hits: int
    tally: Counter[str] = field(default_factory=Counter)
    kind: ClassVar[str] = "c"


def test_dataclasses_of_every_make() -> None:
    """Frozen and slotted dataclasses come back although they refuse assignment."""
    for instance in (Frozen(1, [2]), FrozenSlots(1, (2,)), Counted(3, Counter("aab"))):
        assert again(instance) == instance


def test_attrs_classes_of_every_make() -> None:
    """Classes that attrs made, slotted, frozen and plain, come back."""
    attr = pytest.importorskip("attr")
    for options in ({"slots": True}, {"slots": False}, {"frozen": True, "slots": True}):
        cls = attr.make_class("Made", {"a": attr.ib(), "b": attr.ib(factory=list)}, **options)
        assert again(cls(1, [2])) == cls(1, [2])
        old = Codec().shape(attr.make_class("Made", {"a": attr.ib()}, **options))
        data = old.dump(old.cls(1), None, "it")
        assert Codec().shape(cls).load(data)[0] == cls(1, [])


class Handmade:
    """Keeps what can be stored and makes the rest again."""

    def __init__(self) -> None:
        self.kept = [1]
        self.lock = threading.Lock()

    def __getstate__(self) -> Any:
        return ("v1", self.kept)

    def __setstate__(self, state: Any) -> None:
        self.kept = state[1]
        self.lock = threading.Lock()


class OnlyGet:
    def __init__(self) -> None:
        self.a, self.lock = 1, threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"a": self.a}


class OnlySet:
    def __init__(self) -> None:
        self.a = 1

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, set=True)


def test_state_methods_are_what_counts() -> None:
    """A class that says what its state is, is taken at its word."""
    assert again(Handmade()).kept == [1]
    assert vars(again(OnlyGet())) == {"a": 1}
    shape = Codec().shape(OnlySet)
    assert vars(shape.load(shape.dump(OnlySet(), None, "it"))[0]) == {"a": 1, "set": True}


class Cached:
    def __init__(self) -> None:
        self.n = 2

    @functools.cached_property
    def square(self) -> int:
        return self.n * self.n


def test_cached_properties_are_no_state() -> None:
    """A cached value is neither stored nor left behind by a restore."""
    instance = Cached()
    codec = Codec()
    shape = codec.shape(Cached)
    data = shape.dump(instance, None, "it")
    assert instance.square == 4
    assert shape.dump(instance, None, "it") == data
    instance.n = 3
    shape.restore(instance, data)
    assert vars(instance) == {"n": 2}


class Stack(list):
    def __init__(self, *items: Any) -> None:
        super().__init__(items)
        self.limit = 3

    def __iter__(self) -> Any:
        raise AssertionError("the content is taken past what the class overrides")


def test_subclass_of_a_container_keeps_content_and_attributes() -> None:
    """A list of the program's own keeps its items and its attributes, and none of its code runs."""
    back = again(Stack(1, (2,)))
    assert back[:] == [1, (2,)]
    assert back.limit == 3


class Item:
    def __init__(self, name: str) -> None:
        self.name = name


class Order:
    items: "list[Item]"
    notes: "dict[str, Note | None]"
    spare: "Unresolved"
    stage: "Stage"

    def __init__(self) -> None:
        self.items = [Item("a")]
        self.notes = {"n": Note("text"), "m": None}
        self.stage = Stage.OPEN


class Note(NamedTuple):
    text: str


class Stage(Enum):
    OPEN = 1


def test_annotations_declare_what_is_inside() -> None:
    """Classes that annotations name need no declaration, even next to one that is nowhere."""
    back = again(Order())
    assert back.items[0].name == "a"
    assert back.notes == {"n": Note("text"), "m": None}
    assert back.stage is Stage.OPEN


def test_enums_of_the_standard_library_are_declared_like_others() -> None:
    """An annotation or a declaration lets them in, and without one the message says so."""

    class Reply:
        status: http.HTTPStatus | None

    reply = Reply()
    reply.status = http.HTTPStatus.OK
    assert again(reply).status is http.HTTPStatus.OK
    with pytest.raises(Misuse, match=r"space\.declare\(HTTPStatus\)"):
        Codec().pack([http.HTTPStatus.OK], "it")


class Box(Generic[T]):
    def __init__(self, inside: T) -> None:
        self.inside = inside


def test_how_a_generic_class_was_spelled_is_no_state() -> None:
    """`Box[int](1)` is a `Box` with what is inside it."""
    assert again(Box[int](1)).inside == 1


def test_restore_makes_the_very_instance_equal_again() -> None:
    """Rolling back keeps the identity that the program holds and drops what came since."""
    changes: list[tuple[Any, dict[str, Any]]] = [
        (Plain([1]), {"param": 5, "late": 1}),
        (Slotted(), {"z": None, "unset": 1}),
        (Mixed(), {"z": None, "unset": 1, "late": 2}),
        (Stack(1, 2), {"limit": 9, "late": 2}),
        (Handmade(), {"kept": [], "late": 2}),
    ]
    for instance, change in changes:
        shape = Codec().shape(type(instance))
        data = shape.dump(instance, None, "it")
        for name, value in change.items():
            setattr(instance, name, value)
        if isinstance(instance, Stack):
            instance.append(9)
        assert shape.dump(instance, None, "it") != data
        assert shape.restore(instance, data) is None
        assert shape.dump(instance, None, "it") == data
        assert not hasattr(instance, "late")


def test_a_deep_state_is_not_captured_over_and_over() -> None:
    """What makes the quick way fail at every level does not double the work at every level."""
    captured = []

    class Inner:
        def __getstate__(self) -> int:
            captured.append(self)
            return 1

        def __setstate__(self, state: int) -> None: ...

    state: Any = Inner()
    for _ in range(14):
        state = {"first": (state,), "then": {1: 2}}
    codec = Codec()
    codec.declare(Inner)
    assert codec.pack(codec.unpack(codec.pack(state, "it")), "it") == codec.pack(state, "it")
    assert len(captured) < 100  # three times; 2 ** 14 each if every level tried twice
