"""Pieces of syntax for the transform: each new node stands where the one stood that it wraps."""

from __future__ import annotations

import ast

from instep.races.watching.probe import hidden

METHODS: dict[str, str] = {
    **dict.fromkeys(("pop", "popitem", "popleft", "setdefault"), "update"),
    **dict.fromkeys(("append", "appendleft", "extend", "extendleft", "insert"), "write"),
    **dict.fromkeys(("add", "remove", "discard", "clear", "update", "sort", "reverse"), "write"),
    **dict.fromkeys(("rotate", "move_to_end", "subtract"), "write"),
    **dict.fromkeys(("difference_update", "intersection_update"), "write"),
    **dict.fromkeys(("get", "items", "keys", "values", "copy", "most_common"), "read"),
    **dict.fromkeys(("count", "index", "union", "difference", "intersection"), "read"),
}
"""What a method does to the container it belongs to."""

KEYED = frozenset({"get", "pop", "setdefault", "add", "remove", "discard"})
"""Methods whose first argument is the key."""

WHOLES: dict[str, str] = {
    **dict.fromkeys(("len", "bool"), "test"),
    **dict.fromkeys(("list", "tuple", "set", "frozenset", "dict", "sorted"), "read"),
    **dict.fromkeys(("sum", "min", "max", "iter", "enumerate", "reversed", "deepcopy"), "read"),
}
"""Functions that look at the whole of a container."""

CHANGERS: dict[str, tuple[str, ...]] = {
    "heapq": ("heappush", "heappop", "heappushpop", "heapreplace", "heapify"),
    "bisect": ("insort", "insort_left", "insort_right"),
    "random": ("shuffle",),
}
"""Functions of modules that change the container that they are given, in one step."""

WHOLES |= {name: "update" for names in CHANGERS.values() for name in names}


def name(word: str, at: ast.AST) -> ast.Name:
    """One of the probe's functions."""
    return ast.copy_location(ast.Name(hidden(word), ast.Load()), at)


def call(word: str, at: ast.expr, *arguments: ast.expr | int) -> ast.Call:
    """A call of one of the probe's functions."""
    given = [
        ast.copy_location(ast.Constant(part), at) if isinstance(part, int) else part
        for part in arguments
    ]
    return ast.copy_location(ast.Call(name(word, at), given, []), at)


def unpacked(word: str, at: ast.expr, operands: ast.expr) -> ast.Call:
    """A call of a native operator with operands that come in a tuple."""
    star = ast.copy_location(ast.Starred(operands, ast.Load()), at)
    return ast.copy_location(ast.Call(name(word, at), [star], []), at)


def statement(expression: ast.expr) -> ast.Expr:
    """An expression as a statement of its own."""
    return ast.copy_location(ast.Expr(expression), expression)


def again(node: ast.expr) -> ast.expr:
    """A name or constant a second time, to be read."""
    match node:
        case ast.Name():
            return ast.copy_location(ast.Name(node.id, ast.Load()), node)
        case ast.Constant():
            return ast.copy_location(ast.Constant(node.value), node)
    raise AssertionError(node)


def is_simple(node: ast.expr) -> bool:
    """Whether reading it twice changes nothing: a name or a constant."""
    return isinstance(node, ast.Name | ast.Constant)


def is_constant(node: ast.expr) -> bool:
    """Whether evaluating it can call nobody: a constant, a name, or a few of them."""
    if isinstance(node, ast.Tuple | ast.List):
        return all(map(is_constant, node.elts))
    if isinstance(node, ast.Dict):
        return all(key is not None and is_constant(key) for key in node.keys) and all(
            map(is_constant, node.values)
        )
    return is_simple(node)
