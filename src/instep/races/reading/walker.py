"""The walker: an abstract interpreter that runs a program's source without running the program.

How it stays right. Names denote sets of abstract things; an object is known by the place that
makes it, and is private to its walk until something that outlives the request refers to it.
Branches are all taken; loops once; calls are followed with their arguments, held locks and tests.
What one actor stores, the next one finds, so those that look at it are walked once more. What
cannot be known (a value, a callee) is nothing: it neither reads nor writes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from instep.races.reading.frames import Frame, Module, Scope, Survey, scope_of
from instep.races.reading.model import Broken, Location, Made, Place, Role, Root
from instep.races.reading.mounts import Mounts
from instep.races.reading.names import Modules
from instep.races.reading.replaying import Recording, Silence
from instep.races.reading.trace import Trace
from instep.races.reading.values import (
    NOTHING,
    Class,
    Function,
    Object,
    Thing,
    Value,
)

MOST_STEPS = 1_000_000
"""Expressions and statements in all, so that the time is bounded whatever the program is."""
LEAST_STEPS = 2_000
"""What each actor may take even so: the last ones are not less worth than the first."""
STEPS_OF_A_LINE = 30
NOTES_OF_A_LINE = 4
"""What is kept back for each line of a caller that follows a call."""
LEAST_OF_A_CALL = 100
STEPS_OF_AN_ACTOR = 30_000
STEPS_OF_A_COMMAND = 10_000
"""Of what runs beside nothing: only what it leaves behind matters."""
STEPS_OF_A_MODULE = 60_000


class Flow(IntEnum):
    """How a block ends."""

    ON = 0
    LEFT = 1
    """By `return`, `break` or `continue`."""
    RAISED = 2


@dataclass(slots=True)
class Entry:
    """Where an actor enters."""

    thing: Thing
    role: Role
    place: Place
    name: str
    routes: list[str] = field(default_factory=list)
    arguments: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    repeated: bool = True
    cls: Class | None = None


Evaluator = Callable[["Walker", Any, Frame], Value]
Executor = Callable[["Walker", Any, Frame], Flow]


def _share(left: int, wanted: int) -> int:
    """What a call may have of what is left: its caller keeps what it wants, within bounds."""
    return max(LEAST_OF_A_CALL, left - max(left // 10, min(left // 2, wanted)))


def _of_flask(what: str, root: Root, name: str, number: int) -> Object:
    """What the framework keeps, and every module may ask for."""
    made = Object(what, ("", 0, number), 0)
    made.home = Location(root, "flask", name)
    return made


class Walker:
    """All that walks share: the modules, the objects, the entries found so far.

    Args:
        modules: the program's.
        survey: what it stores anywhere.
        evaluators: for each class of expression, what evaluates it.
        executors: for each class of statement, what executes it.
    """

    def __init__(
        self,
        modules: Modules,
        survey: Survey,
        evaluators: dict[type, Evaluator],
        executors: dict[type, Executor],
    ) -> None:
        self.modules = modules
        self.survey = survey
        self.evaluators = evaluators
        self.executors = executors
        self.trace = Trace(Role.STARTUP, 0)
        self.walks = 0
        self.entries: dict[object, Entry] = {}
        self.handed: list[tuple[Function, Frame]] = []
        """Functions that a decorator of somebody else's object was given."""
        self.entered: set[ast.AST] = set()
        self.answering: list[Object] = []
        self.failures: dict[str, Broken] = {}
        self.cached: list[tuple[Made, Function]] = []
        self.called: set[str] = set()
        self.outsiders: list[tuple[Object, Role, Place, str]] = []
        self.defined: dict[Location, Place] = {}
        self.begun: dict[int, Place] = {}
        self.types: dict[Location, set[str]] = {}
        self.applications: list[Object] = []
        self.mounts = Mounts()
        self.classes: list[Class] = []
        self.active: dict[object, int] = {}
        self.walked: dict[object, int] = {}
        self.spent: dict[object, int] = {}
        self.silent: dict[object, Silence] = {}
        self.recordings: dict[object, Recording] = {}
        self.scopes: dict[ast.AST, Scope] = {}
        self.total = 0
        self.renamed = 0
        self.main = 0
        self.changed: dict[Location, int] = {}
        self.growth = 0
        self.cuts = 0
        self.unfinished: dict[str, Place] = {}
        self.limit = MOST_STEPS
        self.short = False
        """Some call since then did not come to its end."""
        self.session = _of_flask("dict", Root.SESSION, "session", 0)
        self.context = _of_flask("flask.g", Root.CONTEXT, "g", 1)

    @property
    def starting(self) -> bool:
        """Whether this walk is of what runs before any request."""
        return self.trace.role is Role.STARTUP

    def evaluate(self, node: ast.expr | None, frame: Frame) -> Value:
        """What an expression denotes; its accesses are noted on the way."""
        if node is None:
            return NOTHING
        self.total += 1
        if self.total > self.limit:
            return NOTHING
        evaluator = self.evaluators.get(type(node))
        return evaluator(self, node, frame) if evaluator else NOTHING

    def execute(self, body: Sequence[ast.stmt], frame: Frame) -> Flow:
        """Walk through statements until one ends the block."""
        for statement in body:
            self.total += 1
            if self.total > self.limit or self.trace.full():
                return Flow.ON
            executor = self.executors.get(type(statement))
            if executor:
                flow = executor(self, statement, frame)
                if flow is not Flow.ON:
                    return flow
        return Flow.ON

    def bound(self, location: Location, place: Place) -> None:
        """Remember where a location is first bound at the start."""
        if self.starting:
            self.defined.setdefault(location, place)

    def allow(self, steps: int) -> None:
        """Set how far the walk that begins may go."""
        self.limit = self.total + max(LEAST_STEPS, min(steps, MOST_STEPS - self.total))
        self.short = False

    def lend(self, lines: int) -> tuple[int, int]:
        """Let a call have most of the steps and notes that are left, so that its caller gets on.

        Args:
            lines: of the caller that follow the call.

        Returns:
            The caller's limits, to be given back by `take_back`.
        """
        limits = self.limit, self.trace.most
        noted = len(self.trace.notes)
        self.limit = self.total + _share(self.limit - self.total, lines * STEPS_OF_A_LINE)
        self.trace.most = noted + _share(self.trace.most - noted, lines * NOTES_OF_A_LINE)
        return limits

    def take_back(self, limits: tuple[int, int]) -> None:
        """Go on in the caller."""
        if self.total > self.limit or self.trace.full():
            self.cuts += 1
            self.short = True
        self.limit, self.trace.most = limits

    def ended(self, name: str, place: Place) -> None:
        """Note whether a walk came to its end, or only as far as one may go."""
        if self.short or self.total > self.limit or self.trace.full():
            self.unfinished[name] = place
        else:
            self.unfinished.pop(name, None)

    def begin(self, role: Role) -> Trace:
        """Start the walk of an actor."""
        self.walks += 1
        self.trace = Trace(role, 0 if role is Role.STARTUP else self.walks)
        self.allow(STEPS_OF_A_COMMAND if role is Role.COMMAND else STEPS_OF_AN_ACTOR)
        self.active.clear()
        self.walked.clear()
        self.spent.clear()
        return self.trace

    def scope(self, node: Any, module: Module) -> Scope:
        """The names of a function."""
        known = self.scopes.get(node)
        if known is None:
            known = self.scopes[node] = scope_of(node, module.source.deep)
        return known

    def run_module(self, module: Module) -> None:
        """Walk through a module's top level, once."""
        if module.state != "new" or module.source.test:
            return
        module.state = "running"
        before = self.trace, self.limit, self.short
        self.trace = Trace(Role.STARTUP, 0)
        self.allow(STEPS_OF_A_MODULE)
        frame = Frame(module, module.name, 0)
        self.execute_safely(module.source.tree.body, frame)
        self.ended(module.name, frame.place(module.source.tree))
        self.trace, self.limit, self.short = before
        module.state = "done"

    def execute_safely(self, body: Sequence[ast.stmt], frame: Frame) -> None:
        """Execute, however deep the program is nested."""
        for statement in body:
            try:
                self.execute([statement], frame)
            except Exception as error:
                line = statement.lineno
                reason = f"it could not be followed: {type(error).__name__}: {error}"
                if not isinstance(error, RecursionError):
                    self.failures[frame.title] = Broken(frame.module.path, line, reason)

    def register(self, key: object, entry: Entry) -> None:
        """Note where an actor enters; the same one found again adds its routes."""
        known = self.entries.get(key)
        if known is None:
            self.entries[key] = entry
            return
        known.routes += [route for route in entry.routes if route not in known.routes]
        if entry.repeated:
            known.repeated = True

    def forget(self) -> None:
        """Let no call be told again: there is more to look at than there was."""
        self.silent.clear()
        self.recordings.clear()
