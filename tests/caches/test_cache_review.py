"""Caches where it is narrow: the edges of what they take, and others who come at a bad moment."""

import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from flights import ended, in_flight

from actors import Child, Gate, until
from instep import Misuse, Space, StoreError
from instep.objects.cache import Cache


def test_what_was_computed_is_cleared(space: Space) -> None:
    """Clear deletes what `compute` made out of nothing, on every store."""
    cache = space.cache("c", ttl=60)
    cache.compute("n", lambda n: n + 1, 0)
    cache.clear()
    assert cache.get("n") is None


def test_what_is_computed_keeps_its_tags_for_as_long_as_itself(space: Space) -> None:
    """A longer ttl makes the tags last longer, too, or the value would end with them."""
    cache = space.cache("c", ttl=60)
    cache.set("k", 1, tags=["t"])
    assert cache.compute("k", lambda n: n + 1, ttl=None) == 2
    record = space.opened().store.read(cache._shelf.tags.key("t"))
    assert record is not None
    assert record.expires == 0.0
    assert cache.get("k") == 2
    cache.delete_tag("t")
    assert cache.compute("k", lambda n: n, "none") == "none"


def test_the_longest_key(space: Space) -> None:
    """What can be set can also be made."""
    cache = space.cache("c", ttl=60)
    longest = "k" * (4096 - len(cache._shelf.lead))
    cache.set(longest, 1)
    assert cache.delete(longest)
    assert cache.get_or_create(longest, lambda: 2) == 2
    with pytest.raises(Misuse, match="4,096"):
        cache.get_or_create(longest + "k", lambda: 2)


def test_numbers_beyond_all_floats_are_refused(space: Space) -> None:
    """As any other ttl that cannot be right."""
    for bad in ({"ttl": 10**400}, {"ttl": 1, "stale": 10**400}, {"ttl": 1, "negative": 10**400}):
        with pytest.raises(Misuse, match=f"{list(bad)[-1]} is"):
            space.cache("c", **bad)
    cache = space.cache("c", ttl=10**300)
    cache.set("k", 1)
    assert cache.get("k") == 1


