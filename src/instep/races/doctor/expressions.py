"""Works out the expressions that people write for the number of workers, without running them.

A `gunicorn.conf.py` is a program. What stands in it is nearly always a number, the number of
processors times two plus one, or a variable of the environment with a default. These are worked
out from the syntax tree; anything else is `Unknown`, and is said to be.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}
PLAIN: dict[str, Callable[..., Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "min": min,
    "max": max,
    "round": round,
    "abs": abs,
}
CORES = frozenset({"cpu_count", "process_cpu_count"})
ENVIRONMENT = frozenset({"get", "getenv", "int", "str", "bool", "env", "config"})
"""Names of functions that take the name of a variable first and a default second."""
LARGE = 10**6


class Unknown(Exception):
    """An expression that cannot be worked out without running the program."""


def evaluate(
    node: ast.expr,
    names: Mapping[str, object],
    *,
    environment: Mapping[str, str] | None = None,
    cores: int = 1,
    note: Callable[[str], None] = lambda sentence: None,
) -> Any:
    """The value of an expression.

    Args:
        node: its syntax tree.
        names: what was assigned before.
        environment: the variables that the project's own files set.
        cores: how many processors `cpu_count()` finds.
        note: called with a sentence for each thing that is assumed.

    Raises:
        Unknown: it holds something that would have to be run.

    Example:
        >>> evaluate(ast.parse("cpu_count() * 2 + 1", mode="eval").body, {}, cores=2)
        5
    """
    sums = _Sums(names, environment or {}, cores, note)
    try:
        return sums.value(node)
    except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise Unknown(str(error)) from None


class _Sums:
    def __init__(
        self,
        names: Mapping[str, object],
        environment: Mapping[str, str],
        cores: int,
        note: Callable[[str], None],
    ) -> None:
        self.names, self.environment = names, environment
        self.cores, self.note = cores, note

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                if node.id not in self.names:
                    raise Unknown(node.id)
                return self.names[node.id]
            case ast.List() | ast.Tuple() | ast.Set():
                return [self.value(item) for item in node.elts]
            case ast.UnaryOp(op=ast.Not()):
                return not self.value(node.operand)
            case ast.UnaryOp(op=ast.USub()):
                return -self.value(node.operand)
            case ast.IfExp():
                return self.value(node.body if self.value(node.test) else node.orelse)
            case ast.BoolOp():
                return self._either(node)
            case ast.BinOp():
                return self._sum(node)
            case ast.Compare(ops=[operation], comparators=[right]):
                return COMPARE[type(operation)](self.value(node.left), self.value(right))
            case ast.Subscript():
                return self._item(node)
            case ast.Call():
                return self._call(node)
            case ast.JoinedStr():
                return "".join(self._piece(piece) for piece in node.values)
        raise Unknown(ast.unparse(node))

    def _either(self, node: ast.BoolOp) -> Any:
        """`a or b`, `a and b`: the rest is not looked at once it is decided."""
        stop = isinstance(node.op, ast.Or)
        for item in node.values:
            value = self.value(item)
            if bool(value) is stop:
                break
        return value

    def _sum(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        for side in (left, right):  # "x" * 10**12 is no number of workers
            if isinstance(side, int | float) and abs(side) > LARGE:
                raise Unknown(ast.unparse(node))
        if type(node.op) not in BINARY:
            raise Unknown(ast.unparse(node))
        return BINARY[type(node.op)](left, right)

    def _item(self, node: ast.Subscript) -> Any:
        """`os.environ["NAME"]`."""
        if not _dotted(node.value).endswith("environ"):
            raise Unknown(ast.unparse(node))
        return self._variable(str(self.value(node.slice)))

    def _call(self, node: ast.Call) -> Any:
        name = _dotted(node.func)
        last = name.rpartition(".")[2]
        if last in CORES or ast.unparse(node) == "len(os.sched_getaffinity(0))":
            self.note(f"the number of processors is taken from this machine: {self.cores}")
            return self.cores
        if name in PLAIN and not node.keywords:
            return PLAIN[name](*map(self.value, node.args))
        if last in ENVIRONMENT and node.args and isinstance(node.args[0], ast.Constant):
            return self._read(node, last)
        raise Unknown(ast.unparse(node))

    def _read(self, node: ast.Call, how: str) -> Any:
        """`os.environ.get("NAME", default)`, `os.getenv(…)`, `env.int("NAME", default=4)`."""
        words = {word.arg: word.value for word in node.keywords}
        given = node.args[1] if len(node.args) > 1 else words.get("default")
        value = self._variable(str(self.value(node.args[0])), given)
        return int(value) if how == "int" and value is not None else value

    def _variable(self, name: str, given: ast.expr | None = None) -> Any:
        if name in self.environment:
            return self.environment[name]
        default = self.value(given) if given is not None else None
        said = f"; its default is {default!r}" if given is not None else ""
        self.note(f"{name} is not set in the project's files{said}")
        return default

    def _piece(self, piece: ast.expr) -> str:
        return str(self.value(piece.value if isinstance(piece, ast.FormattedValue) else piece))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
