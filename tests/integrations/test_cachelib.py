"""The cachelib cache: cachelib's documented contract, on every store, from several processes."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cachelib.serializers import JSONSerializer
from flask_session import Session

from actors import Child, until
from flask import Flask, session
from instep import Misuse, Space
from instep.integrations.cachelib import InstepCache
from places import PLACES, place

Fork = Callable[..., Child]

PROCESSES, THREADS, EACH = 4, 2, 40
PATIENCE = 20.0  # seconds; far more than anything here takes


@pytest.fixture(params=["memory", *PLACES, "memcached"])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    """An empty space, on each engine."""
    with closing(Space(anywhere(request, tmp_path))) as opened:
        yield opened


@pytest.fixture(params=[*PLACES, "memcached"])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, on each engine that processes can share."""
    return anywhere(request, tmp_path)


def anywhere(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of the store that a fixture is parametrized with."""
    if request.param == "memcached":
        server: str = request.getfixturevalue("memcached_server").url
        return server
    return place(request.param, folder, request.getfixturevalue)


def gone(cache: InstepCache, key: str) -> bool:
    """Whether an entry ends by itself, within the patience of a test."""
    deadline = time.monotonic() + PATIENCE
    while cache.has(key) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not cache.has(key) and cache.get(key) is None


def in_threads(work: Callable[[], int]) -> int:
    """Two threads do the same; the sum of what they return."""
    with ThreadPoolExecutor(THREADS) as pool:
        return sum(done.result() for done in [pool.submit(work) for _ in range(THREADS)])


def test_what_is_kept_comes_back(space: Space) -> None:
    """Values of every storable type are read as they were written, one by one and several."""
    cache = InstepCache(space)
    values = {"a": False, "b": {}, "c": [{}, (1, "x")], "d": {256: b"\0"}, "e": None, "": 1.5}
    assert cache.set_many(values) == list(values)
    assert [cache.get(key) for key in values] == cache.get_many(*values) == list(values.values())
    assert cache.get_dict(*values, "missing") == {**values, "missing": None}
    assert [type(value) for value in cache.get("c")] == [dict, tuple]


def test_none_is_a_value_that_is_there(space: Space) -> None:
    """`has` tells None from nothing, which `get` cannot."""
    cache = InstepCache(space)
    cache.set("none", None)
    assert (cache.get("none"), cache.has("none"), cache.has("nothing")) == (None, True, False)
    assert cache.add("none", 1) is False


def test_deleting(space: Space) -> None:
    """`delete` says whether there was anything; `delete_many` counts what is not there as done."""
    cache = InstepCache(space, ignore_delete_many_errors=False)
    cache.set_many({"a": 1, "b": 2, "c": 3})
    assert (cache.delete("a"), cache.delete("a")) == (True, False)
    assert cache.delete_many("a", "b", "never") == ["a", "b", "never"]
    assert cache.get_many("a", "b", "c") == [None, None, 3]


def test_add_keeps_what_is_there(space: Space) -> None:
    """The first one wins, until what it has added ends."""
    cache = InstepCache(space)
    assert cache.add("key", "first", timeout=1)
    assert not cache.add("key", "second") or cache.get("key") == "second"
    cache.delete("key")
    assert (cache.add("key", "third"), cache.add("key", "fourth")) == (True, False)
    assert cache.get("key") == "third"


def test_entries_end(space: Space) -> None:
    """After their timeout, in seconds or as a timedelta, or after the default."""
    cache = InstepCache(space, default_timeout=timedelta(milliseconds=200))
    cache.set("default", 1)
    cache.set("seconds", 1, timeout=1)
    cache.add("delta", 1, timeout=timedelta(seconds=1))
    cache.set_many({"many": 1}, timeout=1)
    cache.set("always", 1, timeout=0)
    cache.set("longer", 1, timeout=3600)
    for key in ("default", "seconds", "delta", "many"):
        assert gone(cache, key), key
    assert (cache.get("always"), cache.get("longer")) == (1, 1)
    assert cache.add("seconds", "anew")


def test_a_default_of_0_is_for_ever() -> None:
    """As in cachelib, whether it is the default or given."""
    cache = InstepCache("memory:", default_timeout=0)
    cache.set("key", 1)
    cache.inc("count")
    assert cache.get_many("key", "count") == [1, 1]


@pytest.mark.parametrize("timeout", [-1, timedelta(seconds=-5)])
def test_a_negative_timeout_is_refused(timeout: int | timedelta) -> None:
    """It is for ever in cachelib's Redis and over at once in its files; here it is an error."""
    cache = InstepCache("memory:")
    with pytest.raises(Misuse, match=r"0, for ever.*this is -\d.*delete"):
        cache.set("key", 1, timeout=timeout)
    with pytest.raises(Misuse, match="0, for ever"):
        InstepCache("memory:", default_timeout=timeout)


def test_counting(space: Space) -> None:
    """From 0, from a number, by any delta, up and down."""
    cache = InstepCache(space)
    assert (cache.inc("a"), cache.inc("a", 5), cache.dec("a"), cache.dec("b", 3)) == (1, 6, 5, -3)
    cache.set("a", 10**12)
    assert (cache.inc("a"), cache.get("a"), cache.get("b")) == (10**12 + 1, 10**12 + 1, -3)


def test_counting_leaves_the_time_as_it_is(space: Space) -> None:
    """What was to end in a second still does, so that a count per minute is one."""
    cache = InstepCache(space, default_timeout=3600)
    until(lambda: cache.set("hits", 1, timeout=1) and cache.inc("hits") == 2)
    assert gone(cache, "hits")


def test_counting_what_is_no_number() -> None:
    """The error says which key and what is there; nothing is changed."""
    cache = InstepCache("memory:")
    cache.set("word", "one")
    with pytest.raises(Misuse, match="'word' has no number to add 1 to: it is a str"):
        cache.inc("word")
    assert cache.get("word") == "one"


def test_counting_from_four_processes(shared_url: str, fork: Fork) -> None:
    """Of four processes of two threads no increment is lost, and none is returned twice."""

    def count() -> list[int]:
        cache = InstepCache(shared_url)
        numbers: list[int] = []

        def some() -> int:
            numbers.extend(cache.inc("count") for _ in range(EACH))
            return 0

        in_threads(some)
        return numbers

    children = [fork(count) for _ in range(PROCESSES)]
    numbers = sorted(number for child in children for number in child.result(120))
    assert numbers == list(range(1, PROCESSES * THREADS * EACH + 1))


def test_adding_from_four_processes(shared_url: str, fork: Fork) -> None:
    """Of four processes of two threads exactly one is told that it has added a key."""

    def win() -> int:
        cache = InstepCache(shared_url)
        return in_threads(lambda: sum(cache.add(f"key {n}", 1) for n in range(EACH)))

    children = [fork(win) for _ in range(PROCESSES)]
    assert sum(child.result(120) for child in children) == EACH


def test_a_cache_that_was_made_before_a_fork(shared_url: str, fork: Fork) -> None:
    """Parent and children go on with the same entries, each on connections of its own."""
    with closing(Space(shared_url)) as space:
        cache = InstepCache(space)
        cache.inc("count")
        children = [fork(lambda: [cache.inc("count") for _ in range(10)]) for _ in range(3)]
        mine = [cache.inc("count") for _ in range(10)]
        found = sorted(mine + [number for child in children for number in child.result(60)])
        assert found == list(range(2, 42))


def test_prefixes_keep_caches_apart(space: Space) -> None:
    """`clear` empties one cache, and leaves the others and what else is in the space."""
    one, two, plain = (InstepCache(space, key_prefix=name) for name in ("one:", "two:", None))
    for number, cache in enumerate((one, two, plain)):
        assert cache.add("key", number)
    assert one.clear() is True
    assert [cache.get("key") for cache in (one, two, plain)] == [None, 1, 2]
    one.set("key", 3)
    assert [cache.get("key") for cache in (one, two, plain)] == [3, 1, 2]


def test_a_prefix_that_is_a_function() -> None:
    """It is asked at each call, as in cachelib's Redis: a cache for each tenant."""
    tenants = ["anna"]
    cache = InstepCache("memory:", key_prefix=lambda: tenants[-1])
    cache.set("key", 1)
    tenants.append("bert")
    assert (cache.get("key"), cache.add("key", 2), cache.clear()) == (None, True, True)
    tenants.pop()
    assert cache.get("key") == 1


def test_a_bound(shared_place: str) -> None:
    """With a threshold the oldest entries make room."""
    with closing(Space(shared_place)) as space:
        cache = InstepCache(space, threshold=20)
        for number in range(100):
            cache.set(str(number), number)
        left = [number for number in range(100) if cache.has(str(number))]
    assert 10 <= len(left) <= 22
    assert 99 in left
    assert 0 not in left


def test_a_bound_that_the_store_cannot_keep() -> None:
    """memcached cannot count its entries, and has a bound of its own: refused at once."""
    with pytest.raises(Misuse, match="memcached"):
        InstepCache("memcached://127.0.0.1:1", threshold=20)


@pytest.mark.parametrize("value", [object(), open, iter(()), {"deep": [os.environ]}])
def test_what_cannot_be_stored(value: object) -> None:
    """It is refused when it is set, by a message that names the entry, and nothing is pickled."""
    cache = InstepCache("memory:")
    with pytest.raises(Misuse, match="key"):
        cache.set("key", value)
    with pytest.raises(Misuse, match="key"):
        cache.add("key", value)
    assert not cache.has("key")


def test_keys_are_texts() -> None:
    """Others are refused, with the way out."""
    cache = InstepCache("memory:")
    with pytest.raises(Misuse, match=r"keys are texts; this is 1"):
        cache.get(1)  # type: ignore[arg-type]


def test_a_serializer_of_ones_own(space: Space) -> None:
    """It makes the bytes that are stored; counting goes through it too."""
    cache = InstepCache(space)
    cache.serializer = JSONSerializer()
    cache.set("key", (1, 2))
    assert cache.cache().get("key") == b"[1, 2]"
    assert (cache.get("key"), cache.inc("n"), cache.inc("n", 2)) == ([1, 2], 1, 3)
    assert cache.get("missing") is None


def test_flask_session_on_it(tmp_path: Path) -> None:
    """Flask-Session keeps its sessions in a cachelib cache; this one needs no server."""
    app = Flask(__name__)
    app.secret_key = "dev"
    app.config["SESSION_TYPE"] = "cachelib"
    space = Space(f"lmdb:{tmp_path / 'state'}?durability=none")
    app.config["SESSION_CACHELIB"] = InstepCache(space)
    Session(app)

    @app.get("/")
    def count() -> str:
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    one, two = app.test_client(), app.test_client()
    with closing(space):
        assert [client.get("/").text for client in (one, one, two, one)] == ["1", "2", "1", "3"]


def test_many_readers_and_writers(space: Space) -> None:
    """Readers see values that somebody has written, never a part of one."""
    cache = InstepCache(space)
    cache.set("key", ["start"] * 50)

    def write(who: int) -> list[object]:
        for number in range(EACH):
            cache.set("key", [(who, number)] * 50)
        return []

    def read() -> list[object]:
        return [value for _ in range(EACH) for value in {tuple(cache.get("key"))}]

    with ThreadPoolExecutor(6) as pool:
        work = [partial(write, who) for who in range(3)] + [read] * 3
        seen = [value for done in [pool.submit(one) for one in work] for value in done.result()]
    assert all(len(set(value)) == 1 and len(value) == 50 for value in seen)  # type: ignore[arg-type, call-overload]
