"""Writes: names, attributes and items bound, with the accesses they make."""

from __future__ import annotations

import ast
from dataclasses import replace

from instep.races.reading import classes, entries, heap, loading, outside
from instep.races.reading.frames import Frame, Module
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
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Walker

PLAIN = Detail(method="=")


def assign(
    walker: Walker, target: ast.expr, value: Value, frame: Frame, detail: Detail = PLAIN
) -> None:
    """Store a value in a target of any form."""
    if isinstance(target, ast.Name):
        bind(walker, target.id, value, target, frame, detail)
    elif isinstance(target, ast.Attribute):
        owner = walker.evaluate(target.value, frame)
        if not owner.things and isinstance(target.value, ast.Attribute):
            owner = unknown_attribute(walker, target.value, frame).plus(owner.reads)
        for thing in owner.things:
            attribute(walker, thing, target.attr, value, target, frame, detail)
        entries.assigned(walker, target.attr, owner, value, frame)
    elif isinstance(target, ast.Subscript):
        owner = walker.evaluate(target.value, frame)
        if not owner.things and isinstance(target.value, ast.Subscript):
            owner = unknown_item(walker, target.value, frame).plus(owner.reads)
        key = walker.evaluate(target.slice, frame)
        item(walker, owner, key, value, target, frame, detail)
    elif isinstance(target, (ast.Tuple, ast.List)):
        unpack(walker, target.elts, value, frame, detail)
    elif isinstance(target, ast.Starred):
        assign(walker, target.value, value, frame, detail)


def unknown_item(walker: Walker, node: ast.Subscript, frame: Frame) -> Value:
    """`users[name]` of `users[name]["age"] = 7`, where nothing is known of the users, is a dict."""
    start = len(walker.trace.notes)
    holders = walker.evaluate(node.value, frame).objects()
    key = walker.evaluate(node.slice, frame).constant()
    del walker.trace.notes[start:]  # it has been looked at once
    for thing in holders:
        if thing.home is not None and thing.what in outside.KNOWN_CONTAINERS:
            made = Object("dict", (*thing.site[:2], -7), 0)
            if heap.put(thing, key if isinstance(key, str) else REST, Value((made,))):
                changes(walker, heap.step(thing.home, "[]"), Value((made,)))
    return Value(tuple(one for thing in holders for one in heap.items(thing).things))


def unknown_attribute(walker: Walker, node: ast.Attribute, frame: Frame) -> Value:
    """`self.row` of `self.row.count = 7`, where nothing is known of the row, is an object."""
    start = len(walker.trace.notes)
    holders = walker.evaluate(node.value, frame).objects()
    del walker.trace.notes[start:]  # it has been looked at once
    found: list[Thing] = []
    for thing in holders:
        if thing.home is None or thing.cls is None or classes.is_record(thing.cls):
            continue
        if not classes.defined(thing.cls, node.attr):
            made = Object(heap.UNKNOWN, (*thing.site[:2], -7), 0)
            location = heap.step(thing.home, "." + node.attr)
            heap.publish(Value((made,)), location)
            hold(walker, thing.attributes, node.attr, Value((made,)), location)
            found += thing.attributes[node.attr].things
    return Value(tuple(found))


def unpack(
    walker: Walker, targets: list[ast.expr], value: Value, frame: Frame, detail: Detail
) -> None:
    """`a, b = value`."""
    tuples = [thing for thing in value.objects() if thing.what in ("tuple", "list")]
    for number, target in enumerate(targets):
        if tuples:
            parts = [
                one.items[number] if number in one.items else heap.items(one) for one in tuples
            ]
            assign(walker, target, join(*parts).plus(value.reads), frame, detail)
        else:
            assign(walker, target, Value((), value.reads, value.kind), frame, detail)


def bind_local(walker: Walker, target: ast.expr, value: Value, frame: Frame) -> None:
    """Bind the variables of a comprehension, which belong to it."""
    if isinstance(target, ast.Name):
        frame.names[target.id] = value.named(target.id)
    elif isinstance(target, (ast.Tuple, ast.List)):
        tuples = [thing for thing in value.objects() if thing.what == "tuple"]
        for number, one in enumerate(target.elts):
            parts = [made.items.get(number, NOTHING) for made in tuples]
            bind_local(walker, one, join(*parts).plus(value.reads), frame)
    else:
        assign(walker, target, value, frame)


