"""What a walk reaches and was there before the fork: one question for each kind of thing."""

import io
import random
import sys
from _socket import socket as Socket  # what is below every socket, whoever has patched theirs
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from os import pread
from threading import Thread

from instep.races.forks.descriptors import Open, appends, path, peer
from instep.races.forks.leftover import Kind, Leftover
from instep.races.forks.naming import holder, named
from instep.races.forks.reach import Step, home
from instep.races.forks.threads import Ran

DRIVERS = {"psycopg", "psycopg2"}
"""Their connections keep their socket to themselves, but tell its number."""

WORKER = "concurrent.futures.thread._worker"
"""What the threads of a pool run: those of any pool, so one pool's are no sign of another's."""

MAGIC = b"SQLite format 3\0"

_Own = Mapping[str, object]


def _told(kind: Kind, step: Step, own: _Own, detail: str = "") -> Leftover:
    at = holder(step, own)
    return Leftover(kind, named(at), _class(at.thing), detail)


def _class(thing: object) -> str:
    return f"{home(type(thing))}.{type(thing).__qualname__}".removeprefix("builtins.")


def connections(steps: Sequence[Step], still: Mapping[int, Open], own: _Own) -> Iterator[Leftover]:
    """Connected sockets, named by what holds them."""
    ends = {n: peer(n) for n, each in still.items() if each.is_socket}
    left = {n: end for n, end in ends.items() if end}
    for step in steps:
        end = left.pop(_socket(step.thing), None) if left else None
        if end and not step.safe:
            yield _told(Kind.CONNECTION, step, own, end)
    for end in left.values():
        yield Leftover(Kind.CONNECTION, detail=end)


def number(thing: object) -> int:
    """The descriptor of a socket, a connection or an open file; -1 if it is none."""
    return max(_socket(thing), _file(thing))


def _socket(thing: object) -> int:
    """The number of a socket, or -1."""
    with suppress(Exception):  # a driver may refuse, for one that is closed
        if issubclass(type(thing), Socket):
            return Socket.fileno(thing)  # type: ignore[arg-type]
        if home(type(thing)).partition(".")[0] in DRIVERS and hasattr(type(thing), "fileno"):
            return int(type(thing).fileno(thing))  # type: ignore[attr-defined]
    return -1


def databases(
    steps: Sequence[Step], still: Mapping[int, Open], own: _Own, before: Mapping[int, bool]
) -> Iterator[Leftover]:
    """SQLite connections that have a file, and inherited databases that no variable leads to.

    Args:
        steps: what a walk reaches now.
        still: what was open before the fork and is now.
        own: the program's modules.
        before: the identities of the connections that there were before the fork, and whether
            each was in the care of this library.
    """
    python = {_file(step.thing) for step in steps}
    files = {path(n) for n, each in still.items() if n not in python and _is_database(each)}
    if not files:
        return
    reached = [step for step in steps if id(step.thing) in before and is_database(step.thing)]
    where = ", ".join(sorted(files)) + (", or in memory" if len(reached) > len(files) else "")
    for step in reached:
        if not step.safe:
            yield _told(Kind.DATABASE, step, own, where)
    if not reached and not any(before.values()):
        yield Leftover(Kind.DATABASE, detail=where)


def is_database(thing: object) -> bool:
    """Whether it is a connection to SQLite."""
    sqlite = sys.modules.get("sqlite3")  # not imported for this: the program may do without
    return sqlite is not None and issubclass(type(thing), sqlite.Connection)


def _is_database(each: Open) -> bool:
    # Read where it stands: closing another descriptor of the file would drop SQLite's locks.
    try:
        return each.is_file and pread(each.number, len(MAGIC), 0) == MAGIC
    except OSError:
        return False


def files(steps: Sequence[Step], still: Mapping[int, Open], own: _Own) -> Iterator[Leftover]:
    """Files with one position for all processes; writes that always go to the end are none."""
    for step in steps:
        here = still.get(_file(step.thing))
        if here and here.is_file and not appends(here.number) and not step.safe:
            yield _told(Kind.FILE, step, own, path(here.number))


def _file(thing: object) -> int:
    """The number of an open file of Python's, or -1."""
    try:
        return io.FileIO.fileno(thing) if issubclass(type(thing), io.FileIO) else -1  # type: ignore[arg-type]
    except ValueError:  # closed
        return -1


def generators(steps: Sequence[Step], own: _Own, before: Mapping[int, int]) -> Iterator[Leftover]:
    """Generators of random numbers that stand where they stood before the fork."""
    for step in steps:
        unmoved = id(step.thing) in before and state(step.thing) == before[id(step.thing)]
        if unmoved and not step.safe:
            yield _told(Kind.RANDOM, step, own)


def state(thing: object) -> int | None:
    """Where a generator of random numbers stands; None if it is none that can repeat."""
    if issubclass(type(thing), random.Random) and not issubclass(type(thing), random.SystemRandom):
        return hash(random.Random.__base__.getstate(thing))  # type: ignore[union-attr]
    return None


def locks(steps: Sequence[Step], own: _Own, taken: set[int]) -> Iterator[Leftover]:
    """Locks of the program's own that were held; the insides of a library are its own affair.

    As are those of a thread, which holds one for as long as it lives.
    """
    for step in steps:
        if id(step.thing) in taken and holder(step, own) is step and not _minded(step):
            yield _told(Kind.LOCK, step, own)


def _minded(step: Step) -> bool:
    return step.safe or any(issubclass(type(each.thing), Thread) for each in step.path)


def threads(
    steps: Sequence[Step], own: _Own, before: Sequence[Ran], now: Sequence[Ran]
) -> Iterator[Leftover]:
    """Threads that ran before the fork, and that nobody has started again.

    Some servers fork without telling Python, for which the old threads then still seem to live;
    but no thread object ever runs a second time.
    """
    gone = {id(ran.thread()): ran for ran in before}
    again = {ran.runs for ran in now if id(ran.thread()) not in gone} - {WORKER}
    gone = {number: ran for number, ran in gone.items() if ran.runs not in again}
    for step in steps:
        if (ran := gone.pop(id(step.thing), None)) and not step.safe:
            yield _told(_kind(ran), step, own, _ran(ran))
    for ran in gone.values():
        yield Leftover(_kind(ran), detail=_ran(ran))


def _kind(ran: Ran) -> Kind:
    return Kind.POOL if ran.runs == WORKER else Kind.THREAD


def _ran(ran: Ran) -> str:
    return "" if ran.runs == WORKER else f"{ran.name!r} runs {ran.runs}"
