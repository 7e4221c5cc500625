"""The transform: a module's functions, so that they tell what they touch just before they do.

Native operations stay native. `x.name` becomes `at(x).name`, `G` becomes `(told() or G)`,
`x.n += e` becomes `at(x).n += told(e, x)`, which leaves room between the read and the write. The
order of evaluation, the scopes and the positions of all nodes stay as they were; module and class
level, annotations, decorators and patterns are not touched at all.
"""

from __future__ import annotations

import ast
from typing import Any

from instep.races.reading.model import Place
from instep.races.watching import making
from instep.races.watching.making import again, call, is_simple
from instep.races.watching.scopes import Function, Scope, scope_of
from instep.races.watching.sites import READ, TEST, WRITE, Site, register
from instep.races.watching.written import Written, constructed, is_private, mangled


class Context(ast.NodeTransformer):
    """Knows where the transform stands, and makes sites.

    Args:
        path: of the module, as its code objects will name it.
        written: what the program writes.
        namespace: the module's `__dict__`.
        name: of the module.
    """

    def __init__(
        self, path: str, written: Written, namespace: dict[str, Any] | None, name: str
    ) -> None:
        self.path = path
        self.written = written
        self.namespace = namespace
        self.names = [name]
        self.scopes: list[Scope] = []
        self.inside = False
        self.owner = ""
        self.testing = False
        self.comprehensions = 0
        self.temporaries = 0
        self.globals: set[str] = set()
        """Those that a function of this module, or of another one through the module, binds."""
        self.nonlocals: set[str] = set()

    @property
    def scope(self) -> Scope:
        """The innermost function."""
        return self.scopes[-1]

    def site(self, kind: str, key: str, node: ast.expr | ast.stmt, **facts: Any) -> int:
        """A new site, by its number."""
        end = node.end_lineno or node.lineno
        place = Place(self.path, node.lineno, node.col_offset, end, self.scope.name)
        return register(Site(kind, key, place, namespace=self.namespace, **facts))

    def is_cell(self, name: str) -> bool:
        """Whether a name is a variable of a function around this one, bound from inside."""
        if name not in self.nonlocals or not self.scopes:
            return False
        if name in self.scope.nonlocals:
            return True
        if name in self.scope.bound or name in self.scope.globals:
            return False
        return any(name in scope.bound for scope in self.scopes[:-1])

    def is_told(self, name: str) -> bool:
        """Whether a name is a global, or a variable of a function around, that somebody binds."""
        if self.is_cell(name):
            return True
        if name not in self.globals:
            return False
        for scope in reversed(self.scopes):
            if name in scope.globals:
                return True
            if name in scope.bound:
                return False
        return True

    def telling(
        self, kind: str, name: str, node: ast.expr, value: ast.expr | None = None, method: str = ""
    ) -> ast.expr:
        """A call that tells of a name; with a value, it returns that."""
        site = self.site(kind, name, node, text=name, method=method)
        given: list[ast.expr | int] = [] if value is None else [value]
        if not self.is_cell(name):
            return call("global_" if value is None else "value", value or node, *given, site)
        empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
        variable = ast.copy_location(ast.Name(name, ast.Load()), node)
        closure = ast.copy_location(ast.Lambda(empty, variable), node)
        if value is None:
            return call("cell", node, closure, site)
        return call("cell_value", value, value, closure, site)

    def temporary(self, node: ast.expr) -> tuple[ast.expr, ast.expr] | None:
        """An expression that also binds a name, and that name; None where that cannot be."""
        if isinstance(node, ast.Name):
            return node, again(node)
        if self.comprehensions or self.scope.sees_names:
            return None
        self.temporaries += 1
        name = f"@{self.temporaries}"
        target = ast.copy_location(ast.Name(name, ast.Store()), node)
        bound = ast.copy_location(ast.NamedExpr(target, node), node)
        return bound, ast.copy_location(ast.Name(name, ast.Load()), node)

    def reading(self) -> str:
        """The kind of a read here."""
        return TEST if self.testing else READ

    def is_fresh(self, node: ast.expr) -> bool:
        """Whether it is a container that this function made and keeps under a name of its own."""
        return isinstance(node, ast.Name) and node.id in self.scope.fresh


def text(node: ast.expr) -> str:
    """An expression as the source has it, if it is short."""
    written = ast.unparse(node)
    return written if len(written) <= 60 else written[:57] + "…"


