"""Growth: does a call cost more when there is more in the store?

A store of each size, on the same server (or on one like it), called in turn, members at random.
"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from statistics import median

from benchmarks.pace import Stores as Pace
from benchmarks.peers import Tally
from benchmarks.rounds import Action, Times, measure, ratio
from benchmarks.stores import copies
from benchmarks.stores.places import MANAGER, MEMCACHED, POSTGRES, REDIS, Places, another
from instep import Space
from instep.errors import StoreError
from instep.objects.family import Family
from instep.stores.change import Put

_SEED = 7
_DRAWN = 20_000  # keys, drawn beforehand


@dataclass(frozen=True, slots=True)
class Cost:
    """A call at one size.

    Args:
        engine: the store.
        size: objects in it.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to the smallest size, the median of the rounds' ratios.
        loading: seconds that it took to fill the store.
    """

    engine: str
    size: int
    median: float
    least: float
    ratio: float
    loading: float


Fill = Callable[[int], None]
"""Makes members up to a number, like the first one, which is there."""


def run(pace: Pace, every: Places) -> list[Cost]:
    """Fill the stores and measure."""
    found: list[Cost] = []
    for engine in every.found.keys() & _SIZES.keys():
        with ExitStack() as up:
            found += _measured(up, engine, _SIZES[engine](pace, every, up), pace)
    order = list(every.found)
    return sorted(found, key=lambda cost: (order.index(cost.engine), cost.size))


def _on_redis(pace: Pace, every: Places, up: ExitStack) -> dict[int, str]:
    url = every.found[REDIS].url.removesuffix("/0")
    return {size: f"{url}/{number}" for number, size in enumerate(pace.sizes, 1)}


def _on_postgres(pace: Pace, every: Places, up: ExitStack) -> dict[int, str]:
    url = every.found[POSTGRES].url
    return {size: f"{url}?schema=of_{size}" for size in pace.sizes}


def _on_more(engine: str, pace: Pace, every: Places, up: ExitStack) -> dict[int, str]:
    """Servers that have one store each, and are filled one by one."""
    urls: dict[int, str] = {}
    for size in pace.sizes if engine == MANAGER else pace.small_sizes:
        place = another(up, engine)
        assert not isinstance(place, str)  # it was there a moment ago
        urls[size] = place.url
    return urls


_SIZES: dict[str, Callable[[Pace, Places, ExitStack], dict[int, str]]] = {
    REDIS: _on_redis,
    POSTGRES: _on_postgres,
    MANAGER: partial(_on_more, MANAGER),
    MEMCACHED: partial(_on_more, MEMCACHED),
}


def _measured(up: ExitStack, engine: str, urls: dict[int, str], pace: Pace) -> list[Cost]:
    actions: dict[int, Action] = {}
    loading: dict[int, float] = {}
    for size, url in urls.items():
        space = up.enter_context(closing(Space(url)))
        family: Family[Tally] = space.options(volatile=True).family("members", Tally)
        start = time.monotonic()
        _fill(engine, url, space, family, size)
        loading[size] = time.monotonic() - start
        actions[size] = _any_member(family, size)
    times = measure({str(size): one for size, one in actions.items()}, pace.rounds, pace.turn)
    return [_cost(engine, size, times, loading[size]) for size in urls]


def _fill(engine: str, url: str, space: Space, family: "Family[Tally]", size: int) -> None:
    first, last = family["user-0"], family[f"user-{size - 1}"]
    first.add()
    like = key_of(first)
    if engine == REDIS:
        copies.in_redis(url, like, size)
    elif engine == POSTGRES:
        copies.in_postgres(url, like, size)
    else:
        _by_hand(space, like, size)
    listing = all(engine.powers.listing for engine in space.engines())
    if last.add() != 2 or (listing and not list(family.keys(f"user-{size - 1}"))):
        raise StoreError(f"{space!r} was not filled: {last!r} had to come to life")


def _by_hand(space: Space, like: bytes, size: int) -> None:
    store = space.opened().store
    record = store.read(like)
    assert record is not None
    put, stem = Put(record.data, nullcontext), like.removesuffix(b"0")
    for number in range(1, size):
        store.update(stem + b"%d" % number, put, 10.0)


def key_of(member: object) -> bytes:
    """The key that the store has a shared object under."""
    proxy: object = member
    target = getattr(proxy, "__instep__")  # noqa: B009  (its class does not tell of it)
    key: bytes = target.key
    return key


def _any_member(family: "Family[Tally]", size: int) -> Action:
    chance = random.Random(_SEED)
    key = cycle([f"user-{chance.randrange(size)}" for _ in range(_DRAWN)]).__next__
    return lambda: family[key()].add()


def _cost(engine: str, size: int, times: Times, loading: float) -> Cost:
    micro = [seconds * 1e6 for seconds in times[str(size)]]
    smallest = next(iter(times))
    to_smallest = ratio(times, str(size), smallest)
    return Cost(engine, size, median(micro), min(micro), to_smallest, loading)
