"""Caches: what is kept, for how long, and what makes it invalid."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flights import ended, old_enough

from actors import until
from instep import LockTimeout, Misuse, Space
from instep.objects.cache.entry import Entry


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call functions in a thread each; what they returned or raised."""
    found: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            found[number] = call()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_what_is_set_is_kept(space: Space) -> None:
    """Get, set, in, delete: of any storable value, under any text."""
    cache = space.cache("c", ttl=60)
    for key in ("a", "", "ü\0\n", "k" * 2000):
        assert cache.get(key) is None
        assert cache.get(key, 7) == 7
        cache.set(key, {"n": (1, {2})})
        assert cache.get(key) == {"n": (1, {2})}
        assert key in cache
        assert cache.delete(key)
        assert not cache.delete(key)
        assert key not in cache


def test_each_caller_gets_a_copy(space: Space) -> None:
    """What a caller does to a value changes nobody else's, its maker's neither."""
    cache = space.cache("c", ttl=60)
    cache.get_or_create("k", lambda: [1]).append(2)
    cache.get("k").append(3)
    assert cache.get("k") == [1]


def test_a_value_ends(space: Space) -> None:
    """It is fresh for its ttl: the cache's, its own, or always."""
    cache = space.cache("c", ttl=60)
    cache.set("short", 1, ttl=0.02)
    cache.set("always", 2, ttl=None)
    cache.set("usual", 3)
    old_enough(cache, "short")
    assert cache.get("short") is None
    assert cache.get_or_create("short", lambda: 4) == 4
    assert (cache.get("always"), cache.get("usual")) == (2, 3)


def test_a_value_is_made_once(space: Space) -> None:
    """The second caller gets what the first has made."""
    cache, made = space.cache("c", ttl=60), []
    for _ in range(3):
        assert cache.get_or_create("k", lambda: made.append(1) or len(made)) == 1
    assert made == [1]


def test_misses_at_once_are_one_flight(space: Space) -> None:
    """20 threads that miss together: one makes the value, all get it."""
    cache, made, begun = space.cache("c", ttl=60), [], threading.Barrier(20, timeout=30)

    def create() -> int:
        made.append(1)
        time.sleep(0.05)
        return 42

    def call() -> int:
        begun.wait()
        return cache.get_or_create("k", create)

    assert at_once(*[call] * 20) == [42] * 20
    assert made == [1]
    stats = cache.stats()
    assert (stats.created, stats.failed) == (1, 0)
    assert stats.hits + stats.waited == 19


def test_an_error_is_its_makers(space: Space) -> None:
    """It reaches whoever made it, nothing is kept, and who waited makes the value."""
    cache, tries = space.cache("c", ttl=60), []

    def create() -> int:
        tries.append(1)
        time.sleep(0.05)
        if len(tries) == 1:
            raise OSError("the database is away")
        return len(tries)

    found = at_once(*[lambda: cache.get_or_create("k", create)] * 4)
    assert sorted(map(repr, found)) == ["2", "2", "2", "OSError('the database is away')"]
    assert len(tries) == 2
    assert cache.stats().failed == 1