def test_an_old_value_outlives_a_refresh_that_failed(space: Space) -> None:
    """Within the stale time it is served to all but the one who tries again."""
    cache = space.cache("c", ttl=0.02, stale=60)
    ended(cache, "k", "old")
    with pytest.raises(ZeroDivisionError):
        cache.get_or_create("k", lambda: 1 // 0)
    found = in_flight(cache, "k", lambda: cache.get_or_create("k", lambda: pytest.fail("two")))
    assert found == "old"


def test_an_old_value_that_is_too_old_goes_when_its_refresh_fails(listing: Space) -> None:
    """Nothing is left of what nobody would be served."""
    cache = listing.cache("c", ttl=0.02)
    twin = listing.cache("c", ttl=0.02, stale=60)  # lets the store keep it for longer
    ended(twin, "k", "old")
    with pytest.raises(ZeroDivisionError):
        cache.get_or_create("k", lambda: 1 // 0)
    assert listing.names() == []


def test_nothing_is_kept_instead_of_an_old_value(space: Space) -> None:
    """When making it anew says that it is gone, the old value goes, fresh or stale."""
    stale = space.cache("stale", ttl=0.02, stale=60, negative=0)
    ended(stale, "k", "old")
    early = space.cache("early", ttl=60, early=1e15, negative=0)
    early.get_or_create("k", lambda: "old")
    for cache in (stale, early):
        assert cache.get_or_create("k", lambda: None) is None
        assert cache.get_or_create("k", lambda: "new") == "new"
        cache.delete("k")
        assert cache.get("k", "none") == "none"
    early.get_or_create("k", lambda: "old")
    early.get_or_create("k", lambda: None)
    assert early.get("k", "none") == "none"


def test_none_that_is_set_is_kept_as_declared(space: Space) -> None:
    """As None that was made; a ttl that is given says otherwise."""
    shorter = space.cache("shorter", ttl=60, negative=0.02)
    ended(shorter, "k", None)
    shorter.set("k", None, ttl=60)
    assert "k" in shorter
    never = space.cache("never", ttl=60, stale=60, negative=0)
    never.set("k", 1)
    never.set("k", None)
    assert "k" not in never
    assert never.get_or_create("k", lambda: 2) == 2


def test_a_bound_of_one_keeps_one(listing: Space) -> None:
    """The newest, and while it is made others that come and go do not keep it from being stored."""
    cache = listing.cache("c", ttl=60, max_entries=1)
    cache.set("a", 1)
    assert cache.get("a") == 1
    in_flight(cache, "b", lambda: cache.set("a", 2))
    assert cache.get("b") == "new"
    assert "a" not in cache


def test_bounds_are_used_up(listing: Space) -> None:
    """A small bound keeps as many as it says."""
    cache = listing.cache("c", ttl=60, max_entries=5)
    for number in range(9):
        cache.set(str(number), number)
    assert [str(number) in cache for number in range(9)] == [False] * 4 + [True] * 5


def test_what_is_bound_to_an_object_needs_a_key(space: Space) -> None:
    """Two methods, or two closures, of one name would get each other's results."""

    class Shop:
        def __init__(self, price: int) -> None:
            self.price = price

        def total(self, count: int) -> int:
            return self.price * count

        @classmethod
        def named(cls) -> str:
            return cls.__name__

    cache = space.cache("c", ttl=60)
    for bound in (Shop(1).total, Shop.named, len, "a".join, str.upper):
        with pytest.raises(Misuse, match="key="):
            cache.cached(bound)
    for price in (1, 2):
        keyed = cache.cached(key=lambda count, price=price: f"{price}/{count}")
        assert keyed(Shop(price).total)(3) == price * 3
    assert cache.cached(key=str)(len)([1]) == 1


def test_functions_that_differ_in_what_they_close_over(space: Space) -> None:
    """Texts and numbers are told; the same once more (a factory of programs) is no mistake."""
    cache = space.cache("c", ttl=60)

    def times(factor: int) -> Callable[[int], int]:
        @cache.cached
        def product(number: int) -> int:
            return number and product(number - 1) + factor

        return product

    assert times(2)(3) == 6
    assert times(2)(3) == 6
    with pytest.raises(Misuse, match="not this function's alone"):
        times(3)


@pytest.mark.parametrize("terms", [{"ttl": 0.02, "stale": 60}, {"ttl": 60, "early": 1e15}])
def test_what_is_still_good_is_served_when_no_flight_can_begin(
    space: Space, monkeypatch: pytest.MonkeyPatch, terms: dict[str, float]
) -> None:
    """A full disk, or a server that goes after the look, costs only what would be made anew."""
    cache = space.cache("c", **terms)
    cache.get_or_create("k", lambda: "old")
    time.sleep(0.03)
    assert_old(cache, monkeypatch, type(space.opened().store))
    with pytest.raises(StoreError, match="away"):
        monkeypatch.undo()
        broken(monkeypatch, type(space.opened().store), "update")
        cache.get_or_create("new", lambda: "new")


def assert_old(cache: Cache, monkeypatch: pytest.MonkeyPatch, store: type) -> None:
    """Whatever breaks, the old value is served and nothing is made."""
    for verb in ("hold", "update"):
        broken(monkeypatch, store, verb)
        assert cache.get_or_create("k", lambda: pytest.fail("made")) == "old"
        monkeypatch.undo()


def broken(monkeypatch: pytest.MonkeyPatch, store: type, verb: str) -> None:
    """Let a verb of the store fail."""

    def fail(*_: object, **__: object) -> None:
        raise StoreError("the store is away")

    monkeypatch.setattr(store, verb, fail)


def test_a_pool_that_is_used_up_serves_what_is_old(postgres_server: Any) -> None:
    """Flights that hold all connections let nobody fail who could be served."""
    url = postgres_server.url
    space = Space(f"{url}{'&' if '?' in url else '?'}pool=2", timeout=10)
    cache = space.cache("c", ttl=0.02, stale=60)
    busy = space.cache("busy", ttl=60)
    ended(cache, "k", "old")
    found = in_flight(busy, "a", lambda: cache.get_or_create("k", lambda: pytest.fail("how?")))
    assert found == "old"
    space.close()


def test_the_path_of_what_cannot_be_stored(space: Space) -> None:
    """It leads through the value, as its caller knows it, and not through the cache's record."""
    cache = space.cache("c", ttl=60)
    with pytest.raises(Misuse, match=r"^c\['k'\]\['rows'\]\[1\] is of type object"):
        cache.set("k", {"rows": [1, object()]})
    with pytest.raises(Misuse, match=r"^c\['k'\] is of type object"):
        cache.get_or_create("k", object)


def make_when_told(url: str, making: Gate, go: Gate, stale: float = 0.0) -> str:
    """Make a value when the gate opens."""

    def create() -> str:
        making.open()
        go.pass_through()
        return "theirs"

    return Space(url).cache("c", ttl=0.02 if stale else 60, stale=stale).get_or_create("k", create)


@pytest.mark.parametrize("server", ["redis_server", "memcached_server"])
def test_of_two_flights_the_first_that_ends_is_kept(
    server: str, request: pytest.FixtureRequest, fork: Callable[..., Child]
) -> None:
    """Makers that are taken for dead (the GIL was held) do not keep each other from storing."""
    url = request.getfixturevalue(server).url
    making, go = Gate(), Gate()
    victim = fork(make_when_told, url, making, go)
    making.pass_through()
    os.kill(victim.pid, 19)
    space = Space(url, timeout=25)
    cache = space.cache("c", ttl=60)

    def create() -> str:
        os.kill(victim.pid, 18)
        go.open()
        assert victim.result(30) == "theirs"
        return "mine"

    assert cache.get_or_create("k", create) == "mine"
    assert cache.get("k") == "theirs"
    space.close()


def test_a_dead_maker_is_not_served_around_for_long(
    served: str, opened: Space, fork: Callable[..., Child]
) -> None:
    """Where an old value is served, nobody waits; still it is soon made anew."""
    cache, making = opened.cache("c", ttl=0.02, stale=60), Gate()
    ended(cache, "k", "old")
    victim = fork(make_when_told, served, making, Gate(), 60)
    making.pass_through()
    victim.kill()
    killed = time.monotonic()
    until(lambda: cache.get_or_create("k", lambda: "new") == "new")
    assert time.monotonic() - killed < 9  # of a usual lease, 10 s


class Grown:
    """A class of a release that cannot take over what an older one kept."""

    refuses = False

    def __init__(self, size: int) -> None:
        self.size = size

    def __setstate__(self, state: dict[str, int]) -> None:
        if self.refuses:
            raise KeyError("colour")
        self.__dict__.update(state)


def test_what_a_class_refuses_is_made_anew(
    space: Space, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of a class of the program's own is a miss, said once; but not for what it makes."""
    space.declare(Grown)
    cache = space.cache("c", ttl=60)
    cache.set("k", Grown(1))
    assert cache.get("k").size == 1
    monkeypatch.setattr(Grown, "refuses", True)
    assert [cache.get("k", "miss"), cache.get("k", "miss")] == ["miss", "miss"]
    assert len(caplog.records) == 1
    assert "colour" in caplog.text
    with pytest.raises(KeyError, match="colour"):
        cache.get_or_create("k", lambda: Grown(2))
    assert cache.get_or_create("k", lambda: 2) == 2
    assert cache.stats().failed == 1
