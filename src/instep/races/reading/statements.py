"""What each kind of statement does: control, definitions, imports.

How it stays right. A test that is passed guards what follows it: the branch, and, when the branch
leaves (`return`, `raise`), all that comes after. A test in a callee that raises guards what its
caller does next. The handler of an exception is guarded by what was tried.
"""

from __future__ import annotations

import ast
from typing import Any

from instep.races.reading import augmenting, defining, heap, loading, locking, presence, storing
from instep.races.reading.calls import stops
from instep.races.reading.classes import call_method, instantiate
from instep.races.reading.frames import Frame, words
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Hold, Kind
from instep.races.reading.trace import Detail
from instep.races.reading.values import NOTHING, Class, Object, Value, join
from instep.races.reading.walker import Executor, Flow, Walker


def expression(walker: Walker, node: ast.Expr, frame: Frame) -> Flow:
    """A call, mostly; some never come back."""
    if isinstance(node.value, ast.Constant):
        return Flow.ON
    walker.evaluate(node.value, frame)
    return Flow.RAISED if stops(walker, node.value, frame) else Flow.ON


def assignment(walker: Walker, node: ast.Assign, frame: Frame) -> Flow:
    """`a = b = value`."""
    value = implied(walker, walker.evaluate(node.value, frame), frame)
    for target in node.targets:
        storing.assign(walker, target, value, frame)
    return Flow.ON


def implied(walker: Walker, value: Value, frame: Frame) -> Value:
    """A flag that is set under a test tells what the test read."""
    if value.kind == "constant" and not value.reads and frame.scope is not None:
        return value.plus(walker.trace.guards - frame.entry)
    return value


def annotated(walker: Walker, node: ast.AnnAssign, frame: Frame) -> Flow:
    """`a: int = value`."""
    if node.value is not None:
        value = walker.evaluate(node.value, frame)
        if not any(not isinstance(one, Object) or one.cls for one in value.things):
            value = declared(walker, node, value, frame)
        storing.assign(walker, node.target, value, frame)
    return Flow.ON


def declared(walker: Walker, node: ast.AnnAssign, value: Value, frame: Frame) -> Value:
    """`store: Store = unknown()` at the top of a module is an instance of `Store`."""
    if frame.scope is not None or not isinstance(node.value, ast.Call):
        return value
    words_ = words(node.annotation).strip("\"'")
    for thing in loading.name(walker, words_, node, frame).things:
        if isinstance(thing, Class):
            return instantiate(walker, thing, Arguments(), node, frame)
    return value


def delete(walker: Walker, node: ast.Delete, frame: Frame) -> Flow:
    """`del a, b[c]`."""
    for target in node.targets:
        storing.remove(walker, target, frame)
    return Flow.ON


def returned(walker: Walker, node: ast.Return, frame: Frame) -> Flow:
    """`return value`, which also tells what was tested to get here."""
    value = walker.evaluate(node.value, frame)
    if not frame.stack:
        answer(walker, value, node, frame)
    tested = walker.trace.guards - frame.entry
    frame.sent = heap.deep_reads(value)
    frame.returns.append(value.plus(tested))
    return Flow.LEFT


def answer(walker: Walker, value: Value, node: ast.Return, frame: Frame) -> None:
    """What the entry returns is the answer; a container in it is walked through to be sent."""
    walker.trace.answers |= heap.deep_reads(value)
    for thing in heap.shared_objects(value):
        if thing.what in ("dict", "list", "set"):
            walker.trace.answers |= loading.noted(
                walker, thing, Kind.ITERATE, node, frame, Detail(method="return")
            )


def raised(walker: Walker, node: ast.Raise, frame: Frame) -> Flow:
    """`raise`."""
    walker.evaluate(node.exc, frame)
    return Flow.RAISED


def left(walker: Walker, node: ast.AST, frame: Frame) -> Flow:
    """`break`, `continue`."""
    return Flow.LEFT


def checked(walker: Walker, test: ast.expr, frame: Frame) -> frozenset[int]:
    """Evaluate a test; returns what it decides by."""
    start, renamed = len(walker.trace.notes), walker.renamed
    value = walker.evaluate(test, frame)
    loading.truth(walker, value, test, frame)
    if walker.renamed != renamed:
        return value.reads | frozenset(range(start, len(walker.trace.notes)))
    return value.reads | walker.trace.tested(start, frame)


