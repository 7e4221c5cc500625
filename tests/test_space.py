"""Spaces: names, descriptions, deleting, closing, and using it again."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instep import Misuse, Space


@pytest.fixture(params=["memory", "lmdb"])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space."""
    url = "memory:" if request.param == "memory" else f"lmdb:{tmp_path / 'state'}?durability=none"
    opened = Space(url)
    yield opened
    opened.close()


class Cart:
    """Something to share."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.made = True

    def add(self, item: str) -> int:
        """Change it."""
        self.items.append(item)
        return len(self.items)


def filled(space: Space) -> Space:
    """The space with one of everything in it."""
    space.share("object", Cart).add("tea")
    carts = space.family("carts", Cart)
    carts["a"].add("tea"), carts["b"].add("cup")
    space.counter("counter").increment(41)
    space.value("value").set({"a": 1})
    space.mapping("mapping").update(a=1, b=[2], c=None)
    with space.lock("lock"):
        pass
    return space


def test_names(space: Space) -> None:
    """Every name once, sorted, by beginning; declared but never used is not there."""
    filled(space)
    space.counter("unused")
    every = ["carts", "counter", "lock", "mapping", "object", "value"]
    assert (space.names(), space.names("c"), space.names("cart"), space.names("x")) == (
        every,
        ["carts", "counter"],
        ["carts"],
        [],
    )


@pytest.mark.timeout(30)
def test_names_of_every_length(space: Space) -> None:
    """Long names, with and without entries, that begin alike: each is found once."""
    stems = ["a", "é", "n" * 440, "n" * 447, "n" * 505, "n" * 510, "n" * 511, "n" * 600, "n" * 4000]
    names = sorted(name for stem in stems for name in (stem, f"{stem}-", f"{stem}0"))
    for number, name in enumerate(names):
        if number % 2:
            space.counter(name).increment()
        else:
            space.mapping(name).update({key: key for key in range(12)})
            space.mapping(name)["k" * 90] = 1
    assert space.names() == names
    for prefix in ("n" * 447, "n" * 512, "n" * 600 + "-"):
        assert space.names(prefix) == [name for name in names if name.startswith(prefix)]
    for name in names:
        assert space.describe(name).name == name
        assert space.delete(name)
    assert space.names() == []


def test_descriptions(space: Space) -> None:
    """Kind, class, version, entries, size and state of everything."""
    filled(space)
    found: dict[str, Any] = {name: space.describe(name) for name in space.names()}
    assert {name: about.kind for name, about in found.items()} == {
        "object": "object",
        "carts": "family",
        "counter": "counter",
        "value": "value",
        "mapping": "mapping",
        "lock": "lock",
    }
    assert (found["object"].cls, found["carts"].cls, found["counter"].cls) == ("Cart", "Cart", None)
    assert (found["object"].state, found["value"].state) == (
        {"items": ["tea"], "made": True},
        {"a": 1},
    )
    assert (found["counter"].state, found["counter"].version, found["lock"].state) == (41, 1, 1)
    assert (found["mapping"].entries, found["carts"].entries, found["value"].entries) == (
        3,
        2,
        None,
    )
    assert sorted(found["mapping"].state) == ["a", "b", "c"]
    assert all(about.size > 0 for about in found.values())
    space.counter("counter").increment()
    assert space.describe("counter").version == 2
    with pytest.raises(Misuse, match="nothing under the name 'unknown'"):
        space.describe("unknown")


def test_describing_needs_no_classes(tmp_path: Path) -> None:
    """A program that knows none of the classes can look at their objects."""
    url = f"lmdb:{tmp_path / 'state'}?durability=none"
    filled(Space(url))
    assert Space(url).describe("object").state == {"items": ["tea"], "made": True}
    Space(url).close()


def test_deleting(space: Space) -> None:
    """Everything under the name goes, nothing else does, and the next use begins anew."""
    filled(space)
    space.mapping("map")["kept"] = space.mapping("mapping2")["kept"] = 1
    for name in ("object", "carts", "counter", "value", "mapping"):
        assert space.delete(name)
        assert not space.delete(name)
    assert space.names() == ["lock", "map", "mapping2"]
    assert space.share("object", Cart).add("new") == 1
    assert (space.counter("counter").increment(), space.value("value").get()) == (1, None)
    assert (len(space.mapping("mapping")), len(space.family("carts", Cart))) == (0, 0)


def test_deleting_in_a_transaction_that_fails(space: Space) -> None:
    """A deletion is part of the transaction that it is in."""
    filled(space)
    for name in ("object", "carts", "mapping", "counter"):
        with pytest.raises(RuntimeError), space.transaction():
            assert space.delete(name)
            raise RuntimeError
    assert space.share("object", Cart).items == ["tea"]
    assert (len(space.mapping("mapping")), space.counter("counter").value) == (3, 41)


def test_closing_and_using_again(space: Space) -> None:
    """After close() the next use opens it again, with everything in it; closing twice is fine."""
    cart = filled(space).share("object", Cart)
    space.close()
    space.close()
    assert cart.add("cup") == 2
    space.close()
    assert space.names()[0] == "carts"


def test_closing_while_others_work(space: Space) -> None:
    """close() in one thread disturbs no call of another."""
    hits, cart = space.counter("hits"), space.share("cart", Cart)

    def work() -> None:
        for _ in range(100):
            hits.increment()
            cart.add("x")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        space.close()
    assert (hits.value, len(cart.items)) == (200, 200)


def test_closing_inside_a_transaction_is_misuse(space: Space) -> None:
    """The block goes on and commits."""
    hits = space.counter("hits")
    with space.transaction(hits):
        hits.increment()
        with pytest.raises(Misuse, match="close"):
            space.close()
    assert hits.value == 1


def test_a_relative_path_is_taken_when_the_space_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its directory before the first use finds the same store."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    space = Space("lmdb:state")
    monkeypatch.chdir(tmp_path / "elsewhere")
    space.counter("hits").increment()
    space.close()
    assert (tmp_path / "state").is_dir()


def test_a_store_outlives_its_space(tmp_path: Path) -> None:
    """What one space committed another one finds, and the constructor does not run again."""
    url = f"lmdb:{tmp_path / 'state'}"
    first = Space(url)
    first.share("object", Cart).add("tea")
    first.close()
    second = Space(url)
    assert second.share("object", Cart).add("cup") == 2
    second.close()


def test_memory_spaces_are_apart() -> None:
    """Each memory space is a store of its own."""
    one, other = Space("memory:"), Space("memory:")
    one.counter("hits").increment()
    assert other.counter("hits").value == 0


def test_repr_says_where(space: Space) -> None:
    """The representation of a space and of what it hands out names them."""
    assert "memory:" in repr(space) or "lmdb:" in repr(space)
    for thing in (
        space.share("it", Cart),
        space.family("they", Cart),
        space.counter("c1"),
        space.value("v1"),
        space.mapping("m1"),
        space.lock("l1"),
    ):
        assert repr(thing).startswith("<")
        assert repr(thing)[-4:-2] in ("it", "ey", "c1", "v1", "m1", "l1") or "they" in repr(thing)


def test_classes_inside_a_state_are_declared(space: Space) -> None:
    """`declare` lets instances of other classes lie inside the state."""

    class Part:
        def __init__(self, n: int) -> None:
            self.n = n

    class Whole:
        def __init__(self) -> None:
            self.parts: list[Any] = []

        def add(self, n: int) -> int:
            self.parts.append(Part(n))
            return sum(part.n for part in self.parts)

    whole = space.share("whole", Whole)
    with pytest.raises(Misuse, match=r"whole\.parts\[0\].*declare\(.*Part\)"):
        whole.add(1)
    space.declare(Part)
    assert (whole.add(1), whole.add(2)) == (1, 3)
