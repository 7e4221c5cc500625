"""Definitions and imports: functions with their decorators, classes, names of other modules."""

from __future__ import annotations

import ast

from instep.races.reading import calls, entries, heap, storing
from instep.races.reading.classes import is_record
from instep.races.reading.frames import Frame, Module
from instep.races.reading.functions import Arguments, default
from instep.races.reading.model import Location, Root
from instep.races.reading.values import (
    Bound,
    Class,
    Function,
    Link,
    Outside,
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Flow, Walker

MARKS = {
    "property": "property",
    "cached_property": "property",
    "hybrid_property": "property",
    "staticmethod": "static",
    "classmethod": "class",
    "contextmanager": "context",
    "asynccontextmanager": "context",
    "dataclass": "dataclass",
    "define": "dataclass",
    "frozen": "dataclass",
    "attrs": "dataclass",
    "lru_cache": "cached",
    "cache": "cached",
    "setter": "setter",
    "deleter": "setter",
}


BINDING = frozenset({"property", "static", "class", "setter"})
"""Marks that tell how a function is bound when it is found in a class."""


def function(walker: Walker, node: ast.FunctionDef | ast.AsyncFunctionDef, frame: Frame) -> Flow:
    """`def`: its defaults are made now, its decorators called now."""
    owner = frame.cls if frame.scope is None else None
    made = Function(node, f"{frame.title}.{node.name}", frame.module, enclosing(frame), owner)
    spec = node.args
    parameters = [*spec.posonlyargs, *spec.args]
    pairs = list(
        zip(parameters[len(parameters) - len(spec.defaults) :], spec.defaults, strict=True)
    )
    pairs += [
        (one, value)
        for one, value in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
        if value is not None
    ]
    for one, node_ in pairs:
        made.defaults[one.arg] = default(made, one.arg, walker.evaluate(node_, frame))
    if owner is not None and node.name in ("__new__", "__init_subclass__", "__class_getitem__"):
        made.marks.add("new")
    result = Value((made,), kind="constant")
    for decorator in reversed(node.decorator_list):
        result = decorated(walker, decorator, result, made, frame)
    entries.defined(walker, made, frame)
    store(walker, node.name, result, node, frame)
    return Flow.ON


def enclosing(frame: Frame) -> Frame | None:
    """The frame that a function closes over: bodies of classes are skipped."""
    one: Frame | None = frame
    while one is not None and one.scope is None:
        one = one.parent
    return one


def store(walker: Walker, name: str, value: Value, node: ast.AST, frame: Frame) -> None:
    """Bind what was defined; that alone is no state."""
    if frame.scope is None and frame.cls is None:
        heap.publish(value, Location(Root.GLOBAL, frame.module.name, name))
        frame.module.names[name] = heap.keep(frame.module.names.get(name), value)
    elif frame.scope is None and frame.cls is not None:
        frame.cls.attributes[name] = heap.keep(frame.cls.attributes.get(name), value)
    else:
        storing.bind(walker, name, value, node, frame)


def decorated(
    walker: Walker, decorator: ast.expr, value: Value, made: Function, frame: Frame
) -> Value:
    """Apply one decorator: mark, register, or call it if it is the program's own."""
    mark = MARKS.get(entries.last(decorator))
    if mark is not None and (mark != "cached" or of_functools(walker, decorator, frame)):
        walker.evaluate(decorator, frame)
        made.marks.add(mark)
        if mark in BINDING:
            for one in value.things:  # of another decorator, it may be a function of its own
                if isinstance(one, Function):
                    one.marks.add(mark)
        entries.cached(walker, made, decorator, frame)
        return value
    if entries.decorate(walker, decorator, value, frame, made):
        return value
    called = walker.evaluate(decorator, frame)
    own = [one for one in called.things if isinstance(one, (Function, Bound, Class))]
    if not own:
        entries.handed(walker, decorator, made, frame)
        return value
    result = calls.apply(walker, Value(tuple(own)), Arguments([value]), decorator, frame)
    usable = [one for one in result.things if not isinstance(one, Outside)]
    return Value(tuple(usable), kind="constant") if usable else value


def of_functools(walker: Walker, decorator: ast.expr, frame: Frame) -> bool:
    """Whether a decorator called `cache` is Python's, and not one that the program made."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    things = walker.evaluate(target, frame).things
    return not things or any(
        isinstance(one, Outside) and one.name.startswith("functools") for one in things
    )


def class_(walker: Walker, node: ast.ClassDef, frame: Frame) -> Flow:
    """`class`: its body runs now."""
    made = Class(node, f"{frame.title}.{node.name}", frame.module, enclosing(frame))
    bases: list[Thing] = []
    for base in node.bases:
        value = walker.evaluate(base, frame)
        bases += [one for one in value.things if isinstance(one, (Class, Outside))]
        if not value.things and isinstance(base, (ast.Attribute, ast.Name)):
            bases.append(Outside(ast.unparse(base)))
        bases += [Outside(one.what) for one in value.objects() if one.cls is None]
        if any("base:" in one.what for one in value.objects()):
            made.marks.add("record")
    for keyword in node.keywords:
        value = walker.evaluate(keyword.value, frame)
        if keyword.arg == "metaclass":
            for one in value.things:
                if isinstance(one, Class):
                    one.marks.add("meta")
                    bases.append(one)
    made.bases = tuple(bases)
    for decorator in node.decorator_list:
        mark = MARKS.get(entries.last(decorator))
        if mark:
            made.marks.add(mark)
    own = Frame(frame.module, made.name, frame.walk, None, frame, None, made)
    walker.execute_safely(node.body, own)
    if is_record(made):
        made.marks.add("record")
    walker.classes.append(made)
    value = Value((made,), kind="constant")
    for decorator in reversed(node.decorator_list):
        entries.decorate_class(walker, decorator, made, frame)
        if entries.own(walker, entries.callee(decorator), frame):
            value = own_decorator(walker, decorator, value, frame)
    store(walker, node.name, value, node, frame)
    return Flow.ON


def own_decorator(walker: Walker, decorator: ast.expr, value: Value, frame: Frame) -> Value:
    """A class that a function of the program has decorated: it may keep it, or stand for it."""
    called = walker.evaluate(decorator, frame)
    result = calls.apply(walker, called, Arguments([value]), decorator, frame)
    return join(value, Value(tuple(one for one in result.things if isinstance(one, Function))))


def import_(walker: Walker, node: ast.Import, frame: Frame) -> Flow:
    """`import a.b as c`."""
    for alias in node.names:
        if alias.asname:
            thing = module_or_outside(walker, alias.name, frame)
            bind(walker, alias.asname, thing, node, frame)
            continue
        module_or_outside(walker, alias.name, frame)
        first = alias.name.partition(".")[0]
        bind(walker, first, module_or_outside(walker, first, frame), node, frame)
    return Flow.ON


def module_or_outside(walker: Walker, name: str, frame: Frame) -> Thing:
    """The program's module of that name, or somebody else's."""
    module = walker.modules.find(name, frame.module)
    if module is None:
        return Outside(name)
    walker.run_module(module)
    return module


def import_from(walker: Walker, node: ast.ImportFrom, frame: Frame) -> Flow:
    """`from a import b as c`."""
    if node.level:
        module = walker.modules.relative(frame.module, node.level, node.module)
    else:
        module = walker.modules.find(node.module or "", frame.module)
    if module is not None:
        walker.run_module(module)
    for alias in node.names:
        if alias.name == "*":
            star(walker, module, node, frame)
            continue
        value = imported(walker, module, node, alias.name, frame.module)
        store(walker, alias.asname or alias.name, value, node, frame)
    return Flow.ON


def imported(
    walker: Walker, module: Module | None, node: ast.ImportFrom, wanted: str, asker: Module
) -> Value:
    """What `from name import wanted` gives; the name may be a folder without `__init__`."""
    if module is None:
        from instep.races.reading.loading import outside_value

        full = f"{node.module}.{wanted}" if node.module else wanted
        if node.level:
            inner = walker.modules.relative(asker, node.level, full)
        else:
            inner = walker.modules.find(full, asker)
        if inner is None:
            return outside_value(walker, full if node.module else f".{wanted}")
        walker.run_module(inner)
        return Value((inner,))
    if wanted in module.names:
        return module.names[wanted].bare()
    child = walker.modules.child(module, wanted)
    if child is not None:
        walker.run_module(child)
        return Value((child,))
    return Value((Link(module, wanted),))


def star(walker: Walker, module: Module | None, node: ast.ImportFrom, frame: Frame) -> None:
    """`from a import *`."""
    if module is None:
        if node.module in ("flask", "threading", "bottle", "queue", "time", "random"):
            for name in STARS[node.module]:
                bind(walker, name, Outside(f"{node.module}.{name}"), node, frame)
        return
    for name, value in list(module.names.items()):
        if not name.startswith("_"):
            store(walker, name, value.bare(), node, frame)


STARS = {
    "flask": "Flask Blueprint request session g current_app jsonify abort render_template".split(),
    "threading": "Lock RLock Thread Timer Condition Event Semaphore local".split(),
    "bottle": "route get post put delete run request response template abort Bottle".split(),
    "queue": "Queue LifoQueue PriorityQueue".split(),
    "time": ["time", "sleep"],
    "random": ["random", "choice", "randint", "Random"],
}


def bind(walker: Walker, name: str, thing: Thing, node: ast.AST, frame: Frame) -> None:
    """Bind an imported name."""
    value = Value((thing,))
    if isinstance(thing, Outside):
        from instep.races.reading.loading import outside_value

        value = outside_value(walker, thing.name)
    store(walker, name, value, node, frame)
