"""Calls of functions and classes of the outside, by their dotted names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from instep.races.reading import (
    classes,
    databases,
    entries,
    heap,
    importing,
    loading,
    methods,
    outside,
    state_files,
    storing,
)
from instep.races.reading.frames import Frame, words
from instep.races.reading.functions import Arguments, invoke
from instep.races.reading.model import Kind, Location, Root
from instep.races.reading.trace import Detail
from instep.races.reading.values import (
    NOTHING,
    REST,
    Bound,
    Class,
    Constant,
    Function,
    Object,
    Outside,
    Partial,
    Proxy,
    Value,
    join,
)
from instep.races.reading.walker import Walker

Caller = Callable[[Walker, Arguments, ast.expr, Frame], Value]
PAIRING = frozenset({"enumerate", "zip"})
FLASKS = frozenset({"Flask", "Quart", "APIFlask", "OpenAPI", "Eve", "FlaskAPI", "Bottle"})


def call(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """Call something that is not the program's."""
    walker.called.add(name)
    special = SPECIAL.get(name)
    if special is not None:
        return special(walker, given, node, frame)
    if name in outside.CONTAINERS:
        return container(walker, name, given, node, frame)
    if name.startswith(("builtins.object.", "builtins.type.")):
        return above(walker, name, given, node, frame)
    if name in outside.HEAPS and given.positional:
        return heaps(walker, name, given, node, frame)
    found = state_files.call(walker, name, given, node, frame)
    if found is None:
        found = databases.call(walker, name, given, node, frame)
    if found is not None:
        return found
    if name in outside.ITERATING:
        return iterating(walker, name, given, node, frame)
    reads = methods.all_reads(given)
    if name in outside.FACTS:
        return fact(walker, name, given, node, frame)
    last = name.rpartition(".")[2]
    if last in FLASKS or (last in ("App", "FlaskApp") and name.startswith("connexion.")):
        return application(walker, name, given, node, frame)
    entries.consider(walker, last, given, node, frame, dotted=name)
    synchronous(walker, name, given, node, frame)
    reads |= methods.passed(walker, given, node, frame)
    if name in outside.EMITTING:
        methods.sent(walker, reads)
    if "request" in name.split(".") or name.startswith("flask.request"):
        return Value((), reads, "request")
    if name.startswith("builtins.") and not name.endswith("Error"):
        return Value((), reads, "call")
    kind = "request" if any(one.kind == "request" for one in given.all()) else "call"
    same = tuple(
        thing
        for value in given.positional[:1]
        for thing in value.things
        if isinstance(thing, (Function, Bound, Partial)) and len(given.positional) == 1
    )
    return Value((*same, make(walker, name, given, node, frame)), reads, kind)


