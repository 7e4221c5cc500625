"""Methods of the outside: of containers, locks, queues, connections and applications."""

from __future__ import annotations

import ast
from dataclasses import replace

from instep.races.reading import (
    classes,
    databases,
    entries,
    heap,
    loading,
    locking,
    outside,
    state_files,
    storing,
)
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments, invoke
from instep.races.reading.model import Kind, Root
from instep.races.reading.trace import Detail
from instep.races.reading.values import (
    NO_READS,
    NOTHING,
    REST,
    Function,
    Method,
    Object,
    Value,
    View,
    join,
)
from instep.races.reading.walker import Walker

MAKERS = frozenset("cursor connect channel pubsub raw_connection getconn session socket".split())
ITERATED = frozenset({"jsonify", "dumps", "dump", "render_template", "render", "make_response"})


def call(walker: Walker, method: Method, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """Call a method of an object that is not the program's."""
    owner, name = method.owner, method.name
    walker.called.add(f"{owner.what}.{name}")
    if locking.method(walker, owner, name, node, frame):
        return Value((), kind="call")
    if owner.cls is None and isinstance(node, ast.Call):
        made = locking.made_by_method(owner.what, name, node, frame)
        if made is not None and owner.what not in outside.KNOWN_CONTAINERS:
            return Value((made,), kind="new")
    if is_container(owner):
        return of_container(walker, owner, name, given, node, frame)
    if owner.what in outside.SYNCHRONISED:
        return of_queue(walker, owner, name, given, node, frame)
    if owner.what.endswith("ContextVar"):
        return of_variable(walker, owner, name, given, node, frame)
    found = state_files.method(walker, owner, name, given, node, frame)
    if found is None:
        found = databases.method(walker, owner, name, given, node, frame)
    if found is not None:
        return found
    if name in ("__new__",):
        return NOTHING
    if owner.what in outside.SECRETS:
        return Value((owner,), all_reads(given) | owner.numbers, "call")
    entries.consider(walker, name, given, node, frame, owner)
    if name == "start":
        walker.begun[id(owner)] = frame.place(node)
        entries.started(walker, owner, node, frame)
    if name in outside.VERBS and owner.home is not None and heap.opaque(owner):
        return of_container(walker, owner, name, given, node, frame)
    return used(walker, owner, name, given, node, frame)


def used(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value:
    """A method of which nothing else is known: its object is read, and what it is given."""
    reads = passed(walker, given, node, frame)
    watched = owner.what in outside.WATCHED or not heap.library(owner.what)
    if owner.home is not None and watched and owner.cls is None:
        detail = Detail(None, name, depends=all_reads(given))
        reads |= walker.trace.note(Kind.READ, owner.home, node, frame, detail)
    kind = "request" if any(one.kind == "request" for one in given.all()) else "call"
    reads |= all_reads(given) | owner.numbers
    if f"{owner.what}.{name}" in outside.EMITTING:
        sent(walker, reads)
    if name in MAKERS and isinstance(node, ast.Call) and owner.cls is None:
        made = loading.make(walker, f"{owner.what}.{name}", node, frame)
        entries.outsider(walker, made, node, frame)
        return Value((made,), reads, kind)
    return Value(entries.registrar(walker, name, node, frame), reads, kind)


def sent(walker: Walker, reads: frozenset[int]) -> None:
    """An event tells the client what names hold; what it tells of objects may be their keys."""
    notes = walker.trace.notes
    walker.trace.answers |= {
        one for one in reads if one < len(notes) and not notes[one].location.path
    }


def is_container(owner: Object) -> bool:
    """Whether the methods of an object are those of a container."""
    if owner.cls is not None:
        return classes.is_container(owner.cls)
    if owner.what in outside.KNOWN_CONTAINERS:
        return True
    last = owner.what.rpartition(".")[2]
    return owner.what == heap.UNKNOWN or last in outside.LOADED


def all_reads(given: Arguments) -> frozenset[int]:
    """The reads that arguments come from, and what is in them."""
    values = given.all()
    if len(values) <= 1:
        return heap.deep_reads(values[0]) if values else NO_READS
    return frozenset().union(*map(heap.deep_reads, values))


def passed(walker: Walker, given: Arguments, node: ast.AST, frame: Frame) -> frozenset[int]:
    """Shared containers handed to the outside are read there, or walked through."""
    name = ""
    if isinstance(node, ast.Call):
        target = node.func
        name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    kind = Kind.ITERATE if name in ITERATED else Kind.READ
    reads = NO_READS
    for value in given.all():
        for thing in heap.shared_objects(value):
            if loading.shares_items(thing):
                detail = Detail(method=name, depends=value.reads)
                reads |= loading.noted(walker, thing, kind, node, frame, detail)
            elif kind is Kind.ITERATE:
                reads |= fields(walker, thing, name, node, frame)
    return reads


def fields(walker: Walker, thing: Object, name: str, node: ast.AST, frame: Frame) -> frozenset[int]:
    """A template or a serialiser reads what is stored in an object."""
    reads = NO_READS
    if thing.cls is None or thing.home is None:
        return reads
    for attribute, value in list(thing.attributes.items())[:12]:
        for inner in value.objects():
            if inner.what in outside.KNOWN_CONTAINERS:
                detail = Detail(method=name, value=attribute)
                reads |= loading.noted(walker, inner, Kind.ITERATE, node, frame, detail)
    return reads


def of_container(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value:
    """A method of a container."""
    if name in outside.VIEWS:
        return Value((View(owner, name),), owner.numbers)
    kind = outside.METHODS.get(name)
    if kind is None:
        return Value((), all_reads(given), "call")
    first = given.positional[0] if given.positional else NOTHING
    key = None
    if name in outside.KEYED and given.positional and isinstance(node, ast.Call) and node.args:
        key = loading.key_text(first, node.args[0])
    reads = all_reads(given)
    value = given.positional[-1] if given.positional else NOTHING
    if name == "pop" and len(given.positional) < 2 and owner.what in outside.MAPPINGS:
        value = NOTHING
    detail = Detail(
        key,
        name if len(given.positional) < 2 or name != "pop" else "pop default",
        value.kind if kind in (Kind.WRITE, Kind.UPDATE) else "",
        reads,
        name in outside.ATOMIC_METHODS,
    )
    numbers = loading.noted(walker, owner, kind, node, frame, detail)
    before = dict(owner.items) if owner.home is not None else owner.items
    result = effect(walker, owner, name, given, node, frame)
    if owner.home is not None and owner.items != before:
        storing.changes(walker, heap.step(owner.home, "[]"), heap.items(owner))
    for one in given.keywords.values():
        call_key(walker, one, owner, node, frame)
    if owner.home is not None or owner.born != walker.trace.walk:
        result = result.bare()
    if kind in (Kind.READ, Kind.UPDATE, Kind.TEST, Kind.ITERATE):
        result = Value(result.things, result.reads | numbers | (reads & first.reads), result.kind)
    return result


def call_key(walker: Walker, value: Value, owner: Object, node: ast.AST, frame: Frame) -> None:
    """`sort(key=f)` calls `f` with the elements."""
    for thing in value.things:
        if isinstance(thing, Function):
            invoke(walker, thing, None, Arguments([heap.items(owner)]), node, frame)


def effect(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.AST, frame: Frame
) -> Value:
    """What a method changes in a container, and what it returns."""
    first = given.positional[0] if given.positional else NOTHING
    last = given.positional[-1] if given.positional else NOTHING
    known = first.constant()
    key = known if isinstance(known, str) else REST
    if name in outside.ADDING:
        if name.startswith("extend"):
            last = loading.elements(walker, last, node, frame)
        heap.put(owner, REST, last)
        return Value(kind="constant")
    if name in ("setdefault", "__setitem__"):
        if len(given.positional) > 1:
            heap.put(owner, key, last)
        return heap.items(owner, key)
    if name == "update":
        for thing in first.objects():
            for inner_key, inner in list(thing.items.items()):
                heap.put(owner, inner_key, inner)
        for inner_name, inner in given.keywords.items():
            heap.put(owner, inner_name, inner)
        return Value(kind="constant")
    if name in ("get", "pop", "__getitem__"):
        found = heap.items(owner, key)
        found = classes.default_item(walker, owner, found, node, frame)
        if len(given.positional) > 1:
            found = join(found, last)
        return Value(found.things, found.reads, found.kind)
    if name in ("popleft", "popitem"):
        return heap.items(owner)
    if name in ("copy", "union", "difference", "intersection"):
        made = loading.make(walker, owner.what, node, frame)
        made.items = dict(owner.items)
        return Value((made,), kind="new")
    return Value(kind="call")


def of_queue(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.AST, frame: Frame
) -> Value:
    """One step of what synchronises itself."""
    if given.positional and name.startswith("put"):
        heap.put(owner, REST, given.positional[0])
    if owner.home is None:
        return heap.items(owner).plus(all_reads(given))
    kinds = {"is_set": Kind.TEST, "empty": Kind.TEST, "qsize": Kind.TEST, "full": Kind.TEST}
    detail = Detail(None, name, "", all_reads(given), True)
    location = heap.step(owner.home, "[]")
    walker.types.setdefault(location, set()).add(owner.what)
    reads = walker.trace.note(kinds.get(name, Kind.UPDATE), location, node, frame, detail)
    return Value(heap.items(owner).things, reads)


def of_variable(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.AST, frame: Frame
) -> Value:
    """A context variable, which each request has for itself."""
    if owner.home is None or name not in ("get", "set"):
        return Value(kind="call")
    location = replace(owner.home, root=Root.CONTEXT)
    value = given.positional[0] if given.positional else NOTHING
    if name == "set":
        owner.items[REST] = heap.keep(owner.items.get(REST), value)
        walker.trace.note(
            Kind.WRITE, location, node, frame, Detail(None, name, value.kind, value.reads)
        )
        return Value(kind="call")
    reads = walker.trace.note(Kind.READ, location, node, frame, Detail(None, name))
    return Value(heap.items(owner).things, reads)
