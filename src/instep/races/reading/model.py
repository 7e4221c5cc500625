"""What the finder knows of a program: locations, locks, accesses, and the actors that make them.

An actor is what runs at the same time as others and as itself: a view, a hook of every request, a
background thread. Walking through it from its entry gives one trace: accesses in program order,
each with the locks that are held, the earlier reads that its value comes from, and the earlier
tests that decide whether it happens. Every rule is a question to such traces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the source.

    Args:
        path: of the file, as it was given or found.
        line: from 1.
        column: from 0, as `ast` counts.
        end_line: from 1.
        function: the dotted name of the function around it; of the module, at its top level.
    """

    path: str
    line: int
    column: int
    end_line: int
    function: str


class Root(StrEnum):
    """What holds a location, so that it outlives the request."""

    GLOBAL = "global"
    CLASS = "class"
    DEFAULT = "default"
    """A mutable default argument."""
    FUNCTION = "function"
    """An attribute of a function."""
    CLOSURE = "closure"
    """A variable of an application factory that its views close over."""
    APPLICATION = "application"
    """What hangs on the Flask application: `app.config`, `app.extensions`, attributes."""
    FILE = "file"
    SESSION = "session"
    CONTEXT = "context"
    """What lives as long as a request or a thread: `g`, context variables, thread locals."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A piece of state.

    Args:
        root: what holds it.
        owner: the dotted name of the module, class or function it belongs to.
        name: of the variable.
        path: the steps from there: `.attribute` each, or `[]` for what is inside a container.
    """

    root: Root
    owner: str
    name: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name + "".join(self.path)


class Kind(StrEnum):
    """What an access does."""

    READ = "read"
    WRITE = "write"
    """Binds a name or an attribute, or stores, adds or removes an item."""
    UPDATE = "update"
    """Reads and writes in one statement or call: `n += 1`, `d.setdefault(…)`, `list.pop()`."""
    TEST = "test"
    """A read that only decides: `if k in d`, `if x is None`, `len(d)`."""
    ITERATE = "iterate"


@dataclass(frozen=True, slots=True, order=True)
class Lock:
    """A lock that the finder can name.

    Args:
        name: of the location it was found in, in words.
        private: it was made in the function that takes it, so it excludes nobody.
        per_key: it is one of many (`locks[key]`), which excludes only who has the same key.
        shared: taken for reading only; it excludes writers, not readers.
    """

    name: str
    private: bool = False
    per_key: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """One taking of a lock; the same lock taken again later is another hold."""

    lock: Lock
    number: int


@dataclass(frozen=True, slots=True)
class Access:
    """One access of a location, in the trace of one actor.

    Args:
        number: its place in the trace, from 0.
        kind: what it does.
        location: to what.
        place: where it stands.
        key: the item in words (`'n'`, `user_id`), if it is one of a container.
        method: the method or operator that does it, such as `append` or `+=`.
        value: what kind of thing is written: `constant`, `new`, `call`, `number`, or empty.
        held: the locks that are held.
        depends: the numbers of earlier reads that its value or key comes from.
        guards: the numbers of earlier accesses that decide whether it happens.
        calls: how many calls (switch points) lie between it and the last access it depends on.
        stack: the places of the calls that lead here from the entry, outermost first.
        returned: its value, or what depends on it, is part of the answer.
        atomic: the interpreter does it in one step today (a single method of a built-in).
        loop: it is made once per turn of a loop.
        met: those guards that have found what they looked for.
        refused: those guards that, had they found it, would have ended the matter with an error.
    """

    number: int
    kind: Kind
    location: Location
    place: Place
    key: str | None = None
    method: str = ""
    value: str = ""
    held: frozenset[Hold] = frozenset()
    depends: frozenset[int] = frozenset()
    guards: frozenset[int] = frozenset()
    calls: int = 0
    stack: tuple[Place, ...] = ()
    returned: bool = False
    atomic: bool = False
    loop: bool = False
    met: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()


class Role(StrEnum):
    """When an actor runs."""

    VIEW = "view"
    HOOK = "hook"
    """Before, after or around every request; template filters, error handlers."""
    BACKGROUND = "background"
    """A thread, timer, executor's or scheduler's job, beside the requests and itself."""
    STARTUP = "startup"
    """The import of a module, an application factory: before any request, once per process."""
    COMMAND = "command"
    """A CLI command: a process of its own, not a request."""


@dataclass(slots=True)
class Actor:
    """What runs, and what it does.

    Args:
        name: of the function, dotted.
        role: when it runs.
        place: where it is defined.
        routes: what asks for it, such as `POST /order`.
        trace: its accesses in program order.
        repeated: whether it runs beside itself (a view does; a single background thread does not).
        starts: the names of the background jobs that it starts, each with the numbers of its
            accesses that decide about it.
        own: where the objects are that run it once each, as a `Thread` does its `run()`.
    """

    name: str
    role: Role
    place: Place
    routes: tuple[str, ...] = ()
    trace: list[Access] = field(default_factory=list)
    repeated: bool = True
    starts: list[tuple[str, frozenset[int]]] = field(default_factory=list)
    own: Location | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made at import, and lives as long as the process.

    Args:
        location: where it is kept.
        what: the dotted name of what made it: `sqlite3.connect`, `threading.Thread`, `SimpleCache`.
        place: where.
        arguments: of the call, in words (`check_same_thread=False`).
        started: a thread or scheduler that is started there too.
        actor: the role of what makes it: at import, in a factory, at the first request.
    """

    location: Location
    what: str
    place: Place
    arguments: tuple[str, ...] = ()
    started: bool = False
    actor: Role = Role.STARTUP


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that could not be read; the rest is checked."""

    path: str
    line: int
    reason: str


@dataclass(slots=True)
class Program:
    """All that was read.

    Args:
        files: path to its lines of source.
        broken: what could not be read.
        actors: with their traces.
        made: what the rules about resources look at.
        values: what a location holds, dotted names of classes: `dict`, `list`, `int`, `shop.Stock`.
        lines: how many lines of source.
        defined: where a location is first bound, before any request.
        unfinished: modules and actors that are longer than one is followed, by name.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    actors: list[Actor] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    values: dict[Location, frozenset[str]] = field(default_factory=dict)
    lines: int = 0
    defined: dict[Location, Place] = field(default_factory=dict)
    unfinished: dict[str, Place] = field(default_factory=dict)
