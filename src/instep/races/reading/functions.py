"""Calls of the program's own functions: arguments bound, the body walked, the result returned.

How it stays right. A body is walked for each call with what the call passes, so that a container
handed to a helper is still the same container there. What was walked before with the same arguments
and noted nothing is not walked again; recursion ends at the second round; depth is bounded.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from instep.races.reading import copying, heap, outside, replaying
from instep.races.reading.frames import Frame, Module
from instep.races.reading.model import Location, Place, Root
from instep.races.reading.values import (
    NOTHING,
    REST,
    Bound,
    Class,
    Constant,
    Function,
    Object,
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Walker

DEEPEST = 22
MOST_SPENT = 2500
"""Steps for one function in one actor; then no more than two walks."""
MOST_WALKS = 24
"""Of one function by one actor; the next calls return what the last one did."""


@dataclass(slots=True)
class Arguments:
    """What a call passes."""

    positional: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    star: Value | None = None
    """Of `*args`: what each may be."""
    double: Value | None = None

    def all(self) -> list[Value]:
        """Every value that is passed."""
        if self.star is None and self.double is None:
            return [*self.positional, *self.keywords.values()] if self.keywords else self.positional
        more = [one for one in (self.star, self.double) if one is not None]
        return [*self.positional, *self.keywords.values(), *more]

    def reads(self) -> frozenset[int]:
        """What they come from."""
        return frozenset().union(*(one.reads for one in self.all()))


def invoke(
    walker: Walker,
    function: Function,
    receiver: Thing | None,
    arguments: Arguments,
    node: ast.AST,
    frame: Frame,
) -> Value:
    """Call a function of the program.

    Args:
        walker: the walk.
        function: what is called.
        receiver: what its first argument is, for a method.
        arguments: what is passed.
        node: the call.
        frame: the frame of the caller.
    """
    closure = function.node, function.frame
    round_ = walker.active.get(closure, 0)
    if round_ >= 2 or len(frame.stack) >= DEEPEST:
        return NOTHING
    names = bind(walker, function, receiver, arguments, frame)
    call = Call(walker, function, names)
    stack = (*frame.stack, frame.place(node))
    times = walker.walked.get(closure, 0)
    known = again(walker, call, times, stack, frame)
    if known is not None:
        return known.plus(arguments.reads())
    if times >= MOST_WALKS or (times >= 2 and walker.spent.get(closure, 0) > MOST_SPENT):
        walker.cuts += 1
        return Value((), arguments.reads(), "call")
    own = inner(walker, function, receiver, names)
    own.stack = stack
    own.loops = frame.loops
    mark = replaying.begun(walker.trace, stack, walker.cuts, walker.growth, len(walker.outsiders))
    value = counted(walker, function, own, times, round_, after(stack[-1], frame))
    if not walker.starting and not round_:
        remember(walker, call, mark, value)
    return value


class Call:
    """What a walk of a body depends on."""

    __slots__ = ("closed", "given", "key", "private", "reads", "shapes")

    def __init__(self, walker: Walker, function: Function, names: dict[str, Value]) -> None:
        self.key = signature(walker, function, names)
        self.given = tuple(names.values())
        self.reads = tuple(map(heap.deep_reads, self.given))
        self.shapes = replaying.shapes(self.given, self.reads)
        self.private = any(copying.is_private(one) for v in self.given for one in v.things)
        self.closed = function.frame is not None and function.frame.walk != 0

    def unchanged(self) -> bool:
        """Whether the body left alone what it was given."""
        return not self.private or (
            tuple(map(heap.deep_reads, self.given)) == self.reads
            and replaying.shapes(self.given, self.reads) == self.shapes
        )


def after(place: Place, frame: Frame) -> int:
    """How many lines of a function follow a call."""
    if frame.function is None:
        return 0
    return max(0, (frame.function.node.end_lineno or 0) - place.end_line)


def counted(
    walker: Walker, function: Function, own: Frame, times: int, round_: int, lines: int
) -> Value:
    """Walk through a body, and remember that, and how much it took."""
    closure = function.node, function.frame
    walker.walked[closure] = times + 1
    walker.active[closure] = round_ + 1
    before = walker.total
    limits = walker.lend(lines)
    try:
        return run(walker, function, own)
    finally:
        walker.take_back(limits)
        walker.active[closure] = round_
        walker.spent[closure] = walker.spent.get(closure, 0) + walker.total - before


def again(
    walker: Walker, call: Call, times: int, stack: tuple[Place, ...], frame: Frame
) -> Value | None:
    """What a call returns that was walked before in the same way."""
    silent = walker.silent.get(call.key)
    if silent is not None and silent.only not in (0, walker.trace.walk):
        silent = None
    if silent is not None and not silent.private:
        return silent.value
    recording = walker.recordings.get((call.key, call.shapes))
    if recording is not None and recording.holds_good(
        walker.trace.walk, walker.changed, walker.growth
    ):
        told = recording.again(walker.trace)
        walker.cuts += not told
        return replaying.replayed(
            walker.trace, recording, stack, call.reads, frame.loops > 0, walker.outsiders, told
        )
    return silent.value if silent is not None and times >= 2 else None


def remember(walker: Walker, call: Call, mark: replaying.Mark, value: Value) -> None:
    """Keep what a call did, for the next one like it."""
    trace = walker.trace
    if walker.total > walker.limit or trace.full():
        return
    only = 0 if mark.cuts == walker.cuts else trace.walk
    made = not call.closed and copying.makes(value, trace.walk)
    quiet = len(trace.notes) == mark.start and len(trace.starts) == mark.starts
    silent = quiet and trace.held == mark.held
    if silent and not made and not heap.deep_reads(value.bare()):
        walker.silent[call.key] = replaying.Silence(value.bare(), call.private, only)
        if not call.private:
            return
    if call.shapes is None or not call.unchanged():
        return
    if made and not copying.copyable(value, trace.walk, list(copying.private_objects(call.given))):
        return
    recording = replaying.recorded(trace, mark, value, call.reads, walker.outsiders, only)
    if recording is not None:
        walker.recordings[call.key, call.shapes] = recording


def inner(
    walker: Walker, function: Function, receiver: Thing | None, names: dict[str, Value]
) -> Frame:
    """A frame for a walk of a function's body."""
    own = Frame(
        function.module,
        function.name,
        walker.trace.walk,
        walker.scope(function.node, function.module),
        function.frame,
        function,
        names=names,
    )
    own.receiver = Value((receiver,)) if receiver is not None else None
    return own