def test_nothing_is_left_of_what_failed(listing: Space) -> None:
    """After an error there is no record, not even a mark."""
    cache = listing.cache("c", ttl=60)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_create("k", lambda: 1 // 0)
    with pytest.raises(Misuse, match=r"c\['k'\]"):
        cache.get_or_create("k", lambda: object())
    assert listing.names() == []


@pytest.mark.parametrize("how", ["delete", "set", "clear", "tag", "prefix", "add"])
def test_what_is_made_invalid_meanwhile_is_not_kept(space: Space, how: str) -> None:
    """The maker's caller gets what it made; what others did meanwhile stands."""
    cache = space.cache("c", ttl=60)
    if how == "prefix" and not space.opened().store.powers.listing:
        with pytest.raises(Misuse, match="tag"):
            cache.delete_prefix("k")
        return
    acts: dict[str, Callable[[], Any]] = {
        "delete": lambda: cache.delete("key"),
        "set": lambda: cache.set("key", "theirs"),
        "add": lambda: cache.add("key", "theirs"),
        "clear": cache.clear,
        "tag": lambda: cache.delete_tag("t"),
        "prefix": lambda: cache.delete_prefix("k"),
    }

    def create() -> str:
        acts[how]()
        return "mine"

    assert cache.get_or_create("key", create, tags=["t"]) == "mine"
    assert cache.get("key") == ("theirs" if how in ("set", "add") else None)


def test_a_tag_makes_all_of_its_values_invalid(space: Space) -> None:
    """Those with the tag are gone, those without it stay; what is made after that is valid."""
    cache = space.cache("c", ttl=60)
    cache.set("a", 1, tags=["x", "y"])
    cache.set("b", 2, tags=["y"])
    cache.set("c", 3)
    cache.delete_tag("x")
    assert [cache.get(key) for key in "abc"] == [None, 2, 3]
    assert cache.add("a", 4, tags=["x"])
    assert cache.get("a") == 4
    cache.delete_tag("y")
    cache.delete_tag("never used")
    assert [cache.get(key) for key in "abc"] == [4, None, 3]
    assert cache.compute("b", lambda old: old or "none") == "none"


def test_a_prefix_and_clear(listing: Space) -> None:
    """What begins with a text is deleted and counted; and all of this cache, of no other."""
    cache, other = listing.cache("c", ttl=60), listing.cache("c2", ttl=60)
    for key in ("user/1", "user/2", "page/1"):
        cache.set(key, key)
        other.set(key, key)
    assert cache.delete_prefix("user/") == 2
    assert [key in cache for key in ("user/1", "page/1")] == [False, True]
    cache.clear()
    assert "page/1" not in cache
    assert "user/1" in other


def test_clear_where_nothing_can_be_listed(space: Space) -> None:
    """Clear works on every store."""
    cache = space.cache("c", ttl=60)
    cache.set("a", 1)
    cache.clear()
    assert "a" not in cache
    cache.set("a", 2)
    assert cache.get("a") == 2


def test_none_is_a_value(space: Space) -> None:
    """None is kept as long as the declaration says: as any other, shorter, or not at all."""
    made: list[int] = []
    usual = space.cache("usual", ttl=60)
    shorter = space.cache("shorter", ttl=60, negative=2)
    never = space.cache("never", ttl=60, negative=0)
    for cache in (usual, shorter, never):
        for _ in range(2):
            assert cache.get_or_create("k", lambda: made.append(1)) is None
    assert len(made) == 1 + 1 + 2
    assert usual.get("k", "none") is None
    assert never.get("k", "none") == "none"
    old_enough(shorter, "k")


def test_stale_values_are_served_while_one_refreshes(space: Space) -> None:
    """After its ttl one caller makes a value anew, and the others do not wait for it."""
    cache = space.cache("c", ttl=0.05, stale=60)
    ended(cache, "k", "old")
    making, go = threading.Event(), threading.Event()

    def create() -> str:
        making.set()
        assert go.wait(30)
        return "new"

    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(cache.get_or_create("k", create)))
    thread.start()
    try:
        assert making.wait(30)
        assert cache.get_or_create("k", lambda: pytest.fail("two refresh")) == "old"
        assert cache.get("k") is None
    finally:
        go.set()
        thread.join(30)
    assert found == ["new"]
    assert cache.stats().stale == 1


def test_what_is_too_old_is_not_served(space: Space) -> None:
    """Beyond the stale time a caller waits for the new value."""
    cache = space.cache("c", ttl=0.02, stale=0.02)
    cache.set("k", "old")
    old_enough(cache, "k")
    time.sleep(0.03)
    assert cache.get_or_create("k", lambda: "new") == "new"


def test_a_lock_timeout_of_the_maker_is_not_hidden(space: Space) -> None:
    """An old value is served for a flight that is busy, not for an error of the maker's own."""
    cache = space.cache("c", ttl=0.02, stale=60)
    ended(cache, "k", "old")

    def create() -> str:
        raise LockTimeout("of something else", name="x", timeout=0)

    with pytest.raises(LockTimeout, match="something else"):
        cache.get_or_create("k", create)


def test_the_wait_for_a_flight_is_bounded(space: Space) -> None:
    """Who waits for longer than the timeout is told who makes the value."""
    cache = space.cache("c", ttl=60, timeout=0.05)
    making, go = threading.Event(), threading.Event()

    def create() -> int:
        making.set()
        assert go.wait(30)
        return 1

    thread = threading.Thread(target=lambda: cache.get_or_create("k", create))
    thread.start()
    assert making.wait(30)
    with pytest.raises(LockTimeout, match=r"c\['k'\]") as caught:
        cache.get_or_create("k", lambda: 2)
    assert caught.value.timeout == 0.05
    go.set()
    thread.join(30)
    assert cache.get("k") == 1


