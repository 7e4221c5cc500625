"""Modules, scopes and frames: where a name is looked up.

How it stays right. Python decides at compile time whether a name is local, and so does `Scope`:
a name that is bound anywhere in a function is local in all of it, unless `global` or `nonlocal`
says otherwise; comprehensions have their own variables and class bodies are skipped by closures.
"""

from __future__ import annotations

import ast
from collections import abc
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from instep.races.reading.files import Source
from instep.races.reading.model import Place
from instep.races.reading.values import Class, Function, Value

Callable = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(slots=True, eq=False)
class Module:
    """A module of the program while it is read."""

    source: Source
    name: str
    names: dict[str, Value] = field(default_factory=dict)
    rebound: set[str] = field(default_factory=set)
    state: str = "new"

    @property
    def path(self) -> str:
        """Its file as findings show it."""
        return self.source.path


@cache
def words(node: ast.AST) -> str:
    """The source of a node; forgotten when the program is read."""
    return ast.unparse(node)


@dataclass(slots=True)
class Scope:
    """Which names of a function are its own."""

    local: frozenset[str]
    outer: frozenset[str]
    """Declared `global`."""
    generator: bool = False
    nonlocals: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Frame:
    """One walk through a function's body."""

    module: Module
    title: str
    walk: int
    scope: Scope | None = None
    parent: Frame | None = None
    function: Function | None = None
    cls: Class | None = None
    names: dict[str, Value] = field(default_factory=dict)
    stack: tuple[Place, ...] = ()
    returns: list[Value] = field(default_factory=list)
    sent: frozenset[int] = frozenset()
    """What the last `return` has given, without what was tested to get there."""
    yields: list[Value] = field(default_factory=list)
    escapes: frozenset[int] = frozenset()
    kept: frozenset[int] = frozenset()
    entry: frozenset[int] = frozenset()
    loops: int = 0
    receiver: Value | None = None
    holding: tuple[object, ...] | None = None

    def place(self, node: ast.AST) -> Place:
        """Where a node stands."""
        line = getattr(node, "lineno", 1)
        end = getattr(node, "end_lineno", None) or line
        column = getattr(node, "col_offset", 0)
        return Place(self.module.path, line, column, end, self.title)


def scope_of(node: Callable, deep: bool = True) -> Scope:
    """The names a function binds, from its arguments and its body.

    Args:
        node: the function.
        deep: look into expressions too, which bind by `:=` and make generators by `yield`.
    """
    arguments = node.args
    local = {one.arg for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    local |= {one.arg for one in (arguments.vararg, arguments.kwarg) if one}
    finder = Binder(deep)
    for statement in node.body if isinstance(node.body, list) else [node.body]:
        finder.visit(statement)
    taken = finder.globals | finder.nonlocals
    return Scope(
        frozenset((local | finder.bound) - taken),
        frozenset(finder.globals),
        finder.generator,
        frozenset(finder.nonlocals),
    )


BINDING = tuple(
    """body orelse finalbody handlers cases targets target items optional_vars pattern patterns
    kwd_patterns elts""".split()
)
"""The fields of statements and targets in which a name can be bound."""


DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


_KINDS = [
    kind for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)
]
FIELDS_OF = {kind: kind._fields for kind in _KINDS}
BINDING_OF = {kind: tuple(name for name in BINDING if name in kind._fields) for kind in _KINDS}
BINDING_OF[ast.Starred] = ("value",)
BLOCKS_OF = {kind: tuple(name for name in BLOCKS if name in kind._fields) for kind in _KINDS}


NOTED = frozenset(
    getattr(ast, name)
    for name in """Global Nonlocal Import ImportFrom ExceptHandler MatchAs MatchStar MatchMapping
    Yield YieldFrom""".split()
)
"""What binds a name, or makes a generator, and is no plain name itself."""


