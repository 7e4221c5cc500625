"""What only the source tells: the statement around an access, and what is caught around it.

How it stays right. These are looks at the text by indentation, which is what Python itself goes by;
a string over several lines may mislead them, so nothing is found by them alone: they take back, or
say better, what the traces have shown.
"""

from __future__ import annotations

import ast
import re

from instep.races.reading.model import Place

_BLOCK = re.compile(r"\s*(async )?(def|class)\b")
_BROAD = ("Exception", "BaseException")
_OVER = {"KeyError": "LookupError", "IndexError": "LookupError"}


def source(lines: list[str], place: Place) -> str:
    """All lines of a place in one."""
    return " ".join(line.strip() for line in lines[place.line - 1 : place.end_line])


def caught(lines: list[str], place: Place, error: str) -> str:
    """By which name a `try` of the same function catches an error; empty if none does."""
    if not 0 < place.line <= len(lines):
        return ""
    depth = _depth(lines[place.line - 1])
    for number in range(place.line - 2, -1, -1):
        line = lines[number]
        if not line.strip() or _depth(line) >= depth:
            continue
        depth = _depth(line)
        if _BLOCK.match(line):
            return ""
        name = _handled(lines[place.line :], depth, error) if line.strip() == "try:" else ""
        if name:
            return name
    return ""


def _handled(below: list[str], depth: int, error: str) -> str:
    """The name under which the first fitting handler of one `try` has it."""
    for line in below:
        if not line.strip() or _depth(line) > depth:
            continue
        if _depth(line) < depth or not line.lstrip().startswith("except"):
            return ""
        names = re.findall(r"\w+", line.partition("except")[2].partition(" as ")[0])
        for name in (error, _OVER.get(error, error), *_BROAD):
            if name in names:
                return name
        if not names:
            return "BaseException"
    return ""


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def kept_or_replaced(statement: str) -> bool:
    """Whether something is bound to another value or stays, as in `x = given.get("x", x)`."""
    try:
        [node] = ast.parse(statement.strip()).body
    except (SyntaxError, ValueError):
        return False
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return False
    itself, value = ast.unparse(node.targets[0]), node.value
    if isinstance(value, ast.IfExp):
        others = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        others = value.values
    elif isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in _OR_ELSE:
        others = value.args[-1:]
    else:
        return False
    return any(ast.unparse(one) == itself for one in others)


_OR_ELSE = frozenset({"get", "getattr", "getenv", "pop"})
"""Calls whose last argument is what they return if there is nothing."""