def test_early_refresh_throws_dice() -> None:
    """The chance is nothing far from the end, grows with cost and beta, and is 1 at the end.

    XFetch: t - cost * beta * ln(u) >= end has the probability exp(-(end - t) / (cost * beta)).
    """
    entry = Entry(0, 0.0, 100.0, 2.0, {}, None)
    tries = 20_000
    for now, beta, expected in ((96.0, 1.0, 0.1353), (98.0, 1.0, 0.3679), (96.0, 2.0, 0.3679)):
        found = sum(entry.due(now, beta) for _ in range(tries)) / tries
        assert abs(found - expected) < 0.02  # more than five standard deviations
    assert not any(entry.due(10.0, 1.0) for _ in range(tries))
    assert all(entry.due(100.0, 1.0) for _ in range(100))


def test_early_refresh_makes_it_anew_before_its_time(space: Space) -> None:
    """With a huge beta a fresh value is made anew at once, and the new one is served."""
    cache = space.cache("c", ttl=60, early=1e15)
    made: list[int] = []

    def create() -> int:
        made.append(1)
        return len(made)

    assert [cache.get_or_create("k", create) for _ in range(3)] == [1, 2, 3]
    assert cache.get("k") == 3


def test_add_and_compute_are_one_step(space: Space) -> None:
    """Of 8 threads one adds, and no step of a computation is lost."""
    cache = space.cache("c", ttl=60)
    begun = threading.Barrier(8, timeout=30)

    def work() -> bool:
        begun.wait()
        added = cache.add("first", threading.get_ident())
        for _ in range(10):
            cache.compute("n", lambda n: n + 1, 0)
        return added

    assert sum(at_once(*[work] * 8)) == 1
    assert cache.get("n") == 80


def test_computing_keeps_the_end(space: Space) -> None:
    """What is computed ends when the old value would have; with a ttl, when that says."""
    cache = space.cache("c", ttl=60)
    until(lambda: cache.set("k", 1, ttl=0.3) or cache.compute("k", lambda n: n + 1, 0) == 2)
    old_enough(cache, "k")
    assert cache.compute("k", lambda n: n, "gone", ttl=None) == "gone"
    assert cache.get("k") == "gone"
    cache.set("short", 1, ttl=0.05)
    cache.compute("short", lambda n: n, ttl=60)
    time.sleep(0.06)
    assert "short" in cache


def test_the_bound_holds(listing: Space) -> None:
    """However many are set, no more than the bound stay, and the newest are among them."""
    cache = listing.cache("c", ttl=60, max_entries=20)
    for number in range(100):
        cache.set(str(number), number)
        described = listing.describe("c")
        assert described.entries is not None
        assert described.entries <= 20
    assert [cache.get(str(number)) for number in (98, 99)] == [98, 99]
    assert cache.get("0") is None
    assert cache.stats().evicted >= 80


def test_a_bound_of_one(listing: Space) -> None:
    """The smallest bound works too."""
    cache = listing.cache("c", ttl=60, max_entries=1)
    for number in range(4):
        assert cache.get_or_create(str(number), lambda number=number: number) == number
        assert (listing.describe("c").entries or 0) <= 1


def test_a_transaction_stores_after_its_commit(space: Space) -> None:
    """What may yet be rolled back is not cached; what is deleted is so at once and afterwards."""
    cache, n = space.cache("c", ttl=60), space.options(volatile=True).counter("n")
    with pytest.raises(RuntimeError), space.transaction(n):
        cache.set("set", n.increment())
        assert cache.get_or_create("made", n.increment) == 2
        raise RuntimeError
    assert (cache.get("set"), cache.get("made")) == (None, None)
    cache.set("old", 0)
    with space.transaction(n):
        cache.set("set", n.increment())
        assert cache.get_or_create("made", n.increment) == 2
        cache.delete("old")
        assert at_once(lambda: cache.get_or_create("old", lambda: "before the commit"))
        assert cache.get("set") is None
    assert (cache.get("set"), cache.get("made"), cache.get("old")) == (1, 2, None)


def test_what_makes_itself_is_refused(space: Space) -> None:
    """A value that needs itself would wait for itself, also by way of another one."""
    cache, twin = space.cache("c", ttl=60), space.cache("c", ttl=60)
    for again in (cache, twin):
        with pytest.raises(Misuse, match="wait for itself"):
            cache.get_or_create("k", lambda again=again: again.get_or_create("k", lambda: 1))
    with pytest.raises(Misuse, match="wait for itself"):
        cache.get_or_create(
            "a", lambda: cache.get_or_create("b", lambda: cache.get_or_create("a", lambda: 1))
        )
    assert cache.get_or_create("a", lambda: cache.get_or_create("b", lambda: 1) + 1) == 2