def bind(
    walker: Walker, name: str, value: Value, node: ast.AST, frame: Frame, detail: Detail = PLAIN
) -> None:
    """`name = value`, wherever the name belongs."""
    scope = frame.scope
    if scope is None and frame.cls is not None:
        location = Location(Root.CLASS, frame.cls.name, name)
        walker.bound(location, frame.place(node))
        heap.publish(value, location)
        frame.cls.attributes[name] = heap.keep(frame.cls.attributes.get(name), value)
    elif scope is None or name in scope.outer:
        in_module(walker, frame.module, name, value, node, frame, detail)
    elif name in scope.nonlocals:
        in_closure(walker, name, value, node, frame, detail)
    else:
        frame.names[name] = value.named(name)
        if walker.starting:
            walker.bound(Location(Root.CLOSURE, frame.title, name), frame.place(node))


def in_module(
    walker: Walker,
    module: Module,
    name: str,
    value: Value,
    node: ast.AST,
    frame: Frame,
    detail: Detail,
) -> None:
    """A global is bound."""
    location = Location(Root.GLOBAL, module.name, name)
    walker.bound(location, frame.place(node))
    heap.publish(value, location)
    note(walker, Kind.WRITE, location, value, node, frame, detail)
    if not walker.starting and name not in module.rebound:
        module.rebound.add(name)
        walker.forget()
    hold(walker, module.names, name, value, location)


def in_closure(
    walker: Walker, name: str, value: Value, node: ast.AST, frame: Frame, detail: Detail
) -> None:
    """A variable of a function around this one is bound."""
    outer = frame.parent
    while outer is not None:
        if outer.scope is not None and name in outer.scope.local:
            if outer.walk == 0 and walker.trace.walk != 0:
                location = Location(Root.CLOSURE, outer.title, name)
                heap.publish(value, location)
                note(walker, Kind.WRITE, location, value, node, frame, detail)
                hold(walker, outer.names, name, value, location)
            else:
                outer.names[name] = join(outer.names.get(name, NOTHING), value)
            return
        outer = outer.parent


def note(
    walker: Walker,
    kind: Kind,
    location: Location,
    value: Value,
    node: ast.AST,
    frame: Frame,
    detail: Detail,
) -> frozenset[int]:
    """Note a write, or an update in place if the operator says so."""
    if detail.method.endswith("=") and len(detail.method) > 1:
        kind = Kind.UPDATE
    types = walker.types.setdefault(location, set())
    types.update(type_names(value))
    depends = detail.depends | heap.deep_reads(value)
    return walker.trace.note(
        kind, location, node, frame, replace(detail, value=value.kind, depends=depends)
    )


def hold(
    walker: Walker, holder: dict[str, Value], name: str, value: Value, location: Location
) -> None:
    """Let a place hold a value too."""
    old = holder.get(name)
    holder[name] = kept = heap.keep(old, value)
    if kept is not old:
        changes(walker, location, value)


def changes(walker: Walker, location: Location, value: Value) -> None:
    """More in a place makes walks before it incomplete, if they looked there."""
    if not walker.starting and any(not isinstance(thing, Constant) for thing in value.things):
        walker.growth += 1
        walker.changed[location] = walker.growth


def type_names(value: Value) -> set[str]:
    """The dotted names of the classes that a value may be of."""
    names: set[str] = set()
    for thing in value.things:
        if isinstance(thing, Object):
            names.add(thing.cls.name if thing.cls is not None else thing.what)
        elif isinstance(thing, (Function, Bound)):
            names.add("function")
        else:
            known = value.constant()
            names |= {type(known).__name__} if known is not None else set()
    return names


