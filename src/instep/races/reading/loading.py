"""Reads: variables, attributes, items and elements, with the accesses they make."""

from __future__ import annotations

import ast
from dataclasses import replace

from instep.races.reading import classes, heap, outside
from instep.races.reading.frames import Frame, Module, words
from instep.races.reading.functions import Arguments, invoke
from instep.races.reading.model import Kind, Location, Root
from instep.races.reading.trace import Detail
from instep.races.reading.values import (
    NO_READS,
    NOTHING,
    REST,
    Bound,
    Class,
    Constant,
    Function,
    Link,
    Method,
    Object,
    Outside,
    Proxy,
    Super,
    Thing,
    Value,
    View,
    join,
)
from instep.races.reading.walker import Walker

BUILTINS = frozenset(dir(__builtins__) if not isinstance(__builtins__, dict) else __builtins__)


INDEXERS = frozenset({"loc", "iloc", "at", "iat"})
"""Attributes of a table of pandas that stand for the table."""

CURRENT = frozenset({"flask.current_app", "flask.globals.current_app"})


def make(walker: Walker, what: str, node: ast.AST, frame: Frame) -> Object:
    """A new object, private so far."""
    site = (frame.module.path, getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    return Object(what, site, walker.trace.walk)


def inner_frame(frame: Frame) -> Frame:
    """A frame for the variables of a comprehension at the top of a module or class."""
    own = replace(frame)
    own.names = {}
    return own


def name(walker: Walker, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """What a variable holds: of the function, of one around it, of the module, or built in."""
    scope = frame.scope
    if wanted in frame.names and (scope is None or wanted not in scope.outer):
        return frame.names[wanted]
    if frame.cls is not None and frame.scope is None and wanted in frame.cls.attributes:
        return frame.cls.attributes[wanted]
    if scope is None or wanted not in scope.outer:
        if scope is not None and wanted in scope.local:
            return NOTHING
        outer = frame.parent
        while outer is not None:
            if outer.scope is not None and (
                wanted in outer.names and wanted not in outer.scope.outer
            ):
                return closed_over(walker, wanted, node, frame, outer)
            outer = outer.parent
    return of_module(walker, frame.module, wanted, node, frame)


def closed_over(walker: Walker, wanted: str, node: ast.AST, frame: Frame, outer: Frame) -> Value:
    """A variable of a function around this one: shared, if that one ran at the start."""
    value = outer.names[wanted]
    if outer.walk == walker.trace.walk:
        return value
    if outer.walk != 0:
        return value.bare()
    location = Location(Root.CLOSURE, outer.title, wanted)
    for thing in value.objects():
        if wanted == "self" and thing.cls is not None:
            heap.publish(Value((thing,)), heap.shared_self(thing))
    heap.publish(value, location)
    reads = NO_READS
    if wanted in walker.survey.nonlocals:
        reads = walker.trace.note(Kind.READ, location, node, frame)
    return Value(value.things, reads, value.kind)


def of_module(walker: Walker, module: Module, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """A global variable, or what is built in."""
    value = module.names.get(wanted)
    if value is None:
        if wanted in module.rebound:
            location = Location(Root.GLOBAL, module.name, wanted)
            return Value((), walker.trace.note(Kind.READ, location, node, frame))
        if wanted == "__file__":
            return Value(kind="constant")
        if wanted in BUILTINS:
            return Value((Outside("builtins." + wanted),))
        return NOTHING
    for thing in value.things:
        if type(thing) in LATE:
            value = linked(walker, value)
            if Proxy in map(type, value.things):
                value = proxied(walker, value, node, frame)
            break
    if wanted in module.rebound:
        location = Location(Root.GLOBAL, module.name, wanted)
        reads = walker.trace.note(Kind.READ, location, node, frame)
        return Value(value.things, reads, value.kind)
    return Value(value.things, NO_READS, value.kind)


LATE = frozenset({Link, Outside, Proxy})
"""What a name may stand for that has to be looked up when it is used."""


def proxied(walker: Walker, value: Value, node: ast.AST, frame: Frame) -> Value:
    """What a proxy stands for now."""
    found = [Value(tuple(one for one in value.things if not isinstance(one, Proxy)))]
    for thing in value.things:
        if isinstance(thing, Proxy):
            for one in thing.target.things:
                function = one.function if isinstance(one, Bound) else one
                if isinstance(function, Function):
                    receiver = one.receiver if isinstance(one, Bound) else None
                    result = invoke(walker, function, receiver, Arguments(), node, frame)
                    name = thing.name
                    found.append(attribute(walker, result, name, node, frame) if name else result)
    return join(*found)


def linked(walker: Walker, value: Value) -> Value:
    """Follow names that were imported before they were defined."""
    things: list[Thing] = []
    for thing in value.things:
        if isinstance(thing, Outside) and thing.name in CURRENT:
            things += walker.applications[:3]
            continue
        if not isinstance(thing, Link):
            things.append(thing)
            continue
        target = thing.module.names.get(thing.name, NOTHING)
        things += [one for one in target.things if not isinstance(one, Link)]
    return Value(tuple(things), value.reads, value.kind)


def attribute(walker: Walker, owner: Value, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """`owner.wanted`, whatever the owner may be."""
    if not owner.things:
        return Value((), owner.reads, owner.kind)
    found = [of_thing(walker, thing, wanted, node, frame) for thing in owner.things]
    value = join(*found).plus(owner.reads)
    if owner.kind == "request" and value.kind != "request":
        return Value(value.things, value.reads, "request")
    return value


def of_thing(walker: Walker, thing: Thing, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """The attribute of one thing."""
    if isinstance(thing, Module):
        return of_other_module(walker, thing, wanted, node, frame)
    if isinstance(thing, Object) and thing.what.startswith("pathlib.") and wanted == "parent":
        return Value((thing,))
    if isinstance(thing, Object) and wanted in INDEXERS and thing.cls is None:
        return Value((thing,), thing.numbers)
    if isinstance(thing, Outside):
        if thing.name in CURRENT:
            apps = Value(tuple(walker.applications[:3]))
            return attribute(walker, apps, wanted, node, frame) if apps.things else NOTHING
        inner = walker.modules.find(f"{thing.name}.{wanted}", frame.module)
        if inner is not None:  # a module in a folder without `__init__`
            walker.run_module(inner)
            return Value((inner,))
        return outside_value(walker, f"{thing.name}.{wanted}")
    if isinstance(thing, Object):
        return of_object(walker, thing, wanted, node, frame)
    if isinstance(thing, Class):
        return classes.attribute(walker, thing, wanted, thing, node, frame)
    if isinstance(thing, Super):
        return classes.above(walker, thing, wanted, node, frame)
    if isinstance(thing, (Function, Bound)):
        function = thing.function if isinstance(thing, Bound) else thing
        if wanted in walker.survey.attributes:
            location = Location(Root.FUNCTION, function.name, wanted)
            reads = walker.trace.note(Kind.READ, location, node, frame)
            return function.attributes.get(wanted, NOTHING).bare().plus(reads)
        if wanted in ("delay", "apply_async", "__wrapped__", "kiq", "send"):
            return Value((thing,))
        return function.attributes.get(wanted, NOTHING)
    if isinstance(thing, Constant):
        return Value((), kind="call")
    return NOTHING


def of_other_module(
    walker: Walker, module: Module, wanted: str, node: ast.AST, frame: Frame
) -> Value:
    """`module.wanted`."""
    walker.run_module(module)
    if wanted in module.names or wanted in module.rebound:
        value = of_module(walker, module, wanted, node, frame)
        if wanted in walker.survey.attributes and wanted not in module.rebound:
            location = Location(Root.GLOBAL, module.name, wanted)
            return value.plus(walker.trace.note(Kind.READ, location, node, frame))
        return value
    child = walker.modules.child(module, wanted)
    if child is not None:
        walker.run_module(child)
        return Value((child,))
    if module.source.package and module.source.file.parent.joinpath(wanted).is_dir():
        return Value((Outside(f"{module.source.name}.{wanted}"),))  # it has no `__init__`
    return NOTHING


def outside_value(walker: Walker, dotted: str) -> Value:
    """A name of the outside; some stand for what the framework keeps."""
    if dotted in ("flask.session", "flask.globals.session"):
        return Value((walker.session,))
    if dotted in ("flask.g", "flask.globals.g"):
        return Value((walker.context,))
    if dotted in ("os.sep", "os.path.sep"):
        return Value((Constant("/"),), kind="constant")
    if dotted.endswith(".request") or ".request." in dotted:
        return Value((Outside(dotted),), kind="request")
    return Value((Outside(dotted),))


def of_object(walker: Walker, thing: Object, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """An attribute of an object: its own, its class's, or a method of the outside."""
    own = thing.attributes.get(wanted)
    if own is None and thing.cls is not None:
        found = classes.attribute(walker, thing.cls, wanted, thing, node, frame)
        if found is not NOTHING:
            return found
    reads = NO_READS
    if thing.home is not None and wanted in walker.survey.attributes:
        location = heap.step(thing.home, "." + wanted)
        if own_per_thread(thing):
            location = replace(location, root=Root.CONTEXT)
        reads = walker.trace.note(Kind.READ, location, node, frame)
    if own is not None:
        if thing.home is not None or thing.born != walker.trace.walk:
            return Value(own.things, reads, own.kind)
        return own.plus(reads)
    if thing.cls is None or thing.what != thing.cls.name or classes.outside_base(thing.cls):
        return Value((Method(thing, wanted),), reads | thing.numbers)
    return Value((), reads)


def own_per_thread(thing: Object) -> bool:
    """Whether each thread has attributes of its own."""
    if thing.cls is not None:
        return "threading.local" in classes.outside_bases(thing.cls)
    return thing.what in ("threading.local", "_thread._local", "gevent.local.local")


def key_text(value: Value, node: ast.AST | None) -> str:
    """What a key is called, so that two uses of it can be compared."""
    constant = value.constant()
    if constant is not None and not value.reads:  # what is read may be another by now
        return repr(constant)
    if value.text:
        return value.text
    if isinstance(node, ast.expr):
        return words(node)[:60]
    return ""


def item(walker: Walker, owner: Value, key: Value, node: ast.Subscript, frame: Frame) -> Value:
    """`owner[key]`."""
    known = key.constant()
    text = key_text(key, node.slice)
    reads = owner.reads | key.reads
    found: list[Value] = []
    for thing in owner.things:
        if isinstance(thing, Object) and shares_items(thing):
            note = NO_READS
            if thing.home is not None:
                detail = Detail(text, "[]", depends=key.reads, atomic=True)
                note = noted(walker, thing, Kind.READ, node, frame, detail)
            inside = heap.items(thing, known if isinstance(known, (str, int)) else REST)
            inside = classes.default_item(walker, thing, inside, node, frame)
            if thing.home is not None:
                inside = Value(inside.things, note, inside.kind)
            found.append(inside.plus(note))
        elif isinstance(thing, Object) and thing.cls is not None:
            found.append(classes.call_method(walker, thing, "__getitem__", [key], node, frame))
    kind = owner.kind if owner.kind == "request" else ""
    value = join(*found)
    return Value(value.things, value.reads | reads, value.kind or kind)


def shares_items(thing: Object) -> bool:
    """Whether an object is a container, or an outside thing that is used as one."""
    if thing.cls is not None:
        return classes.is_container(thing.cls)
    return thing.what in outside.KNOWN_CONTAINERS or not (
        thing.what in ("file", "flask.Flask") or heap.library(thing.what)
    )


def truth(walker: Walker, value: Value, node: ast.expr, frame: Frame) -> frozenset[int]:
    """A container that stands as a test is asked whether it is empty."""
    if not isinstance(node, (ast.Name, ast.Attribute, ast.Subscript)):
        return NO_READS
    detail = Detail(method="bool", depends=value.reads, atomic=True)
    shared = [one for one in value.objects() if one.what in outside.KNOWN_CONTAINERS]
    return contents(walker, Value(tuple(shared)), Kind.TEST, node, frame, detail)


def noted(
    walker: Walker, thing: Object, kind: Kind, node: ast.AST, frame: Frame, detail: Detail
) -> frozenset[int]:
    """Note an access of what is inside a container."""
    if thing.home is None or thing.what in outside.IMMUTABLE:
        return NO_READS
    location = heap.step(thing.home, "[]")
    if location is thing.home and kind is Kind.ITERATE:
        kind = Kind.READ  # too deep to tell what is in it from what it is in
    walker.types.setdefault(location, set()).add(thing.what)
    return walker.trace.note(kind, location, node, frame, detail)


def contents(
    walker: Walker, value: Value, kind: Kind, node: ast.AST, frame: Frame, detail: Detail
) -> frozenset[int]:
    """Note an access of the contents of every container that a value may be."""
    reads = NO_READS
    for thing in value.things:
        if isinstance(thing, View):
            thing = thing.owner
        if isinstance(thing, Object) and shares_items(thing):
            reads |= noted(walker, thing, kind, node, frame, detail)
    return reads


def elements(
    walker: Walker, value: Value, node: ast.AST, frame: Frame, method: str = "for"
) -> Value:
    """What a loop over a value gives, one after the other."""
    at_once = method in outside.AT_ONCE
    detail = Detail(method=method, depends=value.reads, atomic=at_once)
    reads = value.reads | contents(walker, value, Kind.ITERATE, node, frame, detail)
    found: list[Value] = []
    for thing in value.things:
        if isinstance(thing, View):
            inner = heap.items(thing.owner)
            if thing.owner.home is not None:
                inner = inner.bare()
            if thing.name in ("items", "iteritems"):
                pair = make(walker, "tuple", node, frame)
                pair.items = {0: Value((), reads), 1: inner.plus(reads)}
                inner = Value((pair,))
            elif "key" in thing.name:
                inner = Value((), reads)
            found.append(inner)
        elif isinstance(thing, Object) and thing.what not in outside.MAPPINGS:
            inner = heap.items(thing)
            found.append(inner.bare() if thing.home is not None else inner)
    value_found = join(*found)
    kind = value_found.kind or (value.kind if value.kind == "request" else "")
    return Value(value_found.things, value_found.reads | reads, kind)


def spread(walker: Walker, made: Object, value: Value, node: ast.AST, frame: Frame) -> None:
    """`{**value}`: the items of another mapping."""
    contents(walker, value, Kind.ITERATE, node, frame, Detail(method="**", atomic=True))
    for thing in value.objects():
        for key, inner in list(thing.items.items()):
            heap.put(made, key, inner)


def copies(walker: Walker, values: list[Value], node: ast.AST, frame: Frame) -> tuple[Thing, ...]:
    """The new container that `a + b` or `a | b` makes of containers."""
    made: Object | None = None
    for value in values:
        for thing in value.objects():
            if thing.what in outside.KNOWN_CONTAINERS:
                if made is None:
                    made = make(walker, thing.what, node, frame)
                heap.put(made, REST, heap.items(thing))
    return (made,) if made else ()