def test_bad_input_is_refused(space: Space) -> None:
    """Values, keys, ttls, bounds and tags that cannot be right; nothing is changed."""
    cache = space.cache("c", ttl=60)
    cache.set("k", 1)
    for ttl in (0, -1, float("nan"), True, "60"):
        for act in (
            lambda ttl=ttl: space.cache("other", ttl=ttl),
            lambda ttl=ttl: cache.set("k", 2, ttl=ttl),
            lambda ttl=ttl: cache.get_or_create("new", lambda: 2, ttl=ttl),
        ):
            with pytest.raises(Misuse, match="ttl"):
                act()
    for key in (1, b"k", None, ("a", 1)):
        for act in (cache.get, cache.delete, lambda key: cache.set(key, 2)):
            with pytest.raises(Misuse, match="keys are texts"):
                act(key)
    with pytest.raises(Misuse, match=r"c\['k'\].*lock"):
        cache.set("k", threading.Lock())
    with pytest.raises(Misuse, match="at most"):
        cache.set("k", "x" * (1 << 20))
    with pytest.raises(Misuse, match="Unicode"):
        cache.set("\ud800", 1)
    for tags in ("text", [1], [""]):
        with pytest.raises(Misuse, match="tag"):
            cache.set("k", 2, tags=tags)
    for bad in ({"stale": -1}, {"early": "1"}, {"negative": -1}, {"timeout": -1}):
        with pytest.raises(Misuse, match=next(iter(bad))):
            space.cache("other", ttl=1, **bad)
    for most in (0, -1, 1.5, True):
        with pytest.raises(Misuse, match="max_entries"):
            space.cache("other", ttl=1, max_entries=most)
    assert cache.get("k") == 1


def test_one_name_is_one_thing(space: Space) -> None:
    """A cache's name is not a counter's."""
    space.cache("c", ttl=60)
    with pytest.raises(Misuse, match="declared twice"):
        space.options(volatile=True).counter("c")


def test_another_things_entries_are_not_taken(listing: Space) -> None:
    """What a mapping of that name holds is an error, and stays."""
    mapping = listing.mapping("m")
    mapping["k"] = 1
    cache = Space.cache(Space("memory:"), "m", ttl=60)
    cache._space = cache._shelf._space = listing
    for act in (
        lambda: cache.get("k"),
        lambda: cache.set("k", 2),
        lambda: cache.get_or_create("k", lambda: 2),
        lambda: cache.delete("k"),
        lambda: cache.compute("k", lambda n: n),
    ):
        with pytest.raises(Misuse, match="entry of a mapping"):
            act()
    assert mapping["k"] == 1


def test_a_bound_needs_a_store_that_lists(memcached_server: Any) -> None:
    """memcached makes room by itself, and cannot count."""
    with pytest.raises(Misuse, match="max_entries"):
        Space(memcached_server.url).cache("c", ttl=60, max_entries=10)


class Point:
    """A class whose instances are cached."""

    def __init__(self, x: int) -> None:
        self.x = x


def test_what_cannot_be_read_is_made_anew(
    served: str, opened: Space, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry of a class that this program does not declare is a miss, and is said once."""
    writer, reader = Space(served), opened
    writer.declare(Point)
    writer.cache("c", ttl=60).set("k", Point(1))
    cache = reader.cache("c", ttl=60)
    assert cache.get("k", "miss") == "miss"
    assert cache.get("k", "miss") == "miss"
    assert len(caplog.records) == 1
    assert "Point" in caplog.text
    assert cache.get_or_create("k", lambda: 2) == 2
    writer.close()


def test_what_is_in_a_cache_can_be_looked_at(listing: Space) -> None:
    """Names, describe and delete know caches."""
    cache = listing.cache("users", ttl=60, max_entries=1000)
    cache.set("7", {"name": "Ada"}, tags=["staff"])
    cache.stats()
    assert listing.names() == ["users"]
    about = listing.describe("users")
    assert (about.kind, about.entries, about.state) == ("cache", 1, ["7"])
    assert listing.delete("users")
    assert cache.get("7") is None
    assert listing.names() == []
