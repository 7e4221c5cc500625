"""`a += b`: one update, which reads before and writes after what `b` calls."""

from __future__ import annotations

import ast

from instep.races.reading import loading, storing
from instep.races.reading.classes import defined
from instep.races.reading.frames import Frame
from instep.races.reading.model import Kind
from instep.races.reading.trace import Detail
from instep.races.reading.values import NOTHING, Value
from instep.races.reading.walker import Flow, Walker

OPERATORS: dict[type, str] = {
    ast.Add: "+=",
    ast.Sub: "-=",
    ast.Mult: "*=",
    ast.Div: "/=",
    ast.BitOr: "|=",
    ast.BitAnd: "&=",
}


def augmented(walker: Walker, node: ast.AugAssign, frame: Frame) -> Flow:
    """`a += value`: one update, with the calls that the value makes between read and write."""
    before = walker.trace.ticks
    value = walker.evaluate(node.value, frame)
    calls = walker.trace.ticks - before
    method = OPERATORS.get(type(node.op), "op=")
    if isinstance(node.target, ast.Name):
        local = frame.scope is not None and node.target.id in frame.scope.local
        old = frame.names.get(node.target.id, NOTHING) if local else NOTHING
        if local and old.things and extends(walker, old, value, node, frame, method):
            return Flow.ON
        value = Value(old.things, old.reads | value.reads, "number", old.text)
    else:
        more = before_update(walker, node.target, frame)
        value = Value(value.things, value.reads | more, "number")
    start = len(walker.trace.notes)
    storing.assign(walker, node.target, value, frame, Detail(method=method))
    for note in walker.trace.notes[start:]:
        if note.method == method:
            note.kind = Kind.UPDATE
            note.calls = calls
            note.atomic = False
    return Flow.ON


def before_update(walker: Walker, target: ast.expr, frame: Frame) -> frozenset[int]:
    """What `a.b += 1` reads through a property before it writes."""
    if not isinstance(target, ast.Attribute):
        return frozenset()
    owner = walker.evaluate(target.value, frame)
    reads: frozenset[int] = frozenset()
    for thing in owner.objects():
        found = defined(thing.cls, target.attr) if thing.cls is not None else None
        if found and any("property" in getattr(one, "marks", ()) for one in found[1].things):
            reads |= loading.attribute(walker, Value((thing,)), target.attr, target, frame).reads
    return reads


def extends(
    walker: Walker, old: Value, value: Value, node: ast.AugAssign, frame: Frame, method: str
) -> bool:
    """`list_ += more` changes the list itself."""
    lists = [one for one in old.objects() if one.what in ("list", "set", "collections.deque")]
    detail = Detail(method=method, depends=value.reads)
    for one in lists:
        loading.noted(walker, one, Kind.WRITE, node, frame, detail)
    return bool(lists)
