"""Values to bytes and back: the same value of the same type, or a refusal that names the path."""

import math
import os
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, Flag, IntEnum, IntFlag, StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instep.codec import Codec
from instep.errors import Misuse


class Color(Enum):
    RED = 1
    BLUE = (2, "b")


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Word(StrEnum):
    YES = "yes"


class Right(Flag):
    READ = 1
    WRITE = 2


class Bits(IntFlag):
    A = 1
    B = 4


class Point(NamedTuple):
    x: Any
    y: Any = 0


@dataclass
class Item:
    name: Any
    tags: list[Any] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Key:
    at: Any


class Money(int):
    pass


class Name(str):
    pass


class Ratio(float):
    pass


class Items(list):
    pass


class Conf(dict):
    pass


class Pair(tuple):
    pass


class Bag(set):
    pass


class Raw(bytes):
    pass


CLASSES = [Color, Level, Word, Right, Bits, Point, Item, Key]
CLASSES += [Money, Name, Ratio, Items, Conf, Pair, Bag, Raw]


@pytest.fixture
def codec() -> Codec:
    """A codec that knows every class of this module."""
    made = Codec()
    made.declare(*CLASSES)
    return made


def parts(value: Any) -> Any:
    """Return a value as nested plain tuples that differ whenever value or any type in it does."""
    kind = type(value)
    if isinstance(value, Enum):
        return kind, value._name_, value._value_
    if isinstance(value, float):
        return kind, struct.pack(">d", value)
    if kind is complex:
        return kind, struct.pack(">dd", value.real, value.imag)
    if isinstance(value, Decimal):
        return kind, value.as_tuple()
    if isinstance(value, (datetime, time)):
        return kind, value.isoformat(), value.fold, repr(value.tzinfo)
    if isinstance(value, timezone):
        return kind, repr(value)
    if isinstance(value, UUID):
        return kind, value.int, value.is_safe
    return kind, contents(value), attributes(value)


