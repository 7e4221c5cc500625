"""The transform's second half: calls, loops, tests and `with`; and the whole, as one function."""

from __future__ import annotations

import ast
from typing import Any

from instep.races.watching import making
from instep.races.watching.making import CHANGERS, KEYED, METHODS, WHOLES, again, call, is_simple
from instep.races.watching.probe import hidden
from instep.races.watching.sites import ITERATE, LOCK, READ, TEST, WRITE
from instep.races.watching.transform import Accesses, text
from instep.races.watching.written import Written, display_names, named

BY_NAME = {"hasattr": TEST, "getattr": READ, "setattr": WRITE, "delattr": WRITE}
"""Functions that touch an attribute by its name."""

VIEWS = frozenset({"items", "keys", "values"})


class Instrumenter(Accesses):
    """Calls of methods and functions, loops, conditions, locks."""

    containers: frozenset[str] = frozenset()
    """The module's globals that are made as containers."""

    def visit_Call(self, node: ast.Call) -> Any:
        """Methods of containers, of locks, and functions that look at a whole container."""
        if not self.inside:
            return self.generic_visit(node)
        match node.func:
            case ast.Attribute(attr="acquire" | "release"):
                return self._lock(node, node.func)
            case ast.Attribute(attr=name) if name in METHODS and not self.is_fresh(node.func.value):
                return self._method(node, node.func)
            case ast.Name(id=name) if name in BY_NAME and named(node) in self.written.attributes:
                return self._by_name(node, BY_NAME[name])
            case ast.Name(id=name) if name in WHOLES and node.args:
                return self._whole(node, name)
            case ast.Attribute(ast.Name(module), name) if name in CHANGERS.get(module, ()):
                return self._whole(node, name)
        return self._passing(node)

    def _arguments(self, node: ast.Call) -> None:
        node.args = [self.plain(argument) for argument in node.args]
        for word in node.keywords:
            word.value = self.plain(word.value)

    def _lock(self, node: ast.Call, func: ast.Attribute) -> ast.Call:
        site = self.site(LOCK, func.attr, node, text=text(func.value), method=func.attr)
        self._arguments(node)
        owner = self.plain(func.value)
        node.func = call("called", func, owner, site)
        return node

    def _method(self, node: ast.Call, func: ast.Attribute) -> ast.Call:
        """Tell just before the call: after the arguments, unless these can touch nothing."""
        keyed = func.attr in KEYED and bool(node.args)
        key = text(node.args[0]) if keyed else "[]"
        kind, source = METHODS[func.attr], f"{text(func.value)}.{func.attr}(…)"
        site = self.site(kind, key, node, item=True, text=source, method=func.attr)
        func.value = self.plain(func.value)
        harmless = all(map(making.is_constant, node.args)) and not node.keywords
        first = again(node.args[0]) if keyed and is_simple(node.args[0]) else None
        self._arguments(node)
        known = None if harmless else self.temporary(func.value)
        if known is None:
            owner = func.value
            told = call("item", owner, owner, first, site) if first else None
            func.value = told or call("whole", owner, owner, site)
            return node
        func.value, name = known
        arguments: list[Any] = node.keywords or node.args
        final = arguments[-1]
        if isinstance(final, ast.keyword | ast.Starred):
            final.value = _after(final.value, name, first, site)
        elif keyed and len(node.args) == 1:
            node.args[-1] = call("key", final, final, name, site)
        else:
            node.args[-1] = _after(final, name, first, site)
        return node

    def _by_name(self, node: ast.Call, kind: str) -> ast.Call:
        """`hasattr(x, "name")` and its kin touch the attribute."""
        source = f"{text(node.args[0])}.{named(node)}"
        site = self.site(kind, str(named(node)), node, text=source)
        self._arguments(node)
        node.args[0] = call("attribute", node.args[0], node.args[0], site)
        return node

    def _whole(self, node: ast.Call, method: str) -> ast.Call:
        """A function that looks at a container, or changes it: told after all arguments."""
        owner, source = node.args[0], text(node)
        touched = not self.is_fresh(owner) and isinstance(
            owner, ast.Name | ast.Attribute | ast.Subscript
        )
        self._arguments(node)
        if touched:
            kind = WHOLES[method]
            site = self.site(kind, "[]", node, item=True, text=source, method=method)
            first, last = node.args[0], node.args[-1]
            known = (
                None if first is last or isinstance(last, ast.Starred) else self.temporary(first)
            )
            if known is None:
                node.args[0] = call("whole", first, first, site)
            else:
                node.args[0], name = known
                node.args[-1] = call("last", last, last, name, site)
        return node

    def _passing(self, node: ast.Call) -> ast.Call:
        """A container that is handed to somebody will be read there."""
        owned = [self._is_shared(argument) for argument in node.args]
        words = [self._is_shared(word.value) for word in node.keywords]
        node.func = self.plain(node.func)
        self._arguments(node)
        for index, shared in enumerate(owned):
            if shared:
                node.args[index] = self._escaping(node.args[index], shared)
        for word, shared in zip(node.keywords, words, strict=True):
            if shared:
                word.value = self._escaping(word.value, shared)
        return node

    def _is_shared(self, node: ast.expr) -> str:
        """The source of what may be a shared container; empty if it is something else."""
        match node:
            case ast.Name(id=name) if name in self.containers and not self._is_local(name):
                return name
            case ast.Attribute(attr=name) if name in self.written.containers:
                return text(node)
        return ""

    def _is_local(self, name: str) -> bool:
        return any(name in scope.bound for scope in self.scopes)

    def _escaping(self, node: ast.expr, source: str, kind: str = READ) -> ast.expr:
        return call("whole", node, node, self.site(kind, "[]", node, item=True, text=source))

    def visit_Return(self, node: ast.Return) -> Any:
        """What is returned is read by who asked."""
        if self.inside and node.value is not None:
            shared = self._is_shared(node.value)
            node.value = self.plain(node.value)
            if shared:
                node.value = self._escaping(node.value, shared)
        return node

    def _condition(self, node: ast.expr) -> Any:
        """An expression that is only asked whether it is true."""
        if not self.inside:
            return self.visit(node)
        shared = self._is_shared(node)
        before, self.testing = self.testing, True
        made = self.visit(node)
        self.testing = before
        return self._escaping(made, shared, TEST) if shared else made

    def visit_If(self, node: Any) -> Any:
        """What a condition reads decides."""
        node.test = self._condition(node.test)
        node.body = self.body(node.body)
        node.orelse = self.body(node.orelse)
        return node

    visit_While = visit_If

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """The same, in an expression; fields in the order in which they are evaluated."""
        node.test = self._condition(node.test)
        node.body, node.orelse = self.visit(node.body), self.visit(node.orelse)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """Each operand decides about the next."""
        node.values = [*map(self._condition, node.values[:-1]), self.visit(node.values[-1])]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """`not d` asks for the truth of a container."""
        asks = isinstance(node.op, ast.Not)
        node.operand = self._condition(node.operand) if asks else self.visit(node.operand)
        return node

    def visit_With(self, node: ast.With) -> Any:
        """A lock is held for as long as its `with` lasts."""
        self.generic_visit(node)
        if self.inside:
            for each in node.items:
                site = self.site(LOCK, "", each.context_expr, text=text(each.context_expr))
                each.context_expr = call("entered", each.context_expr, each.context_expr, site)
        return node

    def visit_For(self, node: ast.For) -> Any:
        """A loop over a container, told at its start and, to who wants it, at each turn."""
        iterated = self._iterated(node.iter) if self.inside else None
        node.target, node.iter = self.visit(node.target), self.plain(node.iter)
        node.body, node.orelse = self.body(node.body), self.body(node.orelse)
        if iterated is not None:
            node.iter, turn = self._told(node.iter, iterated)
            if turn is not None:
                node.body.insert(0, turn)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        """The same; the turns are told by an iterator, to who wants them."""
        iterated = self._iterated(node.iter) if self.inside else None
        self.comprehensions += 1
        node.target, node.iter = self.visit(node.target), self.plain(node.iter)
        node.ifs = [self._condition(test) for test in node.ifs]
        if iterated is not None:
            told, _ = self._told(node.iter, iterated)
            node.iter = told if node.is_async else call("stepped", told, told, iterated)
        self.comprehensions -= 1
        return node

    def _comprehension(self, node: Any) -> Any:
        self.comprehensions += 1
        node = self.generic_visit(node)
        self.comprehensions -= 1
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _iterated(self, node: ast.expr) -> int | None:
        """A site, if what a loop runs over may be a shared container."""
        match node:
            case ast.Name() | ast.Attribute() | ast.Subscript():
                owner = node
            case ast.Call(func=ast.Attribute(value=owner, attr=name), args=[]) if name in VIEWS:
                pass
            case _:
                return None
        if self.is_fresh(owner):
            return None
        return self.site(ITERATE, "[]", node, item=True, text=text(node), method="for")

    def _told(self, node: ast.expr, site: int) -> tuple[ast.expr, ast.stmt | None]:
        """The iterable, told; and the statement that tells of each further turn."""
        view = node.func if isinstance(node, ast.Call) else None
        owner = view.value if isinstance(view, ast.Attribute) else node
        inner = _told_before(owner)
        if isinstance(view, ast.Attribute) and inner is not None:
            owner = inner  # the method's own site is less than this one
        known = self.temporary(owner)
        if known is None:
            told, turn = call("whole", owner, owner, site), None
        else:
            bound, name = known
            told = call("whole", owner, bound, site)
            turn = making.statement(call("iterated", owner, again(name), site))
        if isinstance(view, ast.Attribute):
            view.value = told
            return node, turn
        return told, turn


