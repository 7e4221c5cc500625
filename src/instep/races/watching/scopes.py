"""Names inside functions: which are globals, which hold a container that is still private."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

FRESH_CALLS = frozenset({"dict", "list", "set", "sorted", "tuple", "frozenset", "str", "deque"})
FRESH = (ast.Dict, ast.List, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Constant)
SEEING = frozenset({"locals", "vars", "eval", "exec", "dir"})


@dataclass(slots=True)
class Scope:
    """A function.

    Args:
        name: dotted, as people say it.
        constructing: the name of the object under construction, in a constructor.
    """

    name: str
    constructing: str | None = None
    bound: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)
    sees_names: bool = False
    """It asks for its own names, so it must have no more than it was written with."""


def scope_of(node: Function, name: str, constructing: str | None = None) -> Scope:
    """Look at a function's own names."""
    scope = Scope(name, constructing)
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    scope.bound |= {argument.arg for argument in arguments if argument}
    stale = set(scope.bound)
    for part in node.body if isinstance(node.body, list) else [node.body]:
        for found in _inside(part):
            _note(found, scope, stale)
    scope.bound -= scope.globals
    scope.fresh = scope.fresh & scope.bound - stale
    return scope


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of the functions and classes in it."""
    yield node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return
    for child in ast.iter_child_nodes(node):
        yield from _inside(child)


def _note(node: ast.AST, scope: Scope, stale: set[str]) -> None:
    match node:
        case ast.Global():
            scope.globals.update(node.names)
        case ast.Nonlocal():
            scope.bound.update(node.names)
            scope.nonlocals.update(node.names)
            stale.update(node.names)
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            scope.bound.add(name)
            if node.value is not None:
                (scope.fresh if is_fresh(node.value) else stale).add(name)
        case ast.Name(id=name, ctx=ast.Load()):
            scope.sees_names |= name in SEEING
        case _:
            names = set(_binds(node))
            scope.bound |= names
            if not isinstance(node, ast.Name):
                stale |= names


def _binds(node: ast.AST) -> Iterator[str]:
    """The names that a node binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.alias():
            yield node.asname or node.name.partition(".")[0]
        case ast.For() | ast.AsyncFor() | ast.comprehension() | ast.NamedExpr():
            yield from _names(node.target)
        case ast.withitem(optional_vars=ast.expr() as target):
            yield from _names(target)
        case ast.Assign():
            for target in node.targets:
                yield from _names(target)


def _names(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def is_fresh(node: ast.expr) -> bool:
    """Whether an expression makes a container (or none), which nobody else can know."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FRESH_CALLS
    return isinstance(node, FRESH)