def contents(value: Any) -> Any:
    """Return what is inside a container, in an order that can be compared."""
    if isinstance(value, dict):
        extra = getattr(value, "default_factory", None)
        return extra, [(parts(key), parts(item)) for key, item in value.items()]
    if isinstance(value, deque):
        return value.maxlen, [parts(item) for item in value]
    if isinstance(value, (list, tuple)):
        return [parts(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((parts(item) for item in value), key=repr)
    return None if isinstance(value, (Item, Key)) else value


def attributes(value: Any) -> Any:
    """Return the attributes of an instance of one of this module's classes."""
    if type(value) is Key:
        return parts(value.at)
    return [(name, parts(item)) for name, item in getattr(value, "__dict__", {}).items()]


ZONES = st.one_of(
    st.none(),
    st.just(UTC),
    st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
    st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)), st.text("añ")),
    st.sampled_from(["UTC", "Europe/Paris", "America/New_York"]).map(ZoneInfo),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HASHABLE_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=True),
    st.complex_numbers(),
    TEXT,
    st.binary(),
    st.datetimes(timezones=st.none()).flatmap(
        lambda moment: st.builds(moment.replace, tzinfo=ZONES, fold=st.integers(0, 1))
    ),
    st.dates(),
    st.builds(time, st.integers(0, 23), st.just(1), st.just(2), st.just(3), ZONES),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.fractions(),
    st.builds(UUID, int=st.integers(0, 2**128 - 1), is_safe=st.sampled_from(SafeUUID)),
    st.sampled_from([*Color, *Level, *Word, *Right, *Bits, Right(0), Right(3), Bits(5), Bits(64)]),
    st.sampled_from([Path("/a/b"), PurePosixPath("é")]),
    st.integers().map(Money),
    TEXT.map(Name),
    st.floats().map(Ratio),
    st.binary().map(Raw),
)
HASHABLE = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple),
        st.frozensets(inner, max_size=3),
        st.lists(inner, max_size=3).map(Pair),
        st.builds(Point, inner, inner),
        st.builds(Key, inner),
    ),
    max_leaves=4,
)
LEAVES = st.one_of(
    HASHABLE,
    st.binary().map(bytearray),
    st.sampled_from([Decimal("NaN"), Decimal("-sNaN12"), Decimal("-0.00"), math.nan]),
    st.sampled_from([UTC, timezone(timedelta(hours=1), "CET"), ZoneInfo("Asia/Tokyo")]),
)
FACTORY = st.sampled_from([None, list, dict, set, int, str, float, tuple])


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return every kind of container around a kind of value."""
    listed = st.lists(inner, max_size=4)
    mapped = st.dictionaries(HASHABLE, inner, max_size=4)
    return st.one_of(
        listed,
        listed.map(tuple),
        listed.map(Items),
        st.builds(deque, listed, st.sampled_from([None, 4, 9])),
        st.sets(HASHABLE, max_size=4),
        st.sets(HASHABLE, max_size=4).map(Bag),
        st.dictionaries(TEXT, inner, max_size=4),
        mapped,
        mapped.map(Conf),
        mapped.map(OrderedDict),
        mapped.map(Counter),
        st.builds(defaultdict, FACTORY, mapped),
        st.builds(Item, inner, listed),
    )


VALUES = st.recursive(LEAVES, containers, max_leaves=12)
SHARED = Codec()
SHARED.declare(*CLASSES)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_every_value_comes_back_equal_and_of_the_same_type(value: Any) -> None:
    """Any storable values, nested in each other at will, survive with all their types."""
    assert parts(SHARED.unpack(SHARED.pack(value, "it"))) == parts(value)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_bytes_are_canonical(value: Any) -> None:
    """A value that was read gives the very bytes that it was read from."""
    packed = SHARED.pack(value, "it")
    assert SHARED.pack(SHARED.unpack(packed), "it") == packed


@pytest.mark.parametrize(
    "key", [1, True, 1.0, None, b"k", (1, "a"), Level.LOW, Word.YES, Name("k")]
)
def test_a_key_keeps_its_type_on_its_own(codec: Codec, key: Any) -> None:
    """Keys that equal one another, or that look like text, stay what they are."""
    (back,) = codec.unpack(codec.pack({key: "v"}, "it"))
    assert back == key
    assert type(back) is type(key)


def test_insertion_order_is_kept(codec: Codec) -> None:
    """Mappings come back in the order in which they were filled, whatever their keys."""
    for keys in (["b", "a", "c"], [3, 1, 2], ["b", 2, None]):
        assert list(codec.unpack(codec.pack(dict.fromkeys(keys), "it"))) == keys


@pytest.mark.parametrize("around", [lambda v: v, lambda v: [v], lambda v: {"k": {"l": [1, v]}}])
def test_a_bytearray_is_not_taken_for_bytes(codec: Codec, around: Any) -> None:
    """The packer would write a bytearray as bytes: it is found at any depth."""
    assert parts(codec.unpack(codec.pack(around(bytearray(b"x")), "it"))) == parts(
        around(bytearray(b"x"))
    )


def test_bytes_do_not_hang_on_the_hash_seed() -> None:
    """Two processes that hash differently write the same set as the same bytes."""
    program = (
        "from instep.codec import Codec\n"
        "names = {f'name-{n}' for n in range(50)}\n"
        "state = {'a': names, frozenset(names): [names, {(n, b'x') for n in names}]}\n"
        "print(list(names)[:9], Codec().pack(state, 'it').hex(), sep='\\n')\n"
    )

    def run(seed: str) -> list[str]:
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()

    (order, packed), (other_order, other_packed) = run("1"), run("2")
    assert order != other_order, "the seeds must differ for this to mean anything"
    assert packed == other_packed


class Nowhere(tzinfo):
    """A time zone of the program's own."""


