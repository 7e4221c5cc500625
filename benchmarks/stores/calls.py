"""One call at a time on a server, beside what its users have without instep.

Same server, same kind of connection, the contenders in turn, all on one processor.

What a commit waits for the disk cannot be timed alone: it is told as the time of an UPDATE less
that of the same UPDATE on a connection with synchronous_commit=off, which does all but wait.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import median

from benchmarks.pace import Stores as Pace
from benchmarks.peers import Tally
from benchmarks.processors import together
from benchmarks.rounds import Action, Times, measure, ratio
from benchmarks.stores import recipes
from benchmarks.stores.places import MANAGER, MEMCACHED, POSTGRES, REDIS, Places
from instep import Space

CALL, INCREMENT = "shared object: method call", "counter.increment"
ENTRY, ATTRIBUTE = "mapping: set an entry", "shared object: attribute"
SYNC, FLOOR = "one sync: UPDATE less UPDATE, unsynced", "SELECT of one row + one sync"
TCP, UNIX = f"{REDIS}, loopback TCP", f"{REDIS}, unix socket"


@dataclass(frozen=True, slots=True)
class Line:
    """What one contender's call took.

    Args:
        name: the contender.
        ours: whether it is instep's.
        median: microseconds, the median over the rounds.
        least: microseconds, the fastest round.
        ratio: to the group's yardstick, the median of the rounds' ratios.
    """

    name: str
    ours: bool
    median: float
    least: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Pair:
    """How many times as long as `other` `one` takes: the median of the rounds' ratios."""

    one: str
    other: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Group:
    """The contenders on one server.

    Args:
        name: the server, and how it is reached.
        yardstick: what the lines' ratios are to.
        lines: every contender.
        pairs: what is compared with what.
    """

    name: str
    yardstick: str
    lines: list[Line]
    pairs: list[Pair]


_PAIRS = {
    REDIS: (
        (CALL, recipes.GET),
        (CALL, recipes.LOCKED),
        (INCREMENT, recipes.INCR),
        (ENTRY, recipes.SET),
        (ATTRIBUTE, recipes.GET),
    ),
    POSTGRES: (
        (CALL, FLOOR),
        (recipes.ORM, CALL),
        (recipes.FOR_UPDATE, CALL),
        (INCREMENT, recipes.UPDATE),
        (ATTRIBUTE, recipes.SELECT),
    ),
    MANAGER: ((recipes.BOARD, CALL), (ATTRIBUTE, recipes.TABLE_GET)),
    MEMCACHED: ((CALL, recipes.CAS), (ATTRIBUTE, recipes.CACHED)),
}
"""What is compared with what; the last `other` of each is the group's yardstick."""


def run(pace: Pace, every: Places, board: str) -> list[Group]:
    """Measure every group."""
    return list(_groups(pace, every, board))


def _groups(pace: Pace, every: Places, board: str) -> Iterator[Group]:
    if redis := every.found.get(REDIS):
        for name, url in (TCP, redis.url), (UNIX, redis.socket):
            with recipes.of_redis(url) as theirs:
                yield _group(name, REDIS, url, theirs, pace)
    if postgres := every.found.get(POSTGRES):
        with recipes.of_postgres(postgres.url) as theirs:
            yield _group(f"{POSTGRES}, loopback TCP", POSTGRES, postgres.url, theirs, pace)
    if manager := every.found.get(MANAGER):
        with recipes.of_manager(board) as theirs:
            yield _group(f"{MANAGER}, unix socket", MANAGER, manager.url, theirs, pace)
    if memcached := every.found.get(MEMCACHED):
        with recipes.of_memcached(memcached.url) as theirs:
            yield _group(f"{MEMCACHED}, loopback TCP", MEMCACHED, memcached.url, theirs, pace)


def _group(name: str, engine: str, url: str, theirs: recipes.Actions, pace: Pace) -> Group:
    with closing(Space(url)) as space:
        actions = _ours(space)
        with together():
            times = measure(actions | theirs, pace.rounds, pace.turn)
    if engine == POSTGRES:
        times |= _floor(times)
    yardstick = _PAIRS[engine][-1][1]
    lines = [_line(one, one in actions, times, yardstick) for one in times]
    pairs = [Pair(one, other, ratio(times, one, other)) for one, other in _PAIRS[engine]]
    return Group(name, yardstick, lines, pairs)


def _ours(space: Space) -> dict[str, Action]:
    declare = space.options(volatile=True)
    tally, counter = declare.share("tally", Tally), declare.counter("counter")
    actions: dict[str, Action] = {CALL: tally.add, INCREMENT: counter.increment}
    if all(engine.powers.listing for engine in space.engines()):
        mapping = declare.mapping("mapping")
        actions[ENTRY] = lambda: mapping.__setitem__("key", 1)
    actions[ATTRIBUTE] = lambda: tally.total
    return actions


def _floor(times: Times) -> Times:
    """What a call on PostgreSQL cannot do without: to read one row, and one wait for the disk."""
    pairs = zip(times[recipes.UPDATE], times[recipes.LAZY], strict=True)
    sync = [max(0.0, eager - lazy) for eager, lazy in pairs]
    floor = [read + wait for read, wait in zip(times[recipes.SELECT], sync, strict=True)]
    return {SYNC: sync, FLOOR: floor}


def _line(name: str, ours: bool, times: Times, yardstick: str) -> Line:
    micro = [seconds * 1e6 for seconds in times[name]]
    return Line(name, ours, median(micro), min(micro), ratio(times, name, yardstick))