class Binder:
    """Collects what a body binds, without going into the functions it defines."""

    def __init__(self, deep: bool = True) -> None:
        self.deep = deep
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.generator = False

    def visit(self, node: ast.AST) -> None:
        """Look at one node and below it."""
        stack: list[ast.AST] = [node]
        looked_at = FIELDS_OF if self.deep else BINDING_OF
        while stack:
            one = stack.pop()
            kind = type(one)
            if isinstance(one, ast.Name):
                if not isinstance(one.ctx, ast.Load):
                    self.bound.add(one.id)
            elif isinstance(one, DEFINITIONS):
                self.bound.add(one.name)
                stack.extend(one.decorator_list if self.deep else ())
            elif kind in COMPREHENSIONS:
                self.inside(one)
            elif kind is not ast.Lambda:
                if kind in NOTED:
                    self.note(one)
                for name in looked_at.get(kind, ()):  # texts and numbers have no fields
                    child = getattr(one, name, None)
                    if isinstance(child, list):
                        stack += child
                    elif child is not None:
                        stack.append(child)

    def note(self, node: ast.AST) -> None:
        """What a node that is no plain name binds."""
        if isinstance(node, ast.Global):
            self.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            self.nonlocals.update(node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                self.bound.add(alias.asname or alias.name.partition(".")[0])
        elif (isinstance(node, ast.ExceptHandler) and node.name) or (
            isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
        ):
            self.bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            self.bound.add(node.rest)
        elif isinstance(node, (ast.Yield, ast.YieldFrom)):
            self.generator = True

    def inside(self, node: ast.AST) -> None:
        """A comprehension binds nothing here, except by `:=`."""
        for one in ast.walk(node):
            if isinstance(one, ast.NamedExpr) and isinstance(one.target, ast.Name):
                self.bound.add(one.target.id)


@dataclass(slots=True)
class Survey:
    """What the program stores anywhere, so that reads of the rest need no record.

    Args:
        attributes: names of attributes that are stored outside of constructors.
        of_classes: those that are stored on a class: `cls.n`, `Shop.n`, `type(self).n`.
        globals: by module, the names that functions rebind.
        nonlocals: names that nested functions rebind.
    """

    attributes: set[str] = field(default_factory=set)
    of_classes: set[str] = field(default_factory=set)
    globals: dict[str, set[str]] = field(default_factory=dict)
    nonlocals: set[str] = field(default_factory=set)
    factories: set[int] = field(default_factory=set)


def survey(sources: list[Source]) -> Survey:
    """Look through every statement of the program once."""
    result = Survey()
    for source in sources:
        if source.test:
            continue
        names = result.globals.setdefault(source.path, set())
        search(source.tree.body, "", names, result)
    return result


def search(body: list[ast.stmt], function: str, names: set[str], result: Survey) -> None:
    """Collect stores from statements; expressions are not entered."""
    stack: list[tuple[ast.AST, str, ast.AST | None]] = [(one, function, None) for one in body]
    while stack:
        node, inside, outermost = stack.pop()
        kind = type(node)
        if kind in STORING:
            stored(STORING[kind](node), inside, result)
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            result.nonlocals.update(node.names)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = node.name
            if outermost is not None and node.decorator_list:
                result.factories.add(id(outermost))
            outermost = outermost or node
        elif outermost is not None and kind in (ast.Assign, ast.Expr) and makes_views(node):
            result.factories.add(id(outermost))
        for name in BLOCKS_OF[kind]:
            stack.extend([(one, inside, outermost) for one in getattr(node, name)])


def _targets(node: Any) -> list[ast.expr]:
    return list(node.targets)


def _target(node: Any) -> list[ast.expr]:
    return [node.target]


def _variables(node: Any) -> list[ast.expr]:
    return [one.optional_vars for one in node.items if one.optional_vars]


STORING: dict[type[ast.AST], abc.Callable[[Any], list[ast.expr]]] = {
    ast.Assign: _targets,
    ast.Delete: _targets,
    ast.AugAssign: _target,
    ast.AnnAssign: _target,
    ast.For: _target,
    ast.AsyncFor: _target,
    ast.With: _variables,
    ast.AsyncWith: _variables,
}
"""What a statement binds, where that is not only names."""


MAKING = frozenset(
    "Flask Bottle Blueprint add_url_rule add_resource register_blueprint add_route APIFlask".split()
)


def makes_views(node: Any) -> bool:
    """Whether an assignment or a call makes an application, or adds a view to one."""
    value = node.value
    if not isinstance(value, ast.Call):
        return False
    target = value.func
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return name in MAKING


def is_class(node: ast.expr) -> bool:
    """Whether an expression is a class by its looks: `cls`, `Shop`, `type(self)`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "type"
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in ("cls", "__class__") or name.lstrip("_")[:1].isupper()


def stored(targets: list[ast.expr], inside: str, result: Survey) -> None:
    """Note the attributes among targets, unless a constructor sets them on itself."""
    for target in targets:
        if isinstance(target, ast.Attribute):
            if is_class(target.value):
                result.of_classes.add(target.attr)
            of_self = isinstance(target.value, ast.Name) and target.value.id == "self"
            if inside and not (of_self and inside in ("__init__", "__post_init__")):
                result.attributes.add(target.attr)
        elif isinstance(target, (ast.Tuple, ast.List)):
            stored(target.elts, inside, result)
        elif isinstance(target, ast.Starred):
            stored([target.value], inside, result)
