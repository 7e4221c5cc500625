"""Growth: does a call cost more when there is more in the store?

A store of each size, on the same server (or on one like it), called in turn, members at random, all
on one processor. The smallest size has a second store, which is the control: what it takes more or
less than the first is how far the figures are off.
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
from benchmarks.processors import together
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
        control: whether it is the second store of that size.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to the smallest size, the median of the rounds' ratios.
        loading: seconds that it took to fill the store.
    """

    engine: str
    size: int
    control: bool
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
    return sorted(found, key=lambda cost: order.index(cost.engine))


Sized = list[tuple[int, str]]
"""How many objects, and where: the smallest twice, then the larger ones."""


def _with_control(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return (sizes[0], *sizes)


def _on_redis(pace: Pace, every: Places, up: ExitStack) -> Sized:
    url = every.found[REDIS].url.removesuffix("/0")
    return [(size, f"{url}/{place}") for place, size in enumerate(_with_control(pace.sizes), 1)]


def _on_postgres(pace: Pace, every: Places, up: ExitStack) -> Sized:
    url, sizes = every.found[POSTGRES].url, _with_control(pace.sizes)
    return [(size, f"{url}?schema=growth_{place}") for place, size in enumerate(sizes)]


def _on_more(engine: str, pace: Pace, every: Places, up: ExitStack) -> Sized:
    """Servers that have one store each, and are filled one by one."""
    sized: Sized = []
    for size in _with_control(pace.small_sizes):
        place = another(up, engine)
        assert not isinstance(place, str)  # it was there a moment ago
        sized.append((size, place.url))
    return sized


_SIZES: dict[str, Callable[[Pace, Places, ExitStack], Sized]] = {
    REDIS: _on_redis,
    POSTGRES: _on_postgres,
    MANAGER: partial(_on_more, MANAGER),
    MEMCACHED: partial(_on_more, MEMCACHED),
}


def _measured(up: ExitStack, engine: str, sized: Sized, pace: Pace) -> list[Cost]:
    actions: dict[str, Action] = {}
    loading: list[float] = []
    for place, (size, url) in enumerate(sized):
        space = up.enter_context(closing(Space(url)))
        family: Family[Tally] = space.options(volatile=True).family("members", Tally)
        start = time.monotonic()
        _fill(engine, url, space, family, size)
        loading.append(time.monotonic() - start)
        actions[str(place)] = _any_member(family, size)
    with together():
        times = measure(actions, pace.rounds, pace.turn)
    return [_cost(engine, place, sized, times, loading[place]) for place in range(len(sized))]


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


def _cost(engine: str, place: int, sized: Sized, times: Times, loading: float) -> Cost:
    micro = [seconds * 1e6 for seconds in times[str(place)]]
    to_first = ratio(times, str(place), "0")
    return Cost(engine, sized[place][0], place == 1, median(micro), min(micro), to_first, loading)