class Names(Context):
    """Functions, scopes, and the reads and writes of globals."""

    def visit_FunctionDef(self, node: Any) -> Any:
        """Instrument a function's body, in its own scope."""
        self._enter(node, node.name)
        node.body = self.body(node.body)
        self._leave()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        """The same, where the body is one expression."""
        self._enter(node, "<lambda>")
        node.body = self.visit(node.body)
        self._leave()
        return node

    def _enter(self, node: Function, name: str) -> None:
        private = None if isinstance(node, ast.Lambda) else constructed(node)
        self.names.append(name)
        self.scopes.append(scope_of(node, ".".join(self.names), private if self.owner else None))
        self._before = [*getattr(self, "_before", []), (self.inside, self.comprehensions)]
        self.inside, self.comprehensions, self.testing = True, 0, False

    def _leave(self) -> None:
        self.names.pop()
        self.scopes.pop()
        self.inside, self.comprehensions = self._before.pop()

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Instrument some statements; the docstring is none of them."""
        made: list[ast.stmt] = []
        for node in statements:
            result = self.visit(node)
            made += result if isinstance(result, list) else [result]
        return made

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """Only the functions of a class: what its own body does is over before anybody asks."""
        before = self.inside, self.owner
        self.inside, self.owner = False, node.name
        self.names.append(node.name)
        node.body = self.body(node.body)
        self.names.pop()
        self.inside, self.owner = before
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        """The annotation stays as it is."""
        node.target = self.visit(node.target)
        if node.value is not None:
            node.value = self.visit(node.value)
            if isinstance(node.target, ast.Name):
                node.value = self.binding(node.value, [node.target])
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        """The pattern stays as it is."""
        if node.guard is not None:
            node.guard = self.visit(node.guard)
        node.body = self.body(node.body)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The read of a global."""
        if not self.inside or not isinstance(node.ctx, ast.Load) or not self.is_told(node.id):
            return node
        told = self.telling(self.reading(), node.id, node)
        return ast.copy_location(ast.BoolOp(ast.Or(), [told, node]), node)

    def binding(self, value: ast.expr, targets: list[ast.expr]) -> ast.expr:
        """A value that is about to be bound to some names."""
        for target in targets:
            for name in _global_targets(target):
                if self.inside and self.is_told(name.id):
                    value = self.telling(WRITE, name.id, name, value)
        return value

    def before(self, node: ast.stmt, names: list[str]) -> list[ast.stmt]:
        """Statements that tell of globals about to be bound or deleted."""
        made: list[ast.stmt] = []
        for name in names:
            if self.inside and self.is_told(name):
                at = ast.copy_location(ast.Constant(None), node)
                made.append(making.statement(self.telling(WRITE, name, at)))
        return made

    def visit_Assign(self, node: ast.Assign) -> Any:
        """A binding of globals, attributes or items."""
        node.value = self.binding(self.visit(node.value), node.targets)
        node.targets = [self.visit(target) for target in node.targets]
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Any:
        """The same, within an expression."""
        node.value = self.binding(self.visit(node.value), [node.target])
        return node

    def visit_Import(self, node: Any) -> Any:
        """An import binds names."""
        names = [alias.asname or alias.name.partition(".")[0] for alias in node.names]
        return [*self.before(node, names), node]

    visit_ImportFrom = visit_Import

    def visit_Delete(self, node: ast.Delete) -> Any:
        """Deleting is writing."""
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        told = self.before(node, names)
        node.targets = [self.visit(target) for target in node.targets]
        return [*told, node]


def _global_targets(target: ast.expr) -> list[ast.Name]:
    match target:
        case ast.Name():
            return [target]
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [name for element in elements for name in _global_targets(element)]
        case ast.Starred(value=inner):
            return _global_targets(inner)
    return []


