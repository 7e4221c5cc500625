"""What cannot be right has its own clear error, and changes nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from callers import contents

from instep import InstepError, Misuse, Space, StoreError


class Thing:
    """An object with something in it."""

    def __init__(self) -> None:
        self.n = 0
        self.parts: dict[str, Any] = {"list": [1, 2]}

    def put(self, what: Any) -> None:
        """Keep something deep inside."""
        self.n += 1
        self.parts["list"].append({"it": what})

    def recurse(self, levels: int) -> None:
        """Call itself from outside."""
        self.n += 1
        if levels:
            self.again(levels - 1)

    again: Callable[[int], None]


@pytest.fixture
def full(space: Space) -> Iterator[Space]:
    """A space with one of everything in it; it must be the same afterwards."""
    thing = space.share("thing", Thing)
    thing.put(1)
    space.counter("counter").increment()
    space.value("value").set([1])
    space.mapping("mapping")["a"] = 1
    space.family("family", Thing)["a"].put(1)
    with space.lock("lock"):
        pass
    before = contents(space)
    assert len(before) == 6
    yield space
    assert contents(space) == before


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rediss+somewhere://localhost", "rediss"),
        ("sqlite:///x", "sqlite"),
        ("state", "lmdb:PATH"),
        ("", "lmdb:PATH"),
        ("lmdb:", "path"),
        ("lmdb:state?durability=often", "often"),
        ("lmdb:state?speed=high", "speed"),
        ("memory:path", "memory"),
        ("memory:?x=1", "memory"),
        (None, "NoneType"),
        (b"memory:", "bytes"),
    ],
)
def test_urls(url: Any, says: str) -> None:
    """A URL that is none is Misuse when the space is made, and says what there is."""
    with pytest.raises(Misuse, match=says):
        Space(url)


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None, "1 MB"])
def test_record_limits(size: Any) -> None:
    """max_record is a positive whole number."""
    with pytest.raises(Misuse, match="max_record"):
        Space("memory:", max_record=size)


@pytest.mark.parametrize(
    "what",
    [threading.Lock(), socket.socket, lambda: 1, object(), Thing, print],
    ids=["lock", "socket", "lambda", "object", "class", "builtin"],  # the same in each process
)
def test_an_attribute_that_cannot_be_stored(full: Space, what: Any) -> None:
    """The error names the way to it, through attributes, keys and indices."""
    thing = full.share("thing", Thing)
    with pytest.raises(Misuse, match=r"thing\.parts\['list'\]\[3\]\['it'\]"):
        thing.put(what)
    with pytest.raises(Misuse, match=r"family\['a'\]\.parts\['list'\]\[3\]\['it'\]"):
        full.family("family", Thing)["a"].put(what)


def test_what_contains_itself(full: Space) -> None:
    """A state without end is refused, not followed."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Misuse, match=r"contains itself|too deeply"):
        full.share("thing", Thing).put(endless)


def test_two_classes_under_one_name_in_one_program(full: Space) -> None:
    """The second declaration is refused and names both; other kinds likewise."""

    class Other:
        pass

    full.share("thing", Thing)
    full.share("thing", Thing)  # the same again is fine: factories do that
    with pytest.raises(Misuse, match=r"'thing'.*Thing.*Other"):
        full.share("thing", Other)
    for declare in (full.counter, full.value, full.mapping, full.lock):
        with pytest.raises(Misuse, match=r"'thing'"):
            declare("thing")
    with pytest.raises(Misuse, match=r"'thing'"):
        full.family("thing", Thing)


def test_two_classes_of_one_name_in_one_program(full: Space) -> None:
    """Classes of two modules that would look alike in the store are told apart beforehand."""
    twin = type("Thing", (), {"__module__": "elsewhere"})
    with pytest.raises(Misuse, match="__instep_name__"):
        full.share("twin", twin)


def test_two_classes_under_one_name_in_two_programs(tmp_path: Any) -> None:
    """What another program has put under the name is found out at the first use."""
    url = f"lmdb:{tmp_path / 'state'}?durability=none"
    first = Space(url)
    first.share("o", Thing).put(1)
    first.counter("c").increment()
    first.value("v").set(1)
    first.mapping("m")["a"] = 1
    first.family("f", Thing)["a"].put(1)
    with first.lock("l"):
        pass
    before = contents(first)

    class Other:
        def use(self) -> None: ...

    def uses(name: str, own: str) -> Iterator[Callable[[], Any]]:
        """What a second program would do with a name that it takes for something else."""
        if own != "o":
            yield lambda: Space(url).share(name, Thing).put(1)
        yield Space(url).share(name, Other).use
        if own != "c":
            yield Space(url).counter(name).increment
            yield Space(url).counter(name).reset
            yield lambda: Space(url).counter(name).value
        if own != "v":
            yield Space(url).value(name).get
            yield lambda: Space(url).value(name).set(5)
            yield lambda: Space(url).value(name).update(lambda _: 1)
        if own != "l":
            yield Space(url).lock(name).__enter__

    for name in "ocvl":
        for use in uses(name, name):
            with pytest.raises(Misuse, match=name):
                use()
    with pytest.raises(Misuse, match="f"):
        Space(url).family("f", Other)["a"].use()
    with pytest.raises(Misuse, match="m"):
        Space(url).family("m", Thing)["a"].put(1)
    for use in (
        lambda: Space(url).mapping("f")["a"],
        lambda: Space(url).mapping("f").compute("a", lambda old: 1),
        lambda: Space(url).mapping("f").setdefault("a", 1),
        lambda: Space(url).mapping("f").pop("a"),
        lambda: Space(url).mapping("f").__setitem__("a", 1),
    ):
        with pytest.raises(Misuse, match="f"):
            use()
    assert contents(first) == before
    first.close()


