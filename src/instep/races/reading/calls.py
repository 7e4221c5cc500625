"""Calls: which function is meant, and what becomes of its arguments."""

from __future__ import annotations

import ast

from instep.races.reading import (
    builtin,
    classes,
    entries,
    heap,
    loading,
    locking,
    methods,
    outside,
    paths,
    registering,
    state_files,
)
from instep.races.reading.frames import Frame, words
from instep.races.reading.functions import Arguments, invoke
from instep.races.reading.values import (
    NOTHING,
    Bound,
    Class,
    Constant,
    Function,
    Method,
    Object,
    Outside,
    Partial,
    Registrar,
    Super,
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Walker


def call(walker: Walker, node: ast.Call, frame: Frame) -> Value:
    """A call, with the switch point that follows it."""
    if isinstance(node.func, ast.Name) and node.func.id == "super":
        found = parent(walker, node, frame)
        if found is not NOTHING:
            return found
    if isinstance(node.func, ast.Attribute) and node.func.attr == "as_view":
        return view(walker, node, node.func, frame)
    called = walker.evaluate(node.func, frame)
    given = arguments(walker, node, frame)
    if isinstance(node.func, ast.Attribute):
        if node.func.attr in state_files.SAVING:
            saved(walker, node.func.attr, called, given, node, frame)
        elif node.func.attr == "format" and (
            path := paths.formatted(node, given.positional, frame)
        ):
            return Value(path, given.reads(), "call")
        elif node.func.attr == "join" and (drawn := secrets(given)):
            return Value(drawn, given.reads(), "call")
    value = apply(walker, called, given, node, frame)
    walker.trace.call()
    return value


def secrets(given: Arguments) -> tuple[Thing, ...]:
    """`"".join(choice(letters) for …)`: a text that is drawn letter by letter."""
    inside = [heap.items(one) for value in given.positional for one in value.objects()]
    return tuple(one for one in join(*inside).objects() if one.what in outside.SECRETS)


def saved(
    walker: Walker, name: str, called: Value, given: Arguments, node: ast.Call, frame: Frame
) -> None:
    """`something.save(path)` of something that is not the program's own."""
    if not any(isinstance(thing, (Function, Bound, Class, Outside)) for thing in called.things):
        own = [thing.owner.numbers for thing in called.things if isinstance(thing, Method)]
        reads = called.reads.union(methods.all_reads(given), *own)
        state_files.save(walker, name, given, node, frame, 0, reads)


def view(walker: Walker, node: ast.Call, target: ast.Attribute, frame: Frame) -> Value:
    """`Things.as_view("name", …)`: a function that makes an instance for each request."""
    owner = walker.evaluate(target.value, frame)
    given = arguments(walker, node, frame)
    found = Value(tuple(thing for thing in owner.things if isinstance(thing, Class)))
    if not found.things:
        return NOTHING
    return Value((Partial(found, tuple(given.positional[1:]), given.keywords),))


def same_function(given: Arguments) -> tuple[Thing, ...]:
    """What a decorator of the outside returns: the function that it was given."""
    if len(given.positional) != 1:
        return ()
    return tuple(
        thing
        for thing in given.positional[0].things
        if isinstance(thing, (Bound, Partial))
        or (isinstance(thing, Function) and not isinstance(thing.node, ast.Lambda))
    )


def parent(walker: Walker, node: ast.Call, frame: Frame) -> Value:
    """`super()`."""
    one: Frame | None = frame
    while one is not None and (one.function is None or one.function.owner is None):
        one = one.parent
    if one is None or one.function is None or one.function.owner is None:
        return NOTHING
    receiver = one.receiver
    if receiver is None:
        first = one.function.node.args.args[:1]
        receiver = one.names.get(first[0].arg) if first else None
    if receiver is None:
        return NOTHING
    return Value(tuple(Super(one.function.owner, thing) for thing in receiver.things))


def arguments(walker: Walker, node: ast.Call, frame: Frame) -> Arguments:
    """What a call passes."""
    given = Arguments()
    for one in node.args:
        value = walker.evaluate(one, frame)
        if isinstance(one, ast.Starred):
            spread(walker, given, value, one, frame)
        else:
            given.positional.append(value)
    for keyword in node.keywords:
        value = walker.evaluate(keyword.value, frame)
        if keyword.arg is not None:
            given.keywords[keyword.arg] = value
            continue
        known = {
            key: inner
            for thing in value.objects()
            for key, inner in thing.items.items()
            if isinstance(key, str)
        }
        given.keywords.update(known)
        given.double = Value((), value.reads, value.kind)
    return given


def spread(walker: Walker, given: Arguments, value: Value, node: ast.AST, frame: Frame) -> None:
    """`*value` among arguments: in order if they are known, else any of them."""
    for thing in value.objects():
        if thing.what == "tuple" and all(isinstance(key, int) for key in thing.items):
            given.positional += [thing.items[key] for key in sorted(thing.items, key=repr)]
            return
    given.star = loading.elements(walker, value, node, frame)


def apply(walker: Walker, called: Value, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """Call whatever a value may be."""
    results = [one(walker, thing, given, node, frame) for thing in called.things]
    known = [value for value in results if value is not NOTHING]
    if called.things and len(known) == len(results):
        value = join(*known)
        return value.plus(called.reads)
    if not called.things and isinstance(node, ast.Call):
        walker.called.add(f"?.{entries.last_of(node.func)}")
        locking.by_name(walker, node, frame)
        made = unknown_lock(node, frame)
        if made is not None:
            return made
        entries.consider(walker, entries.last_of(node.func), given, node, frame)
        handed(walker, given, node, frame)
        methods.passed(walker, given, node, frame)
    reads = methods.all_reads(given) | called.reads
    kinds = {called.kind, *(value.kind for value in given.all())}
    value = join(*known)
    kind = "request" if "request" in kinds else value.kind or "call"
    return Value(value.things or same_function(given), value.reads | reads, kind)


def unknown_lock(node: ast.Call, frame: Frame) -> Value | None:
    """`something.lock("name")` of something unknown is a lock of that name."""
    if not isinstance(node.func, ast.Attribute):
        return None
    owner = words(node.func.value)[:40]
    made = locking.made_by_method(owner, node.func.attr, node, frame)
    return None if made is None else Value((made,), kind="new")


def one(walker: Walker, thing: Thing, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """Call one thing."""
    if isinstance(thing, Function):
        return invoke(walker, thing, None, given, node, frame)
    if isinstance(thing, Bound):
        return invoke(walker, thing.function, thing.receiver, given, node, frame)
    if isinstance(thing, Class):
        return classes.instantiate(walker, thing, given, node, frame)
    if isinstance(thing, Method):
        return methods.call(walker, thing, given, node, frame)
    if isinstance(thing, Outside):
        return builtin.call(walker, thing.name, given, node, frame)
    if isinstance(thing, Registrar):
        value = given.positional[0] if given.positional else NOTHING
        registering.register(walker, value, thing.role, thing.routes, frame)
        return value
    if isinstance(thing, Partial):
        more = Arguments(
            [*thing.arguments, *given.positional],
            {**thing.keywords, **given.keywords},
            given.star,
            given.double,
        )
        return apply(walker, thing.target, more, node, frame)
    if isinstance(thing, Object) and thing.cls is not None:
        return classes.call_method(walker, thing, "__call__", given.positional, node, frame)
    if isinstance(thing, Object) and "sessionmaker" in thing.what:
        return Value((builtin.make(walker, "sqlalchemy.orm.Session", given, node, frame),))
    return NOTHING if not isinstance(thing, (Constant, Super)) else Value(kind="call")


def handed(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> None:
    """Functions handed to something unknown are called there, for all that is known."""
    for value in given.all():
        for thing in value.things:
            if isinstance(thing, Function) and isinstance(thing.node, ast.Lambda):
                invoke(walker, thing, None, Arguments(), node, frame)


def stops(walker: Walker, node: ast.expr, frame: Frame) -> bool:
    """Whether a call never comes back: `abort(404)`, `sys.exit()`, or a helper that only raises."""
    if not isinstance(node, ast.Call):
        return False
    target = node.func
    if entries.last_of(target) not in ("abort", "exit", "_exit", "halt", "quit"):
        return isinstance(target, (ast.Name, ast.Attribute)) and always(walker, target, frame)
    if isinstance(target, ast.Name):
        things = loading.name(walker, target.id, target, frame).things
        return not any(isinstance(thing, Function) for thing in things) or always(
            walker, target, frame
        )
    return isinstance(target.value, ast.Name) if isinstance(target, ast.Attribute) else False


def always(walker: Walker, target: ast.expr, frame: Frame) -> bool:
    """Whether a function of the program ends by `raise`, whatever it is given."""
    if not isinstance(target, ast.Name):
        return False
    value = frame.module.names.get(target.id)
    if value is None or len(value.things) != 1:
        return False
    thing = value.things[0]
    if not isinstance(thing, Function) or isinstance(thing.node, ast.Lambda):
        return False
    last = thing.node.body[-1]
    return len(thing.node.body) <= 6 and (
        isinstance(last, ast.Raise)
        or (
            isinstance(last, ast.Expr)
            and isinstance(last.value, ast.Call)
            and entries.last_of(last.value.func) == "abort"
        )
    )