def choice(walker: Walker, node: ast.If, frame: Frame) -> Flow:
    """`if`: both branches, and what follows under the tests that were passed."""
    trace = walker.trace
    before = trace.guards
    if walker.starting and frame.scope is None and is_main(node.test):
        return main(walker, node, frame)
    tests = checked(walker, node.test, frame)
    names, held, kept = dict(frame.names), trace.held, frame.kept
    told = presence.told(trace, node.test, tests, frame)
    trace.guards = before | tests
    trace.learn(told)
    first = walker.execute(node.body, frame)
    if first is not Flow.ON:
        trace.refused |= presence.turned_away(node.body, told.there, frame)
    after_body, held_body = frame.names, trace.held
    frame.names, trace.held, trace.guards = names, held, before | tests
    trace.learn(told.turned())
    second = walker.execute(node.orelse, frame)
    if second is not Flow.ON:
        trace.refused |= presence.turned_away(node.orelse, told.gone, frame)
        trace.learn(told)
    for flow in (first, second):
        if flow is Flow.RAISED:
            frame.escapes |= tests
        if flow is not Flow.ON:
            frame.kept |= tests
    trace.guards = before | (frame.kept - kept)
    if first is Flow.ON and second is Flow.ON:
        frame.names = merged(after_body, frame.names)
        trace.held = tuple(hold for hold in held_body if hold in trace.held)
    elif first is Flow.ON:
        frame.names, trace.held = after_body, held_body
    if first is Flow.ON or second is Flow.ON:
        return Flow.ON
    frame.names = merged(after_body, frame.names)
    return min(first, second)


def is_main(test: ast.expr) -> bool:
    """Whether a test is `__name__ == "__main__"`."""
    return isinstance(test, ast.Compare) and any(
        isinstance(one, ast.Name) and one.id == "__name__" for one in (test.left, *test.comparators)
    )


def main(walker: Walker, node: ast.If, frame: Frame) -> Flow:
    """What runs only where the file is the program: no worker imports it so."""
    walker.main += 1
    walker.execute(node.body, frame)
    walker.main -= 1
    return walker.execute(node.orelse, frame)


def merged(one: dict[str, Value], other: dict[str, Value]) -> dict[str, Value]:
    """The variables after two branches."""
    result = dict(one)
    for name, value in other.items():
        mine = result.get(name)
        if mine is None:
            result[name] = value
        elif mine is not value:
            result[name] = join(mine, value)
    return result


def loop(walker: Walker, node: Any, frame: Frame) -> Flow:
    """`for` and `while`: once, as one turn of many."""
    trace = walker.trace
    before = trace.guards
    frame.loops += 1
    tests: frozenset[int] = frozenset()
    if isinstance(node, ast.While):
        tests = checked(walker, node.test, frame)
        trace.guards = before | tests
    else:
        frame.loops -= 1
        source = walker.evaluate(node.iter, frame)
        value = loading.elements(walker, source, node.iter, frame)
        frame.loops += 1
        storing.assign(walker, node.target, value, frame)
    kept, frame.kept = frame.kept, frozenset()
    names = dict(frame.names)
    walker.execute(node.body, frame)
    trace.call()
    frame.names = merged(frame.names, names)
    frame.loops -= 1
    if isinstance(node, ast.While) and seeks(node.test):
        frame.kept |= tests
    trace.guards = before | frame.kept
    frame.kept |= kept
    flow = walker.execute(node.orelse, frame)
    if isinstance(node, ast.While) and endless(node):
        return Flow.LEFT
    return flow if node.orelse and flow is Flow.RAISED else Flow.ON


def seeks(test: ast.expr) -> bool:
    """Whether a loop looks for what is free: `while code in rooms`, `while exists(path)`."""
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], ast.In)
    name = getattr(test.func, "attr", "") if isinstance(test, ast.Call) else ""
    return name in ("exists", "isfile", "is_file", "has_key")


def endless(node: ast.While) -> bool:
    """Whether nothing comes after a loop."""
    return isinstance(node.test, ast.Constant) and not any(
        isinstance(one, ast.Break) for one in ast.walk(node)
    )


def with_(walker: Walker, node: Any, frame: Frame) -> Flow:
    """`with`: locks are held in the block, and only there."""
    taken: list[Hold] = []
    left_behind: list[Value] = []
    for item in node.items:
        value = walker.evaluate(item.context_expr, frame)
        before = walker.trace.held
        entered = enter(walker, value, item.context_expr, frame)
        for lock in locking.locks(walker, value, item.context_expr, frame):
            taken.append(walker.trace.take(lock))
        taken += [hold for hold in walker.trace.held if hold not in before and hold not in taken]
        left_behind.append(value)
        if item.optional_vars is not None:
            storing.assign(walker, item.optional_vars, entered, frame)
    flow = walker.execute(node.body, frame)
    for value in reversed(left_behind):
        for thing in value.objects():
            call_method(walker, thing, "__exit__", [NOTHING] * 3, node, frame)
    walker.trace.held = tuple(hold for hold in walker.trace.held if hold not in taken)
    return flow