def make(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Object:
    """An object of the outside."""
    made = loading.make(walker, name, node, frame)
    made.numbers = methods.all_reads(given)
    if name in databases.MADE and given.positional:
        made.items["file"] = given.positional[0]
    if isinstance(node, ast.Call):
        texts = [words(one)[:60] for one in node.args[:6]]
        texts += [f"{one.arg}={words(one.value)[:60]}" for one in node.keywords[:12]]
        made.arguments = tuple(texts)
    if name.rpartition(".")[2] in outside.BASE_MAKERS or name.endswith("SQLAlchemy"):
        made.what = f"{name} base:" if "base" in name else name
    walker.mounts.made(made, given)
    entries.outsider(walker, made, node, frame)
    return made


def application(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`Flask(…)`: what hangs on it belongs to all requests."""
    made = make(walker, "flask.Flask" if "lask" in name else name, given, node, frame)
    made.home = Location(Root.APPLICATION, frame.module.name, "app")
    for attribute in ("config", "extensions", "jinja_env"):
        inner = Object("dict", (*made.site[:2], -3), 0)
        inner.home = heap.step(made.home, "." + attribute)
        made.attributes[attribute] = Value((inner,))
    if name.startswith("connexion."):
        made.attributes["app"] = Value((made,))
    twin = next((one for one in walker.applications if one.site == made.site), None)
    if twin is not None:
        return Value((twin,), kind="new")
    walker.applications.append(made)
    return Value((made,), kind="new")


def container(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`dict(…)`, `defaultdict(list)`, `deque()`."""
    made = loading.make(walker, outside.CONTAINERS[name], node, frame)
    first = given.positional[0] if given.positional else NOTHING
    if made.what == "collections.defaultdict":
        made.attributes["default_factory"] = first
    elif given.positional:
        inner = loading.elements(walker, first, node, frame, name.rpartition(".")[2])
        if made.what in outside.MAPPINGS:
            for thing in first.objects():
                for key, one in thing.items.items():
                    heap.put(made, key, one)
        else:
            heap.put(made, REST, inner)
    for key, one in given.keywords.items():
        if made.what == "types.SimpleNamespace":
            made.attributes[key] = one
        else:
            heap.put(made, key, one)
    return Value((made,), methods.all_reads(given), "new")


def iterating(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`list(d)`, `sorted(d)`, `jsonify(d)`: what is given is walked through."""
    synchronous(walker, name, given, node, frame)
    found: list[Value] = []
    reads = methods.all_reads(given)
    last = name.rpartition(".")[2]
    for value in given.all():
        inner = NOTHING
        if name in outside.KEEPING:
            inner = loading.elements(walker, value, node, frame, last)
        found.append(inner)
        if inner is NOTHING:
            for thing in [*heap.shared_objects(value)]:
                if loading.shares_items(thing):
                    detail = Detail(
                        method=last, depends=value.reads, atomic=last in outside.AT_ONCE
                    )
                    reads |= loading.noted(walker, thing, Kind.ITERATE, node, frame, detail)
                else:
                    reads |= methods.fields(walker, thing, last, node, frame)
        reads |= inner.reads
    kind = "request" if any(one.kind == "request" for one in given.all()) else "call"
    if name in outside.KEEPING:
        what = last if last in ("dict", "set", "frozenset") else "list"
        made = loading.make(walker, what, node, frame)
        inner = paired(walker, last, found, node, frame) if last in PAIRING else join(*found)
        heap.put(made, REST, inner)
        return Value((made,), reads, "new")
    if any(state_files.loaded(value) for value in given.positional):
        kind = "loaded"
    if name in outside.PICKING:
        picked = [heap.items(one) for value in given.all() for one in value.objects()]
        if name in outside.SECRETS:
            picked.append(Value((make(walker, name, given, node, frame),)))
        return Value(join(*picked).things, reads, kind)
    return Value((), reads, kind)


def paired(walker: Walker, last: str, found: list[Value], node: ast.expr, frame: Frame) -> Value:
    """`enumerate(d)` gives a number and an element, `zip(d, e)` an element of each."""
    made = loading.make(walker, "tuple", node, frame)
    parts = [Value(kind="number"), *found[:1]] if last == "enumerate" else found
    made.items = dict(enumerate(parts))
    return Value((made,), join(*found).reads)


def above(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`super().__new__(cls)`, and what else a class has from `object` or `type`."""
    if name.endswith("__new__") and given.positional:
        made = [
            classes.blank(walker, thing, node, frame)
            for thing in given.positional[0].things
            if isinstance(thing, Class)
        ]
        return Value(tuple(made), kind="new")
    if name.endswith("__call__"):
        one: Frame | None = frame
        while one is not None and one.receiver is None:
            one = one.parent
        receivers = one.receiver.things if one is not None and one.receiver is not None else ()
        results = [
            classes.construct(walker, thing, given, node, frame)
            for thing in receivers
            if isinstance(thing, Class)
        ]
        return join(*results)
    return Value(kind="call")


def heaps(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`heapq.heappush(queue, item)` changes its first argument."""
    owner = given.positional[0]
    reads = loading.contents(
        walker,
        owner,
        Kind.UPDATE,
        node,
        frame,
        Detail(None, name.rpartition(".")[2], "", methods.all_reads(given), True),
    )
    for thing in owner.objects():
        if len(given.positional) > 1:
            heap.put(thing, REST, given.positional[1])
    return Value(join(*(heap.items(one) for one in owner.objects())).things, reads)


def fact(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`len(d)`, `int(x)`: a plain value that comes from what was given."""
    reads = methods.all_reads(given)
    if name in outside.SIZED and given.positional:
        detail = Detail(method="len", depends=reads, atomic=True)
        reads |= loading.contents(walker, given.positional[0], Kind.TEST, node, frame, detail)
    kept = [
        thing for value in given.all() for thing in value.objects() if thing.what in outside.SECRETS
    ]
    if kept:
        return Value(tuple(kept), reads, "call")
    constants = tuple(
        thing for value in given.all() for thing in value.things if isinstance(thing, Constant)
    )
    if name == "builtins.str" and len(constants) == 1 and len(given.all()) == 1:
        return Value(constants, reads, "constant")
    kind = "request" if any(one.kind == "request" for one in given.all()) else "call"
    text = given.positional[0].text if len(given.positional) == 1 else ""
    return Value((), reads, kind, text)


def synchronous(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> None:
    """Call here the functions that are handed to what calls them at once."""
    functions = [
        thing for value in given.all() for thing in value.things if isinstance(thing, Function)
    ]
    if not functions:
        return
    elements = [heap.items(one) for value in given.positional for one in value.objects()]
    element = join(*elements)
    at_once = name in outside.SYNCHRONOUS
    for function in functions:
        if at_once or (isinstance(function.node, ast.Lambda) and not walker.starting):
            invoke(walker, function, None, Arguments([element]), node, frame)


def partial(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`functools.partial(f, …)`."""
    if not given.positional:
        return NOTHING
    made = Partial(given.positional[0], tuple(given.positional[1:]), dict(given.keywords))
    return Value((made,), given.reads(), "new")


def caching(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`lru_cache(f)` and `lru_cache(maxsize=9)(f)`, called and not written as a decorator."""
    value = join(*given.positional)
    for thing in value.things:
        function = thing.function if isinstance(thing, Bound) else thing
        if isinstance(function, Function):
            function.marks.add("cached")
            entries.cached(walker, function, node, frame)
            return value
    return Value((Partial(Value((Outside("functools.lru_cache"),)), (), {}),), kind="constant")


def wraps(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`functools.wraps(f)`: a decorator that changes nothing here."""
    return Value((), kind="constant")


def get_attribute(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`getattr(x, "name")` with a name that is known."""
    known = given.positional[1].constant() if len(given.positional) > 1 else None
    if not isinstance(known, str):
        return Value((), given.reads(), "call")
    found = loading.attribute(walker, given.positional[0], known, node, frame)
    return join(found, *given.positional[2:])


def set_attribute(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`setattr(x, "name", value)`; an unknown name is any."""
    if len(given.positional) < 3:
        return NOTHING
    owner, name, value = given.positional[:3]
    known = name.constant()
    wanted = known if isinstance(known, str) else "*"
    if wanted not in walker.survey.attributes:
        walker.survey.attributes.add(wanted)
        walker.forget()
    for thing in owner.things:
        storing.attribute(walker, thing, wanted, value, node, frame, Detail(method="setattr"))
    return Value(kind="constant")


def has_attribute(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`hasattr(x, "name")` tests the attribute."""
    start = len(walker.trace.notes)
    found = get_attribute(walker, given, node, frame)
    for note in walker.trace.notes[start:]:
        if note.kind is Kind.READ:
            note.kind = Kind.TEST
    return Value((), found.reads, "number")


def next_(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`next(it)`: one step of a counter that synchronises itself, or an element."""
    first = given.positional[0] if given.positional else NOTHING
    reads = first.reads
    for thing in first.objects():
        if thing.what == "itertools.count":
            reads |= methods.of_queue(walker, thing, "next", Arguments(), node, frame).reads
        elif thing.what == "itertools.cycle" and thing.home is not None:
            reads |= loading.noted(
                walker, thing, Kind.UPDATE, node, frame, Detail(None, "next", atomic=True)
            )
    inner = [heap.items(one) for one in first.objects()]
    return Value(join(*inner, *given.positional[1:]).things, reads)


def module_names(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`globals()`: the names of the module, as a mapping."""
    return Value(kind="call")


def proxy(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`LocalProxy(f)`, `LocalProxy(f, "name")`."""
    if not given.positional:
        return NOTHING
    name = given.positional[1].constant() if len(given.positional) > 1 else ""
    made = Proxy(given.positional[0], name if isinstance(name, str) else "")
    return Value((made,), given.reads(), "new")


def nothing(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """A call that gives back what it was given."""
    return join(*given.positional) if given.positional else NOTHING


def property_(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`property(get, set)`, called and not written as a decorator."""
    made: list[Function] = []
    for value, mark in zip(given.positional, ("property", "setter"), strict=False):
        for thing in value.things:
            if isinstance(thing, Function):
                made.append(replace(thing, marks={mark}))
    return Value(tuple(made), kind="constant")


SPECIAL: dict[str, Caller] = {
    "functools.partial": partial,
    "functools.partialmethod": partial,
    "importlib.import_module": importing.import_module,
    "builtins.__import__": importing.import_module,
    "functools.lru_cache": caching,
    "functools.cache": caching,
    "functools.wraps": wraps,
    "functools.update_wrapper": wraps,
    "builtins.property": property_,
    "builtins.getattr": get_attribute,
    "builtins.setattr": set_attribute,
    "builtins.hasattr": has_attribute,
    "builtins.next": next_,
    "builtins.globals": module_names,
    "typing.cast": nothing,
    "flask.stream_with_context": nothing,
    "werkzeug.local.LocalProxy": proxy,
    "werkzeug.LocalProxy": proxy,
    "asyncio.run": nothing,
    "asyncio.create_task": nothing,
    "asyncio.ensure_future": nothing,
}
