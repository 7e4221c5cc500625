"""The lockset pass: which requests would race, seen while they run one after the other.

How it stays right. This is Eraser (Savage, Burrows, Nelson, Sobalvarro and Anderson, 1997), with
each request of a sequential run taken for a thread of its own. A location is an object's attribute,
a global, or a container. Two actors that both touch it, one of them writing, with no lock that
both hold, conflict. A conflict alone is no fault: one assignment that others read is one step. What
breaks is a read that a later write depends on, if no lock is held from the one to the other that
every other writer holds too; a loop over what others resize; a value read again after its lock
was given back. Of these, candidates are made. A test outside of a lock that is repeated inside
(double-checked locking) has its last read inside, and so is none.

What an actor made itself belongs to it alone, until another one can find it: a pair counts when the
object has a name that leads to it by nothing that this same request has written.

Objects are kept until the end of the request, so that no identity is used twice; beyond it only
those that somebody else still has, and weakly where that can be.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from instep.races.watching.actors import CURRENT, Actor, Threads, running
from instep.races.watching.candidates import Candidate, candidate_of
from instep.races.watching.naming import Edge, Names
from instep.races.watching.probe import WHOLE, Listener
from instep.races.watching.sites import Site
from instep.races.watching.uses import Locks, Pair, Use

Key = tuple[int, str | None]
"""The identity of an owner, and an attribute; None for what is inside a container."""

MOST = 50_000
"""Locations that are remembered beyond a request, at most."""

SWEEP = 64
"""Requests between two looks for what is no longer needed."""

TRIES = 20
"""Requests in which the name of an object is looked for that is touched at one place."""

LATEST = 3
"""Applications that names begin with: a suite may well make one for each test."""


@dataclass(slots=True)
class Track:
    """What all actors did to one location.

    Args:
        kind: the type of the owner.
        holder: returns the owner, or None if it is no more.
        edge: how the program leads to it.
        actors: how many touched it.
    """

    kind: type
    holder: Callable[[], Any]
    edge: Edge | None = None
    actors: int = 0
    writers: int = 0
    torn: tuple[Site, str, frozenset[Any]] | None = None
    """Who reads several keys with no lock in common."""
    together: tuple[Site, Locks, frozenset[Any]] | None = None
    """Who writes several keys under one."""
    latest: Actor | None = None
    pairs: dict[Pair, tuple[Locks, list[str], bool]] = field(default_factory=dict)
    writes: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)
    twice: dict[Pair, tuple[Locks, list[str], bool]] = field(default_factory=dict)
    changes: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)
    resizes: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)
    loops: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)
    looks: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)
    guarded: dict[int, tuple[Site, Locks, str]] = field(default_factory=dict)

    def add(self, use: Use, actor: Actor, *, new: bool) -> None:
        """Fold in what one more actor did; what it did while it made the object does not count."""
        self.actors += actor is not self.latest
        self.writers += bool(use.writes) and actor is not self.latest
        self.latest = actor
        _fold(self.loops, use.loops, actor.name)
        _fold(self.looks, use.looks, actor.name)
        _fold(self.guarded, use.guarded, actor.name)
        self._several(use, actor)
        _join(self.twice, use.twice, actor)
        if not new:
            _join(self.pairs, use.pairs, actor)
            _fold(self.writes, use.writes, actor.name)
            _fold(self.changes, use.changes, actor.name)
            _fold(self.resizes, use.resizes, actor.name)

    def _several(self, use: Use, actor: Actor) -> None:
        """Whether several keys are read, or written, as if they belonged together."""
        if len(use.seen) > 1 and not use.writes and all(not held for _, held in use.seen.values()):
            first = next(iter(use.seen.values()))[0]
            self.torn = first, actor.name, frozenset(use.seen)
        if len(use.keys) > 1:
            sites = list(use.writes.values())
            common = frozenset.intersection(*(locks for _, locks in sites))
            if common:
                self.together = sites[0][0], common, frozenset(use.keys)


def track_of(owner: Any) -> Track:
    """Begin to track an object: weakly, if it lets us; else it is kept, and looked after."""
    try:
        return Track(type(owner), weakref.ref(owner))
    except TypeError:
        return Track(type(owner), Kept(owner))


class Kept:
    """Keeps a dict or list, which know no weak references, for as long as somebody else does."""

    __slots__ = ("owner",)

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __call__(self) -> Any:
        return None if sys.getrefcount(self.owner) <= 2 else self.owner


def _join(
    mine: dict[Pair, tuple[Locks, list[str], bool]], found: dict[Pair, Locks], actor: Actor
) -> None:
    for pair, locks in found.items():
        known, names, repeated = mine.get(pair, (locks, [], False))
        if len(names) < 3 and actor.name not in names:
            names.append(actor.name)
        mine[pair] = known & locks, names, repeated or actor.repeated


def _fold(
    mine: dict[int, tuple[Site, Locks, str]], found: dict[int, tuple[Site, Locks]], name: str
) -> None:
    for number, (site, locks) in found.items():
        known = mine.get(number)
        mine[number] = (site, locks & known[1], known[2]) if known else (site, locks, name)


class Lockset(Listener):
    """Listens to a program while its tests run, and knows afterwards what would race.

    Args:
        modules: returns the globals of the program's own modules, by name.
    """

    def __init__(self, modules: Callable[[], dict[str, dict[str, Any]]]) -> None:
        self.modules = modules
        self.applications: dict[int, tuple[str, object]] = {}
        self.threads = Threads()
        self.tracks: dict[Key, Track] = {}
        self.locks: dict[int, tuple[Any, str]] = {}
        self.requests = 0
        self.error: BaseException | None = None
        self._turn = threading.RLock()
        self._found: dict[tuple[Any, ...], Candidate] = {}
        self._pending: list[Actor] = []
        self._tries: Counter[tuple[int, bool]] = Counter()

    def access(self, kind: str, owner: object, key: object, site: Site) -> None:
        """Note it for the actor that runs, if one does; nothing of this reaches the program."""
        actor = CURRENT.get() or self.threads.actor()
        if actor is None:
            return
        try:
            where = (id(owner), None if site.item else site.key)
            use = actor.uses.get(where)
            if use is None:
                use = actor.uses[where] = Use(owner)
            use.note(kind, key, site, actor.holds)
        except RecursionError:
            pass  # the program stands at the limit, and is about to hear of it itself
        except Exception as error:
            self.error = error

    def acquire(
        self, lock: Any, blocking: bool, timeout: float, site: Site, native: Callable[[], Any]
    ) -> Any:
        """Take it, and note that it is held."""
        result = native()
        actor = CURRENT.get() or self.threads.actor()
        if actor is not None and result is not False:
            actor.took(_root(lock), site.text)
        return result

    def release(self, lock: Any, site: Site, native: Callable[[], Any]) -> Any:
        """Give it back."""
        actor = CURRENT.get() or self.threads.actor()
        if actor is not None:
            actor.gave_back(_root(lock))
        return native()

    def asked(self, application: object, name: str) -> None:
        """An application is asked: what it leads to is shared by all who ask it."""
        with self._turn:
            self.applications.pop(id(application), None)
            self.applications[id(application)] = name, application
            if len(self.applications) > LATEST:
                del self.applications[next(iter(self.applications))]

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """What runs inside is one request."""
        self.flush()
        self.requests += 1
        actor = Actor(name)
        try:
            with running(actor):
                yield
        finally:
            self.finish(actor)

    def leave(self, actor: Actor) -> None:
        """A request has been answered; what is still read of the answer is the request's, too."""
        self._pending.append(actor)

    def flush(self) -> None:
        """The next request begins: those before are over."""
        while self._pending:
            self.finish(self._pending.pop())

    def finish(self, actor: Actor) -> None:
        """An actor has come to its end: what it did joins what is known."""
        with self._turn:
            try:
                self._finish(actor)
            except Exception as error:
                self.error = error

    def _finish(self, actor: Actor) -> None:
        uses, actor.uses = actor.uses, {}
        self.locks |= actor.locks
        mine = Counter(number for number, _ in uses)
        for where in [where for where, use in uses.items() if _is_dead(use, mine[where[0]])]:
            del uses[where]
            mine[where[0]] -= 1
        edges = self._name(uses)
        for where, use in uses.items():
            track = self.tracks.get(where)
            edge = edges.get(where[0])
            if track is None or track.holder() is not use.owner:
                self._drop(where)  # it had the identity before
                track = self.tracks[where] = track_of(use.owner)
            track.edge = track.edge or edge
            new = not track.actors and (track.edge is None or _made_by(track.edge, uses))
            track.add(use, actor, new=new)
        if self.requests % SWEEP == 0 or len(self.tracks) > MOST:
            self._sweep()

    def _name(self, uses: dict[Key, Use]) -> dict[int, Edge]:
        """The names of those objects that something was done to which may matter."""
        modules = self.modules()
        spaces = {
            id(space): Edge(space, None, False, None, name) for name, space in modules.items()
        }
        found = {where[0]: spaces[where[0]] for where in uses if where[0] in spaces}
        wanted = {where[0] for where, use in uses.items() if self._matters(where, use)}
        if wanted - found.keys():
            found |= Names(modules, self.applications.values()).find(wanted - found.keys())
        return found

    def _matters(self, where: Key, use: Use) -> bool:
        """Whether an object needs a name, and was not looked for in vain too often."""
        track = self.tracks.get(where)
        if track is not None and track.edge is not None:
            return False
        places = [(number, False) for number in use.writes]
        if track is not None and _meet(use, track):
            twice = (id(pair.second) for pair in use.twice)
            places += [(number, True) for number in (*use.writes, *use.loops, *twice)]
        news = [place for place in places if self._tries[place] < TRIES]
        self._tries.update(news)
        return bool(news)

    def _sweep(self) -> None:
        """Let go of what nobody else has any more; what has a name is remembered without it."""
        full = len(self.tracks) > MOST
        for where, track in list(self.tracks.items()):
            track.latest = None
            if track.holder() is None or (full and track.edge is None and track.actors < 2):
                self._drop(where)

    def _drop(self, where: Key) -> None:
        track = self.tracks.pop(where, None)
        if track is not None and track.edge is not None:
            self._remember(where[1], track)

    def _remember(self, name: str | None, track: Track) -> None:
        for candidate in candidate_of(name, track, self.locks):
            self._found.setdefault(candidate.identity, candidate).merge(candidate)

    def settle(self) -> None:
        """Fold in the threads that ran beside the requests, whether or not they have ended."""
        self.flush()
        for actor in self.threads.actors:
            self.finish(actor)

    def candidates(self) -> list[Candidate]:
        """What would race, by name; the same place on several objects is one."""
        self.settle()
        for (_, name), track in list(self.tracks.items()):
            if track.edge is not None:
                self._remember(name, track)
        return sorted(self._found.values(), key=lambda each: (each.rank, each.location, each.write))


def _root(lock: Any) -> Any:
    """The lock of a condition, which several conditions may share."""
    return getattr(lock, "_lock", lock) if isinstance(lock, threading.Condition) else lock


def _is_dead(use: Use, mine: int) -> bool:
    """Whether nobody but the pass has an object any more; cycles die later."""
    return sys.getrefcount(use.owner) <= mine + 1


def _meet(use: Use, track: Track) -> bool:
    """Whether what reads in one step after another meets what changes it meanwhile."""
    loops = (use.loops or track.loops) and (use.resizes or track.resizes)
    twice = (use.twice or track.twice) and (use.changes or track.changes)
    return bool(loops or twice)


def _made_by(edge: Edge, uses: dict[Key, Use]) -> bool:
    """Whether the way to an object was laid by the actor itself."""
    for step in edge.way():
        if step.key is None and not step.item:
            continue
        use = uses.get((id(step.owner), None if step.item else step.key))
        if use is None or not any(site.item == step.item for site, _ in use.writes.values()):
            continue
        if step.key is None or step.key in use.keys or WHOLE in use.keys:
            return True
    return False
