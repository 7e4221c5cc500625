"""Whether today's interpreters can switch threads between two accesses of the same function.

CPython 3.10 to 3.13 with the GIL give it up at function entries, backward jumps and after most
calls. Calls of Python functions are heard while they happen; this module finds those of classes
and of C in the source, which nobody hears.
"""

from __future__ import annotations

import ast
import linecache
from functools import lru_cache

from instep.races.reading.model import Place

SWITCHING = (ast.Call, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Await)

Span = tuple[int, int, int, int]
"""Line and column where a call begins, and where it ends."""


@lru_cache(maxsize=4_096)
def can_switch(before: Place, place: Place, writes: bool) -> bool:
    """Whether a call or a loop lies between two accesses in the source.

    Args:
        before: the earlier one.
        place: the later one.
        writes: the later one binds, which comes after all that its statement calls.
    """
    if (before.path, before.function) != (place.path, place.function):
        return False
    if place.line < before.line:
        return True
    start = (before.line, before.column)
    for _, _, line, column in _calls(before.path, before.line, place.end_line):
        ended_before = (line, column) <= start
        if not ended_before and (writes or (line, column) <= (place.line, place.column)):
            return True
    return False


def prepare(path: str) -> None:
    """Read a source before the forks, each of which would have to do it again."""
    _all_calls(path)


def _calls(path: str, first: int, last: int) -> list[Span]:
    return [span for span in _all_calls(path) if first <= span[2] and span[0] <= last]


@lru_cache(maxsize=64)
def _all_calls(path: str) -> tuple[Span, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(path)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    return tuple(
        (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        for node in ast.walk(tree)
        if isinstance(node, SWITCHING)
    )
