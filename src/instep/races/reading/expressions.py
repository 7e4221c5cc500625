"""What each kind of expression denotes, and what it reads on the way."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

from instep.races.reading import calls, heap, loading, paths, state_files, storing
from instep.races.reading.frames import Frame
from instep.races.reading.model import Kind
from instep.races.reading.trace import Detail
from instep.races.reading.values import (
    NOTHING,
    REST,
    Constant,
    Function,
    Object,
    Outside,
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Evaluator, Walker

MOST_ELEMENTS = 60
"""Of a literal that are looked at: tables of constants may have thousands."""


def name(walker: Walker, node: ast.Name, frame: Frame) -> Value:
    """A variable."""
    wanted, scope = node.id, frame.scope
    known = frame.names.get(wanted)
    if known is None or scope is None or wanted in scope.outer:
        return loading.name(walker, wanted, node, frame).named(wanted)
    if not known.text:  # a local variable is named once, and not at every look
        known = frame.names[wanted] = known.named(wanted)
    return known


def constant(walker: Walker, node: ast.Constant, frame: Frame) -> Value:
    """A literal."""
    return literal(node.value)


@lru_cache(maxsize=8192, typed=True)
def literal(value: object) -> Value:
    """A number or text; of other literals it is only known that they are one."""
    things = (Constant(value),) if isinstance(value, (str, int, float)) else ()
    return Value(things, kind="constant")


def attribute(walker: Walker, node: ast.Attribute, frame: Frame) -> Value:
    """`value.name`."""
    owner = walker.evaluate(node.value, frame)
    return loading.attribute(walker, owner, node.attr, node, frame)


def subscript(walker: Walker, node: ast.Subscript, frame: Frame) -> Value:
    """`value[key]`."""
    owner = walker.evaluate(node.value, frame)
    key = walker.evaluate(node.slice, frame)
    return loading.item(walker, owner, key, node, frame)


def display(what: str) -> Evaluator:
    """A list, set or tuple."""

    def evaluate(walker: Walker, node: Any, frame: Frame) -> Value:
        made = loading.make(walker, what, node, frame)
        reads: frozenset[int] = frozenset()
        for number, element in enumerate(node.elts[:MOST_ELEMENTS]):
            if isinstance(element, ast.Starred):
                inner = loading.elements(
                    walker, walker.evaluate(element.value, frame), element, frame
                )
                heap.put(made, REST, inner)
            else:
                inner = walker.evaluate(element, frame)
                heap.put(made, number if what == "tuple" else REST, inner)
            reads |= inner.reads
        return Value((made,), reads, "new")

    return evaluate


def dictionary(walker: Walker, node: ast.Dict, frame: Frame) -> Value:
    """`{key: value}`."""
    made = loading.make(walker, "dict", node, frame)
    reads: frozenset[int] = frozenset()
    for key, value in zip(node.keys[:MOST_ELEMENTS], node.values, strict=False):
        inner = walker.evaluate(value, frame)
        reads |= inner.reads
        if key is None:
            loading.spread(walker, made, inner, node, frame)
            continue
        named = walker.evaluate(key, frame)
        reads |= named.reads
        known = named.constant()
        heap.put(made, known if isinstance(known, (str, int)) else REST, inner)
    return Value((made,), reads, "new")


def comprehension(what: str) -> Evaluator:
    """A comprehension, which has variables of its own."""

    def evaluate(walker: Walker, node: Any, frame: Frame) -> Value:
        before = walker.trace.guards
        shadowed = dict(frame.names) if frame.scope is not None else None
        own = frame if shadowed is not None else loading.inner_frame(frame)
        reads: frozenset[int] = frozenset()
        kind = "new"
        for generator in node.generators:
            source = walker.evaluate(generator.iter, own)
            inner = loading.elements(walker, source, generator.iter, own)
            reads |= inner.reads
            kind = "loaded" if state_files.loaded(source) else kind
            storing.bind_local(walker, generator.target, inner, own)
            own.loops += 1
            for condition in generator.ifs:
                start = len(walker.trace.notes)
                reads |= walker.evaluate(condition, own).reads
                walker.trace.guards |= walker.trace.tested(start, own)
        result = loading.make(walker, what, node, frame)
        if isinstance(node, ast.DictComp):
            reads |= walker.evaluate(node.key, own).reads
            value = walker.evaluate(node.value, own)
        else:
            value = walker.evaluate(node.elt, own)
        own.loops -= len(node.generators)
        walker.trace.guards = before
        if shadowed is not None:
            frame.names = shadowed
        heap.put(result, REST, value)
        return Value((result,), reads | value.reads, kind)

    return evaluate


def operation(walker: Walker, node: ast.BinOp, frame: Frame) -> Value:
    """`a + b`: a new value that comes from both."""
    left = walker.evaluate(node.left, frame)
    right = walker.evaluate(node.right, frame)
    if isinstance(node.op, ast.Div) and any(
        isinstance(thing, (Object, Outside)) for thing in left.things
    ):
        return paths.joined_path(left, right, node)
    known = paths.put_together(node, left, right, frame)
    if known:
        return Value(known, left.reads | right.reads, "constant" if whole(known) else "call")
    things = loading.copies(walker, [left, right], node, frame)
    kind = "request" if "request" in (left.kind, right.kind) else "new" if things else "number"
    return Value(things, left.reads | right.reads, kind)


def whole(things: tuple[Thing, ...]) -> bool:
    """Whether all of a text is known."""
    return all(isinstance(thing, Constant) for thing in things)


def unary(walker: Walker, node: ast.UnaryOp, frame: Frame) -> Value:
    """`not a`, `-a`."""
    inner = walker.evaluate(node.operand, frame)
    if isinstance(node.op, ast.Not):
        return Value((), inner.reads | loading.truth(walker, inner, node.operand, frame), "number")
    return Value((), inner.reads, inner.kind if inner.kind == "constant" else "number")


def boolean(walker: Walker, node: ast.BoolOp, frame: Frame) -> Value:
    """`a or b`: the later ones are decided by the earlier."""
    before = walker.trace.guards
    values: list[Value] = []
    for one in node.values:
        start = len(walker.trace.notes)
        value = walker.evaluate(one, frame)
        values.append(value.plus(loading.truth(walker, value, one, frame)))
        walker.trace.guards |= value.reads | frozenset(range(start, len(walker.trace.notes)))
    walker.trace.guards = before
    return join(*values)


def comparison(walker: Walker, node: ast.Compare, frame: Frame) -> Value:
    """`a == b`, `k in d`."""
    left = walker.evaluate(node.left, frame)
    reads = left.reads
    for operator, comparator in zip(node.ops, node.comparators, strict=True):
        right = walker.evaluate(comparator, frame)
        if isinstance(operator, (ast.In, ast.NotIn)):
            key = loading.key_text(left, node.left)
            reads |= loading.contents(
                walker, right, Kind.TEST, node, frame, Detail(key, "in", depends=reads, atomic=True)
            )
        reads |= right.reads
    return Value((), reads, "number")


def conditional(walker: Walker, node: ast.IfExp, frame: Frame) -> Value:
    """`a if test else b`."""
    before = walker.trace.guards
    start = len(walker.trace.notes)
    tested = walker.evaluate(node.test, frame).reads
    walker.trace.guards |= walker.trace.tested(start, frame) | tested
    value = join(walker.evaluate(node.body, frame), walker.evaluate(node.orelse, frame))
    walker.trace.guards = before
    return value.plus(tested)


def lambda_(walker: Walker, node: ast.Lambda, frame: Frame) -> Value:
    """A function without a name."""
    made = Function(node, f"{frame.title}.<lambda>", frame.module, frame)
    return Value((made,), kind="constant")


def text(walker: Walker, node: ast.JoinedStr, frame: Frame) -> Value:
    """An f-string."""
    reads: frozenset[int] = frozenset()
    parts: list[str] = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            value = walker.evaluate(part.value, frame)
            reads |= heap.deep_reads(value)
            parts.append(paths.piece(value, part.value, frame))
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return Value(paths.template(parts, node), reads, "number" if reads else "call")


def named(walker: Walker, node: ast.NamedExpr, frame: Frame) -> Value:
    """`name := value`."""
    walker.renamed += 1
    value = walker.evaluate(node.value, frame)
    storing.assign(walker, node.target, value, frame)
    return value


def inner(walker: Walker, node: Any, frame: Frame) -> Value:
    """`await value`, `*value`: the value."""
    if isinstance(node, ast.Await):
        walker.trace.call()
    return walker.evaluate(node.value, frame)


def yielded(walker: Walker, node: Any, frame: Frame) -> Value:
    """`yield value`: what a generator holds now is what its user holds."""
    value = walker.evaluate(node.value, frame)
    if isinstance(node, ast.YieldFrom):
        value = loading.elements(walker, value, node, frame)
    frame.yields.append(value)
    frame.holding = walker.trace.held
    return NOTHING


def slice_(walker: Walker, node: ast.Slice, frame: Frame) -> Value:
    """`a:b`."""
    reads = [walker.evaluate(one, frame).reads for one in (node.lower, node.upper, node.step)]
    return Value((), frozenset().union(*reads), "number")


EVALUATORS: dict[type, Evaluator] = {
    ast.Name: name,
    ast.Constant: constant,
    ast.Attribute: attribute,
    ast.Subscript: subscript,
    ast.List: display("list"),
    ast.Tuple: display("tuple"),
    ast.Set: display("set"),
    ast.Dict: dictionary,
    ast.ListComp: comprehension("list"),
    ast.SetComp: comprehension("set"),
    ast.GeneratorExp: comprehension("generator"),
    ast.DictComp: comprehension("dict"),
    ast.BinOp: operation,
    ast.UnaryOp: unary,
    ast.BoolOp: boolean,
    ast.Compare: comparison,
    ast.IfExp: conditional,
    ast.Lambda: lambda_,
    ast.JoinedStr: text,
    ast.NamedExpr: named,
    ast.Await: inner,
    ast.Starred: inner,
    ast.Yield: yielded,
    ast.YieldFrom: yielded,
    ast.Slice: slice_,
    ast.Call: calls.call,
}