def _after(last: ast.expr, owner: ast.expr, key: ast.expr | None, site: int) -> ast.expr:
    """The last argument of a call, told with the owner of the method and, if it is known, a key."""
    if key is not None:
        return call("augmented_item", last, last, owner, key, site)
    return call("last", last, last, owner, site)


def _told_before(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[owner, *_]) if name == hidden("whole"):
            return owner
    return None


def transform(
    tree: ast.Module, path: str, written: Written, namespace: dict[str, Any] | None, name: str
) -> ast.Module:
    """Instrument a module, in place.

    Args:
        tree: of its source.
        path: of the file, as its code objects name it.
        written: what the program ever writes after import.
        namespace: the module's `__dict__`, which owns its globals.
        name: of the module.
    """
    instrumenter = Instrumenter(path, written, namespace, name)
    instrumenter.globals = _names_in(tree, ast.Global) | written.attributes & _top_names(tree)
    instrumenter.nonlocals = _names_in(tree, ast.Nonlocal)
    instrumenter.containers = frozenset(display_names(tree.body))
    made = instrumenter.visit(tree)
    assert isinstance(made, ast.Module)
    return made


def _names_in(tree: ast.Module, kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    return {name for node in ast.walk(tree) if isinstance(node, kind) for name in node.names}


def _top_names(tree: ast.Module) -> set[str]:
    """Names that the module's own level assigns: others may bind them through the module."""
    names = set()
    for node in tree.body:
        for part in [node] if isinstance(node, ast.Assign | ast.AnnAssign) else ast.walk(node):
            targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", 0)]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names
