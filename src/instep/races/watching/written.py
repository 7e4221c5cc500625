"""What a program ever writes after its import: nothing else needs to be told.

A first look over the program's modules, before they are instrumented. An attribute that is
bound only in constructors and class bodies, or a global that no function binds, holds the same
object for ever; reading it races with nobody. (What is *inside* the object is another matter, and
is told where it is touched.)
"""

from __future__ import annotations

import ast
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from instep.races.watching.scopes import is_fresh

SKIPPED = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist"})
MOST = 5_000
"""Modules that are looked at ahead, at most."""

CONSTRUCTORS = frozenset({"__init__", "__post_init__", "__setstate__"})


@dataclass(slots=True)
class Written:
    """Names that are bound inside of functions.

    Args:
        attributes: of any object, mangled.
        containers: attributes that are bound to a new dict, list or set anywhere.
        everything: an attribute may be bound under a name that only shows at run time.
    """

    attributes: set[str] = field(default_factory=set)
    containers: set[str] = field(default_factory=set)
    everything: bool = False

    def look(self, tree: ast.Module) -> None:
        """Add what a module writes."""
        _Look(self.attributes, self.containers).visit(tree)


class _Look(ast.NodeVisitor):
    """Collects the attributes that are bound, deleted or set by name."""

    def __init__(self, found: set[str], containers: set[str]) -> None:
        self.found = found
        self.containers = containers
        self.owner = ""
        self.private: str | None = None

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.containers |= display_names(node.body)
        before, self.owner = self.owner, node.name
        self.generic_visit(node)
        self.owner = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        before, self.private = self.private, constructed(node)
        self.generic_visit(node)
        self.private = before

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load) and not is_private(node, self.private):
            self.found.add(mangled(node.attr, self.owner))
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None and is_fresh(node.value):
            names = {target.attr for target in targets if isinstance(target, ast.Attribute)}
            if not isinstance(node.value, ast.Constant):
                self.containers |= names
        self.generic_visit(node)

    visit_AnnAssign = visit_Assign

    def visit_Call(self, node: ast.Call) -> None:
        name = setting(node)
        if name is not None:
            self.found.add(name)
        self.generic_visit(node)


def display_names(body: list[ast.stmt]) -> set[str]:
    """The names that a module or class binds to a new container."""
    found = set()
    for node in body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if is_fresh(node.value) and not isinstance(node.value, ast.Constant):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def setting(node: ast.Call) -> str | None:
    """The attribute that `setattr(x, "name", …)` or `delattr` binds, if the source says it."""
    if not (isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr")):
        return None
    return named(node)


def named(node: ast.Call) -> str | None:
    """The second argument, if it is a plain string: of `hasattr` and its kin."""
    if len(node.args) < 2 or not isinstance(node.args[1], ast.Constant):
        return None
    name = node.args[1].value
    return name if isinstance(name, str) else None


def constructed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str | None:
    """The name under which a constructor knows the object that nobody else knows yet."""
    if node.name not in CONSTRUCTORS:
        return None
    positional = [*node.args.posonlyargs, *node.args.args]
    return positional[0].arg if positional else None


def is_private(node: ast.Attribute, name: str | None) -> bool:
    """Whether it is an attribute of an object under construction."""
    return name is not None and isinstance(node.value, ast.Name) and node.value.id == name


def mangled(name: str, owner: str) -> str:
    """A private name, as the compiler writes it inside a class."""
    bare = owner.lstrip("_")
    if not name.startswith("__") or name.endswith("__") or not bare:
        return name
    return f"_{bare}{name}"


class Survey:
    """Looks ahead over the modules that a program imports, each once, when its first one comes.

    Args:
        is_own: whether a file is one of the program's own modules.

    Only what is imported is read, never a whole folder: a program may stand among thousands of
    files that are not its own. A module that is imported under a name made at run time is looked at
    when it comes.
    """

    def __init__(self, is_own: Callable[[str], bool]) -> None:
        self.written = Written()
        self._is_own = is_own
        self._seen: set[str] = set()
        self._trees: dict[str, ast.Module] = {}
        self._broken: set[str] = set()

    def is_broken(self, path: str, name: str) -> bool:
        """Whether a module cannot be parsed; it is looked at, and at all that it imports."""
        with warnings.catch_warnings(action="ignore"):
            self._look(path, name)
        return path in self._broken

    def tree(self, data: bytes | str, path: str, name: str) -> ast.Module:
        """Parse a module, having looked at it and at all that it imports."""
        known = None if self.is_broken(path, name) else self._trees.pop(path, None)
        return known or ast.parse(data, path)

    def _look(self, path: str, name: str) -> None:
        waiting = [(path, name)]
        while waiting:
            path, name = waiting.pop()
            if path in self._seen or len(self._seen) >= MOST:
                continue
            self._seen.add(path)
            try:
                tree = ast.parse(Path(path).read_bytes(), path)
            except (SyntaxError, ValueError, OSError, RecursionError):
                self._broken.add(path)
                continue  # it cannot be imported either
            self._trees[path] = tree
            self.written.look(tree)
            package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
            for wanted in imported(tree, package):
                waiting += [(file, wanted) for file in located(wanted) if self._is_own(file)]


def imported(tree: ast.Module, package: str) -> set[str]:
    """The modules that a module may import, with their packages; some are names in modules."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, *([base] if base else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:n]) for name in found for n in range(1, name.count(".") + 2)}


def located(name: str) -> Iterator[str]:
    """The file that a module of this name would be found in."""
    parts = name.split(".")
    if not all(parts) or parts[0] in sys.stdlib_module_names:
        return
    for folder in sys.path:
        below = os.path.join(folder or os.getcwd(), *parts)
        for path in (os.path.join(below, "__init__.py"), below + ".py"):
            if os.path.isfile(path):
                yield path
                return