def enter(
    walker: Walker,
    function: Function,
    receiver: Thing | None,
    arguments: Arguments,
    frame: Frame,
) -> Value:
    """Walk through a function that the framework calls: its calls begin here."""
    own = inner(walker, function, receiver, bind(walker, function, receiver, arguments, frame))
    walker.active[function.node, function.frame] = 1
    return run(walker, function, own)


def run(walker: Walker, function: Function, own: Frame) -> Value:
    """Walk through the body of a function in its frame."""
    walker.entered.add(function.node)
    trace = walker.trace
    trace.call()
    own.entry = before = trace.guards
    held = trace.held
    if isinstance(function.node, ast.Lambda):
        own.returns.append(walker.evaluate(function.node.body, own))
    else:
        try:
            walker.execute(function.node.body, own)
        except RecursionError:
            trace.held = held
    trace.guards = before | own.escapes
    trace.call()
    if own.yields and own.scope is not None and own.scope.generator:
        return generated(walker, function, own, held)
    value = join(*own.returns)
    if "cached" in function.marks:
        value = kept(function, value)
    if not value.things and not isinstance(function.node, ast.Lambda) and function.node.returns:
        found = by_annotation(walker, function.node.returns, function.module)
        return Value(found, value.reads, value.kind)
    return Value(value.things, value.reads, value.kind)


def kept(function: Function, value: Value) -> Value:
    """What a cached function returns: all who ask get the same."""
    if any(one.what in outside.SECRETS for one in value.objects()):
        return value  # it is called after the place where it is kept
    holder, name = function.attributes, f"{function.name.rpartition('.')[2]}()"
    inside = ("[]",) if function.node.args.args else ()
    heap.publish(value, Location(Root.GLOBAL, function.module.name, name, inside))
    holder["return"] = heap.keep(holder.get("return"), value)
    return holder["return"].plus(value.reads)


def generated(walker: Walker, function: Function, own: Frame, held: tuple[object, ...]) -> Value:
    """What a generator function returns; a context manager also holds what it holds at `yield`."""
    what = "contextmanager" if "context" in function.marks else "generator"
    made = Object(what, (own.module.path, function.node.lineno, -1), walker.trace.walk)
    made.items[REST] = join(*own.yields)
    made.held = tuple(hold for hold in own.holding or () if hold not in held)
    return Value((made,), made.items[REST].reads, "call")