def enter(walker: Walker, value: Value, node: ast.expr, frame: Frame) -> Value:
    """What `as` gives."""
    results: list[Value] = []
    for thing in value.objects():
        if thing.what == "contextmanager":
            results.append(heap.items(thing))
        elif thing.cls is not None:
            name = "__aenter__" if isinstance(node, ast.Await) else "__enter__"
            results.append(call_method(walker, thing, name, [], node, frame))
    known = join(*results)
    return known.plus(value.reads) if known.things else value


def attempt(walker: Walker, node: Any, frame: Frame) -> Flow:
    """`try`: the handlers are guarded by what was tried."""
    trace = walker.trace
    before, start = trace.guards, len(trace.notes)
    names = dict(frame.names)
    held = trace.held
    escapes = frame.escapes
    flow = walker.execute(node.body, frame)
    if node.handlers:
        frame.escapes = escapes
    after, names_after, held_after = trace.guards, frame.names, trace.held
    tried = frozenset(range(start, min(len(trace.notes), start + 40)))
    ends = [flow]
    for handler in node.handlers:
        trace.guards = before | tried
        trace.held = held
        frame.names = merged(names, names_after)
        if handler.name:
            frame.names[handler.name] = NOTHING
        end = walker.execute(handler.body, frame)
        if end is Flow.ON:
            names_after = merged(names_after, frame.names)
        elif end is Flow.RAISED:
            frame.escapes |= tried
        if end is not Flow.ON:
            after |= tried
        ends.append(end)
    trace.guards, frame.names, trace.held = after, names_after, held_after
    if flow is Flow.ON:
        ends[0] = walker.execute(node.orelse, frame)
    last = walker.execute(node.finalbody, frame)
    if last is not Flow.ON:
        return last
    return Flow.ON if Flow.ON in ends else min(ends)


def match(walker: Walker, node: ast.Match, frame: Frame) -> Flow:
    """`match`: each case under the subject's reads."""
    trace = walker.trace
    before = trace.guards
    start = len(trace.notes)
    subject = walker.evaluate(node.subject, frame)
    tests = subject.reads | frozenset(range(start, len(trace.notes)))
    flows: list[Flow] = []
    names = dict(frame.names)
    result: dict[str, Value] = {}
    for case in node.cases:
        frame.names = dict(names)
        trace.guards = before | tests
        captured(case.pattern, subject, frame)
        if case.guard is not None:
            trace.guards |= checked(walker, case.guard, frame)
        flows.append(walker.execute(case.body, frame))
        result = merged(result, frame.names)
    frame.names = merged(names, result)
    trace.guards = before | (tests if any(flow is not Flow.ON for flow in flows) else frozenset())
    return Flow.ON


def captured(pattern: ast.pattern, subject: Value, frame: Frame) -> None:
    """The names that a pattern binds."""
    for one in ast.walk(pattern):
        name = getattr(one, "name", None) or getattr(one, "rest", None)
        if isinstance(name, str):
            whole = one is pattern and isinstance(one, ast.MatchAs) and one.pattern is None
            frame.names[name] = subject if whole else Value((), subject.reads, subject.kind)


def asserted(walker: Walker, node: ast.Assert, frame: Frame) -> Flow:
    """`assert` guards what follows."""
    walker.trace.guards |= checked(walker, node.test, frame)
    return Flow.ON


EXECUTORS: dict[type, Executor] = {
    ast.Expr: expression,
    ast.Assign: assignment,
    ast.AnnAssign: annotated,
    ast.AugAssign: augmenting.augmented,
    ast.Delete: delete,
    ast.Return: returned,
    ast.Raise: raised,
    ast.Break: left,
    ast.Continue: left,
    ast.If: choice,
    ast.For: loop,
    ast.AsyncFor: loop,
    ast.While: loop,
    ast.With: with_,
    ast.AsyncWith: with_,
    ast.Try: attempt,
    ast.TryStar: attempt,
    ast.Match: match,
    ast.Assert: asserted,
    ast.FunctionDef: defining.function,
    ast.AsyncFunctionDef: defining.function,
    ast.ClassDef: defining.class_,
    ast.Import: defining.import_,
    ast.ImportFrom: defining.import_from,
}
