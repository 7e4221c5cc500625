"""Cached functions: the same key in every process, another one for everything else."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from instep import Misuse, Space

KEYS = """
import sys
from datetime import date
from instep import Space
cache = Space("memory:").cache("c", ttl=60)

@cache.cached
def load(a, b=2, *rest, c=None, **more):
    return 0

print([load.key(1), load.key("x", {"k": {3, 1, 2, "ü"}}), load.key(date(2026, 1, 2), c=b"b")])
"""


@pytest.fixture
def space() -> Space:
    """An empty space."""
    return Space("memory:")


def test_a_function_runs_once_for_its_arguments(space: Space) -> None:
    """However they are given: by position, by name, by default."""
    cache, ran = space.cache("c", ttl=60), []

    @cache.cached
    def load(a: int, b: int = 2) -> str:
        """Say what was loaded."""
        ran.append((a, b))
        return f"{a} {b}"

    assert [load(1), load(1, 2), load(a=1), load(b=2, a=1), load(1, b=2)] == ["1 2"] * 5
    assert ran == [(1, 2)]
    assert load(1, 3) == "1 3"
    assert (load.__name__, load.__doc__) == ("load", "Say what was loaded.")
    assert load.__wrapped__(5) == "5 2"


def test_keys_tell_values_apart(space: Space) -> None:
    """What Python's `hash` takes for equal has keys of its own, and long arguments have digests."""
    cache = space.cache("c", ttl=60)

    @cache.cached
    def load(a: Any, b: Any = None) -> None:
        """Nothing."""

    apart: list[tuple[Any, ...]] = [
        (1,), (True,), (1.0,), ("1",), (b"1",), (None,), ("1", "2"), ("1, '2'",), (0.0,), (-0.0,),
        ((1, 2),), ([1, 2],), (1, 2), ("x" * 1000,), ("x" * 1001,), (date(2026, 1, 2),),
    ]  # fmt: skip
    assert len({load.key(*args) for args in apart}) == len(apart)
    assert load.key(1, "ü").endswith("load(1, 'ü')")
    assert max(len(load.key(*args)) for args in apart) < 300


def test_keys_are_the_same_everywhere() -> None:
    """Three processes with other hash seeds make the same keys."""
    found = set()
    for seed in ("0", "1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", KEYS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert "load#" in found.pop()


def test_a_key_of_ones_own(space: Space) -> None:
    """With `key=` the result lies where get and delete find it; tags may hang on the arguments."""
    cache, ran = space.cache("c", ttl=60), []

    @cache.cached(key=lambda number: f"user/{number}", tags=lambda number: [f"t{number}"], ttl=5)
    def load(number: int) -> int:
        ran.append(number)
        return number * 2

    assert (load(4), cache.get("user/4"), load.key(4)) == (8, 8, "user/4")
    cache.delete_tag("t4")
    assert load(4) == 8
    assert load.delete(4)
    assert not load.delete(4)
    assert load(4) == 8
    assert ran == [4, 4, 4]


def test_methods_can_be_cached_by_a_key(space: Space) -> None:
    """A method is called with its instance; no key can be made of that by itself."""
    cache = space.cache("c", ttl=60)

    class Shop:
        def __init__(self, name: str) -> None:
            self.name = name

        @cache.cached(key=lambda shop, n: f"{shop.name}/{n}")
        def price(self, n: int) -> str:
            return f"{self.name} {n}"

        @cache.cached
        def bare(self) -> int:
            return 1

    assert [Shop("a").price(1), Shop("b").price(1), Shop("a").price(n=1)] == ["a 1", "b 1", "a 1"]
    with pytest.raises(Misuse, match=r"Shop.*key="):
        Shop("a").bare()


def test_what_cannot_be_cached_is_refused(space: Space) -> None:
    """Generators, coroutines, classes, lambdas without a key, and two functions of one name."""
    cache = space.cache("c", ttl=60)

    def twice() -> int:
        yield 1

    async def soon() -> int:
        return 1

    for what in (twice, soon):
        with pytest.raises(Misuse, match="async or a generator"):
            cache.cached(what)
    for what in (7, dict, "text"):
        with pytest.raises(Misuse, match="takes a function"):
            cache.cached(what)  # type: ignore[call-overload]
    with pytest.raises(Misuse, match="lambda"):
        cache.cached(lambda: 1)
    assert cache.cached(key=lambda: "k")(lambda: 1)() == 1

    def one() -> Any:
        def load() -> int:
            return 1

        return load

    def two() -> Any:
        def load() -> int:
            return 2

        load.__qualname__ = one().__qualname__
        return load

    assert cache.cached(one())() == 1
    assert cache.cached(one())() == 1  # the same code: an application that is made twice
    with pytest.raises(Misuse, match="another one"):
        cache.cached(two())
    with pytest.raises(TypeError, match="missing"):
        cache.cached(test_keys_tell_values_apart)()


def test_types_stay(tmp_path: Path) -> None:
    """A type checker sees the function's own arguments and result."""
    program = tmp_path / "typed.py"
    program.write_text(
        "from instep import Space\n"
        "users = Space('memory:').cache('users', ttl=60)\n"
        "@users.cached\n"
        "def load(number: int) -> str: return str(number)\n"
        "@users.cached(ttl=5)\n"
        "def other(number: int) -> bytes: return bytes(number)\n"
        "reveal_type(load(1)); reveal_type(other(1)); load('x')\n"
        "reveal_type(users.get_or_create('k', lambda: 1.5))\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--output=json", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [json.loads(line)["message"] for line in done.stdout.splitlines()]
    assert [text.partition('"')[2].strip('"') for text in said if "Revealed" in text] == [
        "str",
        "bytes",
        "float",
    ]
    assert any("incompatible type" in text for text in said)