class Stranger:
    """A class that nobody declared."""


CYCLE: list[Any] = []
CYCLE.append((CYCLE,))


def deep(levels: int, wrap: Any) -> Any:
    """Return a value inside many others."""
    value: Any = 1
    for _ in range(levels):
        value = wrap(value)
    return value


REFUSALS = {
    "socket": (lambda: {"items": {"a": [1, 2, Item(socket.socket)]}}, "v['items']['a'][2].name is"),
    "lock": (lambda: [threading.Lock()], "v[0] is of type _thread.lock, which cannot be stored"),
    "function": (lambda: (1, len), "v[1] is of type builtin_function_or_method"),
    "lambda": (lambda: {"f": lambda: 1}, "v['f'] is of type function"),
    "generator": (lambda: [iter([])], "v[0] is of type list_iterator"),
    "module": (lambda: {"m": math}, "v['m'] is of type module"),
    "class": (lambda: {"c": Item}, "v['c'] is of type type"),
    "stranger": (lambda: {3: [Stranger()]}, "v[3][0] is of type test_codec.Stranger"),
    "stranger's way out": (lambda: [Stranger()], "space.declare(Stranger)"),
    "surrogate": (
        lambda: {"t": ["\ud800"]},
        "v['t'][0] is of type str, which has a lone surrogate",
    ),
    "surrogate key": (lambda: {"\ud800": 1}, "key '\\ud800' of v is of type str"),
    "surrogate path": (lambda: [Path("\udc80")], "PosixPath, which has a lone surrogate"),
    "key": (lambda: {(1, len): 2}, "of v[1] is of type builtin_function_or_method"),
    "set item": (lambda: {"s": {len}}, "an item of v['s'] is of type builtin_function_or_method"),
    "cycle": (lambda: CYCLE, "contains itself"),
    "deep lists": (lambda: deep(2000, lambda v: [v]), "nested too deeply"),
    "deep tuples": (lambda: deep(2000, lambda v: (v,)), "nested too deeply"),
    "deep but not too deep": (lambda: deep(60, lambda v: (deep_in(1, 9), [v])), ""),
    "deep mixture": (lambda: deep(30, lambda v: (deep_in(v, 200),)), "nested too deeply"),
    "deep maps": (lambda: deep(2000, lambda v: {1: v}), "nested too deeply"),
    "memoryview": (lambda: [memoryview(b"x")], "v[0] is of type memoryview"),
    "zone": (
        lambda: [datetime(2020, 1, 1, tzinfo=Nowhere())],
        "v[0] is of type datetime.datetime, whose",
    ),
    "factory": (
        lambda: {"d": defaultdict(lambda: 1)},
        "v['d'] is of type collections.defaultdict, whose",
    ),
    "object": (lambda: [object()], "v[0] is of type object, which cannot be stored"),
    "exception": (lambda: [ValueError("x")], "v[0] is of type ValueError"),
}


def deep_in(value: Any, levels: int) -> Any:
    """Return a value inside many lists."""
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_stored_is_refused_with_its_path(codec: Codec, name: str) -> None:
    """The message names the first value that cannot be stored and where it is."""
    make, message = REFUSALS[name]
    if not message:
        assert codec.unpack(codec.pack(make(), "v")) == make()
        return
    with pytest.raises(Misuse) as caught:
        codec.pack(make(), "v")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600


def test_what_is_nested_as_deep_as_can_be_written_can_be_read(codec: Codec) -> None:
    """The two limits agree: nothing that was accepted is lost behind the reader's limit."""
    for wrap in (lambda v: [v], lambda v: (v,), lambda v: {1: v}, lambda v: (deep_in(v, 30),)):
        accepted = 0
        for levels in range(1, 300):
            try:
                packed = codec.pack(deep(levels, wrap), "v")
            except Misuse:
                break
            assert codec.pack(codec.unpack(packed), "v") == packed
            accepted = levels
        assert accepted > 25