class Accesses(Names):
    """Attributes, items, and the methods of containers."""

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        """`x.name` becomes `at(x).name`."""
        private = self.inside and is_private(node, self.scope.constructing)
        node_text = text(node) if self.inside else ""
        node.value = self.plain(node.value)
        key = mangled(node.attr, self.owner)
        if not self.inside or private or not self._is_written(key) or _is_super(node.value):
            return node
        kind = self.reading() if isinstance(node.ctx, ast.Load) else WRITE
        site = self.site(kind, key, node, text=node_text)
        node.value = call("attribute", node.value, node.value, site)
        return node

    def _is_written(self, key: str) -> bool:
        return self.written.everything or key in self.written.attributes

    def plain(self, node: ast.expr) -> Any:
        """An operand: it is read, whatever its owner is read for."""
        before, self.testing = self.testing, False
        made = self.visit(node)
        self.testing = before
        return made

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        """`d[k]`, to be read, bound or deleted."""
        if not self.inside or self.is_fresh(node.value):
            return self.generic_visit(node)
        loaded = isinstance(node.ctx, ast.Load)
        kind = self.reading() if loaded else WRITE
        method = "del" if isinstance(node.ctx, ast.Del) else "[]"
        site = self.site(kind, text(node.slice), node, item=True, text=text(node), method=method)
        simple = is_simple(node.slice)
        node.value, node.slice = self.plain(node.value), self.plain(node.slice)
        if isinstance(node.slice, ast.Slice):
            node.value = call("whole", node.value, node.value, site)
        elif simple and is_simple(node.slice):
            node.value = call("item", node.value, node.value, again(node.slice), site)
        elif loaded and not isinstance(node.value, ast.Name):
            pair = call("pair", node, node.value, node.slice, site)
            return making.unpacked("getitem", node, pair)
        else:
            self._keyed(node, site)
        return node

    def _keyed(self, node: ast.Subscript, site: int) -> None:
        known = self.temporary(node.value)
        if known is None:
            node.value = call("whole", node.value, node.value, site)
        else:
            node.value, name = known
            node.slice = call("key", node.slice, node.slice, name, site)

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        """`target += e`: a read, then room, then a write."""
        if not self.inside:
            return self.generic_visit(node)
        node.value = self.plain(node.value)
        match node.target:
            case ast.Name(id=name) if self.is_told(name):
                told = self.telling(READ, name, node.target)
                node.value = self.telling(WRITE, name, node.target, node.value, method="+=")
                return [making.statement(told), node]
            case ast.Attribute() as target if not is_private(target, self.scope.constructing):
                self._augmented_attribute(node, target)
            case ast.Subscript() as target if not self.is_fresh(target.value):
                self._augmented_item(node, target)
        return node

    def _augmented_attribute(self, node: ast.AugAssign, target: ast.Attribute) -> None:
        key, source = mangled(target.attr, self.owner), text(target)
        reads = self.site(READ, key, target, text=source)
        writes = self.site(WRITE, key, target, text=source, method="+=")
        known = self.temporary(self.plain(target.value))
        if known is None:
            target.value = call("attribute", target.value, target.value, writes)
            return
        owner, name = known
        target.value = call("attribute", owner, owner, reads)
        node.value = call("augmented", node.value, node.value, name, writes)

    def _augmented_item(self, node: ast.AugAssign, target: ast.Subscript) -> None:
        facts: dict[str, Any] = {"item": True, "text": text(target)}
        key = text(target.slice)
        reads = self.site(READ, key, target, method="[]", **facts)
        writes = self.site(WRITE, key, target, method="+=", **facts)
        value, index = self.plain(target.value), self.plain(target.slice)
        known = self.temporary(value)
        which = (index, again(index)) if is_simple(index) else None
        if which is None and not isinstance(index, ast.Slice):
            which = self.temporary(index)
        target.value, target.slice = value, index
        if known is None or which is None:
            target.value = call("whole", value, value, writes)
            return
        target.value, name = known
        target.slice = call("key", which[0], which[0], name, reads)
        node.value = call("augmented_item", node.value, node.value, name, which[1], writes)

    def visit_Compare(self, node: ast.Compare) -> Any:
        """`k in d`, and `k not in d`."""
        if not self.inside:
            return self.generic_visit(node)
        owner = node.comparators[0]
        if not isinstance(node.ops[0], ast.In | ast.NotIn) or _is_literal(owner):
            return self.generic_visit(node)
        site = self.site(TEST, text(node.left), node, item=True, text=text(node), method="in")
        if len(node.ops) > 1:
            self.generic_visit(node)
            node.comparators[0] = call("whole", owner, node.comparators[0], site)
            return node
        left, owner = self.plain(node.left), self.plain(owner)
        if is_simple(left):
            node.left, node.comparators = left, [call("item", owner, owner, again(left), site)]
            return node
        found = making.unpacked("contains", node, call("swapped", node, left, owner, site))
        if isinstance(node.ops[0], ast.In):
            return found
        return ast.copy_location(ast.UnaryOp(ast.Not(), found), node)


def _is_super(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    )


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant | ast.Tuple | ast.List | ast.Set | ast.JoinedStr)
