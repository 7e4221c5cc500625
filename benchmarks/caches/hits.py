"""A hit: what it takes to get what is in the cache, one call at a time.

Every cache has the same small value under the same key, and a Flask request is under way, because
some of them look for its application. All of them, and Redis, share one
processor: a server that is woken on another one can take twice as long, or half.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from benchmarks.caches.contenders import DISK, EMBEDDED, FLASK_REDIS, OURS, possible
from benchmarks.caches.ours import VARIANTS
from benchmarks.caches.peers import APP, Where
from benchmarks.caches.source import VALUE, Source
from benchmarks.pace import Caches as Pace
from benchmarks.processors import together
from benchmarks.rounds import Action, Times, measure, ratio

KEY = "user-42"
GET, FETCH = "get", "get or create"


@dataclass(frozen=True, slots=True)
class Hit:
    """What one way to a hit took.

    Args:
        cache: the contender.
        kind: a get, or the way that would make what is missing.
        call: what is called.
        ours: whether it is instep's.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to our `get` on the embedded store, the median of the rounds' ratios.
    """

    cache: str
    kind: str
    call: str
    ours: bool
    median: float
    least: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Hits:
    """Every way, and those that the project's figures are about.

    Args:
        lines: all.
        flask: how many times as long as our `get` Flask-Caching's on Redis takes; None without.
        disk: likewise diskcache's.
        fetch: how many times as long as our `get_or_create` diskcache's `get` takes.
    """

    lines: list[Hit]
    flask: float | None
    disk: float
    fetch: float


Way = tuple[str, str, str]
"""Contender, kind, call."""

_GET: Way = (EMBEDDED, GET, "get")
_FETCH: Way = (EMBEDDED, FETCH, "get_or_create")
_DISK: Way = (DISK, GET, "get")
_FLASK: Way = (FLASK_REDIS, GET, "get")


def run(pace: Pace, where: Where) -> Hits:
    """Measure every way of every cache in turn."""
    actions: dict[Way, Action] = {}
    batches: dict[Way, int] = {}
    with ExitStack() as open_:
        for name, opener in possible(where).items():
            cache = open_.enter_context(opener(where, Source()))
            cache.put(KEY, VALUE)
            ways = {(name, GET, "get"): cache.get}
            ways |= {
                (name, FETCH, call): fetch
                for call, fetch in cache.fetches.items()
                if call not in VARIANTS
            }
            actions |= {way: partial(call, KEY) for way, call in ways.items()}
            batches |= dict.fromkeys(ways, cache.batch)
        open_.enter_context(APP.test_request_context())
        for way, action in actions.items():
            _check(way, action)
        times = _measured(actions, batches, pace)
    return _hits(times)


def _measured(actions: dict[Way, Action], batches: dict[Way, int], pace: Pace) -> Times:
    named = {"\0".join(way): action for way, action in actions.items()}
    with together():
        times = measure(named, pace.rounds, pace.turn)
    return {name: [seconds / batches[_way(name)] for seconds in times[name]] for name in times}


def _check(way: Way, action: Action) -> None:
    """A cache that is set up wrongly would be a fast one."""
    first, second = action(), action()  # the first may make it
    if first != second or not isinstance(second, dict) or not second.items() >= VALUE.items():
        raise AssertionError(f"{way} is no hit: it gave {first}, then {second}")


def _way(name: str) -> Way:
    cache, kind, call = name.split("\0")
    return cache, kind, call


def _hits(times: Times) -> Hits:
    def slower(one: Way, other: Way) -> float:
        return ratio(times, "\0".join(one), "\0".join(other))

    lines = []
    for name, seconds in times.items():
        way = cache, kind, call = _way(name)
        micro = [1e6 * one for one in seconds]
        mine = cache in OURS
        lines.append(Hit(cache, kind, call, mine, median(micro), min(micro), slower(way, _GET)))
    flask = slower(_FLASK, _GET) if "\0".join(_FLASK) in times else None
    return Hits(lines, flask, slower(_DISK, _GET), slower(_DISK, _FETCH))