def attribute(
    walker: Walker,
    thing: Thing,
    name: str,
    value: Value,
    node: ast.AST,
    frame: Frame,
    detail: Detail = PLAIN,
) -> None:
    """`thing.name = value`."""
    if isinstance(thing, Object):
        of_object(walker, thing, name, value, node, frame, detail)
    elif isinstance(thing, Class):
        found = classes.defined(thing, name)
        owner = found[0] if found else thing
        location = Location(Root.CLASS, owner.name, name)
        heap.publish(value, location)
        note(walker, Kind.WRITE, location, value, node, frame, detail)
        hold(walker, owner.attributes, name, value, location)
    elif isinstance(thing, Module):
        in_module(walker, thing, name, value, node, frame, detail)
    elif isinstance(thing, (Function, Bound)):
        function = thing.function if isinstance(thing, Bound) else thing
        location = Location(Root.FUNCTION, function.name, name)
        if function.frame is None or function.frame.walk == 0:
            heap.publish(value, location)
            note(walker, Kind.WRITE, location, value, node, frame, detail)
        hold(walker, function.attributes, name, value, location)


def of_object(
    walker: Walker,
    thing: Object,
    name: str,
    value: Value,
    node: ast.AST,
    frame: Frame,
    detail: Detail,
) -> None:
    """An attribute of an object is bound, or its property's setter called."""
    found = classes.defined(thing.cls, name) if thing.cls is not None else None
    for one in found[1].things if found else ():
        if isinstance(one, Function) and "setter" in one.marks:
            invoke(walker, one, thing, Arguments([value]), node, frame)
            return
    if thing.home is None:
        old = thing.attributes.get(name, NOTHING)
        thing.attributes[name] = Value(join(value, old).things, value.reads, value.kind)
        if walker.starting:
            thing.places.setdefault(name, frame.place(node))
        return
    location = heap.step(thing.home, "." + name)
    walker.bound(location, frame.place(node))
    if loading.own_per_thread(thing):
        location = replace(location, root=Root.CONTEXT)
    if not heap.library(thing.what) or thing.what == "flask.g":
        note(walker, Kind.WRITE, location, value, node, frame, detail)
        heap.publish(value, location)
        hold(walker, thing.attributes, name, value, location)


def item(
    walker: Walker,
    owner: Value,
    key: Value,
    value: Value,
    node: ast.Subscript,
    frame: Frame,
    detail: Detail = PLAIN,
) -> None:
    """`owner[key] = value`."""
    known = key.constant()
    text = loading.key_text(key, node.slice)
    for thing in owner.things:
        if not isinstance(thing, Object):
            continue
        if thing.cls is not None and classes.defined(thing.cls, "__setitem__"):
            classes.call_method(walker, thing, "__setitem__", [key, value], node, frame)
            continue
        if not loading.shares_items(thing):
            continue
        if thing.home is not None:
            location = heap.step(thing.home, "[]")
            walker.types.setdefault(location, set()).add(thing.what)
            depends = detail.depends | key.reads
            noted = replace(detail, key=text, depends=depends, atomic=True)
            note(walker, Kind.WRITE, location, value, node, frame, noted)
        grown = heap.put(thing, known if isinstance(known, (str, int)) else REST, value)
        if grown and thing.home is not None:
            changes(walker, heap.step(thing.home, "[]"), heap.items(thing))


def remove(walker: Walker, target: ast.expr, frame: Frame) -> None:
    """`del target`."""
    if isinstance(target, ast.Name):
        if frame.scope is not None and target.id in frame.scope.local:
            frame.names.pop(target.id, None)
        return
    if isinstance(target, ast.Attribute):
        owner = walker.evaluate(target.value, frame)
        for thing in owner.objects():
            if thing.home is not None:
                location = heap.step(thing.home, "." + target.attr)
                walker.trace.note(Kind.WRITE, location, target, frame, Detail(method="del"))
    elif isinstance(target, ast.Subscript):
        owner = walker.evaluate(target.value, frame)
        key = walker.evaluate(target.slice, frame)
        text = loading.key_text(key, target.slice)
        detail = Detail(text, "del", depends=key.reads | owner.reads, atomic=True)
        loading.contents(walker, owner, Kind.WRITE, target, frame, detail)
        for thing in owner.objects():
            classes.call_method(walker, thing, "__delitem__", [key], target, frame)
    elif isinstance(target, (ast.Tuple, ast.List)):
        for one in target.elts:
            remove(walker, one, frame)