def test_a_class_that_is_none(full: Space) -> None:
    """share() takes a class; a function or an instance is Misuse."""
    for bad in (lambda: Thing(), Thing(), "Thing", None):
        with pytest.raises(Misuse, match="class"):
            full.share("new", bad)  # type: ignore[arg-type]
        with pytest.raises(Misuse, match="class"):
            full.family("new", bad)  # type: ignore[arg-type]


def test_a_class_whose_insides_cannot_be_seen(full: Space) -> None:
    """A class that is built on a socket or a thread is refused when it is declared."""
    for base in (socket.socket, threading.local, BaseException):
        with pytest.raises(Misuse, match="Wire"):
            full.share("wire", type("Wire", (base,), {}))


@pytest.mark.parametrize(
    "name", ["", "a\0b", "a\nb", "\x7f", "x" * 10_000, "é" * 3_000, "\ud800", 5, None, b"x"]
)
def test_names(full: Space, name: Any) -> None:
    """Empty, with control characters, 10 kB long, not a text: refused by every verb at once."""
    for use in (
        full.counter,
        full.value,
        full.mapping,
        full.lock,
        full.describe,
        full.delete,
        lambda name: full.share(name, Thing),
        lambda name: full.family(name, Thing),
    ):
        with pytest.raises(Misuse, match=r"name|Unicode"):
            use(name)


def test_a_state_over_the_limit(full: Space) -> None:
    """Of an object, a member, a value, an entry: the error says how large, and where to put it."""
    thing, text = full.share("thing", Thing), "x" * (1 << 20)
    for use in (
        lambda: thing.put(text),
        lambda: full.family("family", Thing)["a"].put(text),
        lambda: full.value("value").set(text),
        lambda: full.value("value").update(lambda _: text),
        lambda: full.mapping("mapping").__setitem__("a", text),
        lambda: full.mapping("mapping").compute("a", lambda _: text),
        lambda: full.mapping("mapping").setdefault("b", text),
    ):
        with pytest.raises(Misuse, match=r"1,048,\d{3} bytes.*1,048,576.*mapping"):
            use()
    with pytest.raises(Misuse, match="1,048,576"), full.transaction(thing):
        full.counter("counter").increment()  # what is small goes down with it
        thing.put(text)


def test_calls_nested_a_hundred_deep(full: Space) -> None:
    """A recursion through the proxy ends in Misuse."""
    thing = full.share("thing", Thing)
    Thing.again = lambda self, levels: thing.recurse(levels)  # type: ignore[method-assign]
    try:
        with pytest.raises(Misuse, match="deep"):
            thing.recurse(100)
    finally:
        del Thing.again


def test_assignment_from_outside(full: Space) -> None:
    """`obj.n += 1` is the very bug: refused, with the way out."""
    thing = full.share("thing", Thing)
    with pytest.raises(Misuse, match=r"\.n .*'?thing'?.*transaction"):
        thing.n += 1
    with pytest.raises(Misuse, match="transaction"):
        thing.new = 1  # type: ignore[attr-defined]
    with pytest.raises(Misuse, match="transaction"):
        del thing.n


def test_a_corrupt_record(full: Space) -> None:
    """Bytes that no instep wrote are a StoreError that names the record, and stay as they are."""
    store = full.opened().store
    key = b"broken"
    for data in (b"o\xc1", b"o", b"o\x93\xa5Thing\x00", b"o\x01", b"?", b"", b"o\x92\xa5Thing\x00"):
        store.update(key, lambda _, data=data: (data, None), 1)
        with pytest.raises((StoreError, Misuse), match=r"broken|record"):
            full.share("broken", Thing).put(1)
        assert isinstance(full.describe("broken").kind, str)
        record = store.read(key)
        assert record is not None
        assert record.data == data
    for name, data in (("counter2", b"cx"), ("value2", b"v\xc1"), ("lock2", b"lx")):
        store.update(name.encode(), lambda _, data=data: (data, None), 1)
    for use in (
        full.counter("counter2").increment,
        full.value("value2").get,
        full.lock("lock2").__enter__,
    ):
        with pytest.raises(InstepError):
            use()
    for name in ("broken", "counter2", "value2", "lock2"):
        assert full.delete(name)
