"""What an expression may denote: a few abstract things, and the reads that it comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from instep.races.reading.model import Location, Place, Role

if TYPE_CHECKING:
    from instep.races.reading.frames import Frame, Module

NO_READS: frozenset[int] = frozenset()
MOST_THINGS = 16
MOST_FUNCTIONS = 64
"""Functions, classes and modules: a table of commands has many, and each does its own."""
MOST_READS = 48
REST = object()
"""The key of a container's items whose own key is not known."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A string or a number that is written in the source."""

    value: object


@dataclass(frozen=True, slots=True)
class Template:
    """A path with parts that are not known: `data/*.json` of `f"data/{user}.json"`."""

    shape: str
    text: str
    """Its words in the source, to compare the parts."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A module, function or class that is not the user's own, by its dotted name."""

    name: str


@dataclass(frozen=True, slots=True)
class Link:
    """A name imported from a module that had not defined it yet."""

    module: Module
    name: str


@dataclass(slots=True, eq=False)
class Function:
    """A function of the program, with the frame it closes over."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    name: str
    module: Module
    frame: Frame | None
    owner: Class | None = None
    defaults: dict[str, Value] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    attributes: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Class:
    """A class of the program."""

    node: ast.ClassDef
    name: str
    module: Module
    frame: Frame | None
    bases: tuple[Thing, ...] = ()
    attributes: dict[str, Value] = field(default_factory=dict)
    marks: set[str] = field(default_factory=set)
    instances: list[Object] = field(default_factory=list)
    fields: list[tuple[str, ast.expr | None]] | None = None


@dataclass(slots=True, eq=False)
class Object:
    """An object, by the place that makes it: an instance, a container, or something outside.

    Args:
        what: the dotted name of its class: `dict`, `shop.Stock`, `sqlite3.connect`.
        site: the place that makes it.
        born: who made it: the number of an actor's walk.
        cls: its class, if that is the program's.
        home: where it can be reached by others; None while it is private.
    """

    what: str
    site: tuple[str, int, int]
    born: int
    cls: Class | None = None
    home: Location | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    items: dict[object, Value] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    numbers: frozenset[int] = NO_READS
    held: tuple[object, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bound:
    """A method of the program's with its receiver."""

    function: Function
    receiver: Thing


@dataclass(frozen=True, slots=True)
class Method:
    """A method of an object of the outside: of a container, a connection, an application."""

    owner: Object
    name: str


@dataclass(frozen=True, slots=True)
class View:
    """`d.items()` and its like: the contents of a container, not yet walked through."""

    owner: Object
    name: str


@dataclass(slots=True, eq=False)
class Partial:
    """A function with some arguments, or `View.as_view(…)`."""

    target: Value
    arguments: tuple[Value, ...]
    keywords: dict[str, Value]


@dataclass(slots=True, eq=False)
class Proxy:
    """`LocalProxy(f)`: wherever it is used, it is what `f()` returns then."""

    target: Value
    name: str = ""


@dataclass(frozen=True, slots=True)
class Super:
    """`super()` of a receiver, above a class."""

    above: Class
    receiver: Thing


@dataclass(frozen=True, slots=True, eq=False)
class Registrar:
    """What `app.route("/")` returns: who calls it with a function makes that an actor."""

    role: Role
    routes: tuple[str, ...]


Thing: TypeAlias = (
    "Constant | Template | Outside | Link | Function | Class | Object | Bound | Method | View"
    " | Partial | Proxy | Super | Module | Registrar"
)


class Value:
    """What an expression may denote.

    Args:
        things: what it may be; empty if nothing is known.
        reads: the numbers of the accesses that it comes from.
        kind: `constant`, `new`, `call`, `number`, `request` or empty, as `Access.value`.
        text: what it is called where it came from, to compare keys.
    """

    __slots__ = ("kind", "reads", "text", "things")

    def __init__(
        self,
        things: tuple[Thing, ...] = (),
        reads: frozenset[int] = NO_READS,
        kind: str = "",
        text: str = "",
    ) -> None:
        self.things = things
        self.reads = reads
        self.kind = kind
        self.text = text

    def plus(self, reads: frozenset[int]) -> Value:
        """The same, which comes from more reads."""
        if not reads or reads <= self.reads:
            return self
        return Value(self.things, bounded(self.reads | reads), self.kind, self.text)

    def bare(self) -> Value:
        """The same without the reads of one walk and without its name there."""
        if not self.reads and not self.text:
            return self
        return Value(self.things, NO_READS, self.kind)

    def named(self, text: str) -> Value:
        """The same under a name, unless it has one."""
        if self.text:
            return self
        return Value(self.things, self.reads, self.kind, text)

    def objects(self) -> Iterable[Object]:
        """The objects among what it may be."""
        return [thing for thing in self.things if isinstance(thing, Object)]

    def constant(self) -> object:
        """The one constant that it is, or None."""
        if len(self.things) == 1 and isinstance(self.things[0], Constant):
            return self.things[0].value
        return None


NOTHING = Value()


def bounded(reads: frozenset[int]) -> frozenset[int]:
    """The latest reads, if they are too many."""
    if len(reads) <= MOST_READS:
        return reads
    return frozenset(sorted(reads)[-MOST_READS:])


def room(count: int, thing: Thing) -> bool:
    """Whether one more thing is kept among as many."""
    if count < MOST_THINGS:
        return True
    return count < MOST_FUNCTIONS and not isinstance(thing, (Object, Constant, Template, Outside))


def join(*values: Value) -> Value:
    """What may be any of several."""
    first = NOTHING
    for value in values:
        if value is first or value is NOTHING:
            continue
        if first is NOTHING:
            first = value
            things, reads, kind, text = value.things, value.reads, value.kind, value.text
            continue
        if value.things is not things and len(things) < MOST_FUNCTIONS:
            for thing in value.things:
                if thing not in things and room(len(things), thing):
                    things = (*things, thing)
        if value.reads is not reads and not value.reads <= reads:
            reads = bounded(reads | value.reads)
        if value.kind != kind:
            kind = "request" if "request" in (kind, value.kind) else ""
        if value.text != text:
            text = ""
    if first is NOTHING:
        return NOTHING
    if (
        things is first.things
        and reads is first.reads
        and kind == first.kind
        and text == first.text
    ):
        return first
    return Value(things, reads, kind, text)