def bind(
    walker: Walker,
    function: Function,
    receiver: Thing | None,
    arguments: Arguments,
    frame: Frame,
) -> dict[str, Value]:
    """The values of the parameters."""
    spec = function.node.args
    parameters = [*spec.posonlyargs, *spec.args]
    given = list(arguments.positional)
    if receiver is not None:
        given.insert(0, Value((receiver,)))
    names: dict[str, Value] = {}
    for number, parameter in enumerate(parameters):
        if number < len(given):
            names[parameter.arg] = given[number].named(parameter.arg)
        else:
            names[parameter.arg] = absent(function, parameter.arg, arguments)
        if parameter.annotation is not None and not names[parameter.arg].things:
            names[parameter.arg] = annotated(walker, function, parameter, names[parameter.arg])
    for parameter in spec.kwonlyargs:
        names[parameter.arg] = absent(function, parameter.arg, arguments)
    if spec.vararg:
        names[spec.vararg.arg] = rest(walker, function, given[len(parameters) :], arguments)
    if spec.kwarg:
        known = {one.arg for one in (*parameters, *spec.kwonlyargs)}
        names[spec.kwarg.arg] = keywords(walker, function, known, arguments)
    return names


def rest(walker: Walker, function: Function, more: list[Value], arguments: Arguments) -> Value:
    """What `*args` is."""
    made = Object("tuple", (function.module.path, function.node.lineno, -2), walker.trace.walk)
    more = more + ([arguments.star] if arguments.star else [])
    for number, one in enumerate(more):
        made.items[number] = one
    return Value((made,), frozenset().union(*(one.reads for one in more)), "new")


def keywords(walker: Walker, function: Function, known: set[str], arguments: Arguments) -> Value:
    """What `**kwargs` is."""
    made = Object("dict", (function.module.path, function.node.lineno, -2), walker.trace.walk)
    extra = {key: one for key, one in arguments.keywords.items() if key not in known}
    made.items.update(extra)
    if arguments.double is not None:
        made.items[REST] = arguments.double
    return Value((made,), frozenset().union(*(one.reads for one in extra.values())), "new")


def annotated(walker: Walker, function: Function, parameter: ast.arg, value: Value) -> Value:
    """A parameter of which only the class is known: the shared instance of it, if there is one."""
    found = by_annotation(walker, parameter.annotation, function.module)
    return Value(found, value.reads, value.kind, value.text) if found else value


def by_annotation(walker: Walker, annotation: ast.expr | None, module: Module) -> tuple[Thing, ...]:
    """The shared instances of the class that an annotation names."""
    for one in ast.walk(annotation) if annotation is not None else ():
        name = one.id if isinstance(one, ast.Name) else ""
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            name = one.value.strip("\"'").rpartition(".")[2]
        for thing in module.names[name].things if name in module.names else ():
            if isinstance(thing, Class):
                return tuple(one for one in thing.instances[:2] if one.home is not None)
    return ()


def absent(function: Function, name: str, arguments: Arguments) -> Value:
    """A parameter that no position gives: by keyword, by `*`, or its default."""
    if name in arguments.keywords:
        return arguments.keywords[name].named(name)
    given = [one for one in (arguments.star, arguments.double) if one is not None]
    default = function.defaults.get(name)
    if default is not None:
        given.append(default)
    if not given:
        return Value(text=name)
    return join(*given).named(name)


def default(function: Function, name: str, value: Value) -> Value:
    """A default value: a container among them is one for all calls."""
    location = Location(Root.DEFAULT, function.name, name)
    for thing in value.objects():
        if thing.home is None:
            thing.home = location
    return value.bare()


def signature(walker: Walker, function: Function, names: dict[str, Value]) -> object:
    """What a walk of a body depends on: the arguments, the locks, the frame it closes over."""
    return (
        function.node,
        function.frame,
        walker.trace.role,
        frozenset(hold.lock for hold in walker.trace.held),
        tuple(tuple(identity(thing) for thing in value.things) for value in names.values()),
    )


def identity(thing: Thing) -> object:
    """A thing, so that two which behave alike are equal."""
    if isinstance(thing, Object):
        return thing.site, thing.what, thing.home, thing.home is None and bool(thing.items)
    if isinstance(thing, Bound):
        return id(thing.function), identity(thing.receiver)
    if isinstance(thing, (Function, Class)):
        return id(thing)
    if isinstance(thing, Constant):
        return "constant"
    try:
        return hash(thing)
    except TypeError:
        return id(thing)
