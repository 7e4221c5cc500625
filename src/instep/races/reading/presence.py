"""What a test says about what it has looked for: that it is there, or that it is not.

How it stays right. `if k in d`, `if x is not None` and `if x` find something there; their
opposites find nothing. A test that says neither (`n < 5`), or several things at once, tells nothing
here; nor does the truth of what another function returns, which may mean either.
"""

from __future__ import annotations

import ast

from instep.races.reading.frames import Frame
from instep.races.reading.trace import NOTHING_TOLD, Told, Trace
from instep.races.reading.values import NO_READS

_THERE = (ast.In, ast.IsNot, ast.NotEq)
_GONE = (ast.NotIn, ast.Is, ast.Eq)


def told(trace: Trace, test: ast.expr, tests: frozenset[int], frame: Frame) -> Told:
    """What a test says.

    Args:
        trace: the walk's.
        test: the expression.
        tests: the accesses that decide it.
        frame: where it stands.
    """
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return told(trace, test.operand, tests, frame).turned()
    if isinstance(test, ast.NamedExpr):
        return told(trace, test.value, tests, frame)
    if isinstance(test, ast.Compare):
        return _compared(test, tests)
    if not isinstance(test, (ast.Name, ast.Attribute, ast.Call, ast.Subscript)):
        return NOTHING_TOLD
    notes = trace.notes
    near = [one for one in tests if one < len(notes) and notes[one].stack == frame.stack]
    gone = frozenset(one for one in near if notes[one].method == "not in")
    return Told(frozenset(near) - gone, gone)


def _compared(test: ast.Compare, tests: frozenset[int]) -> Told:
    """`k in d`, `x is None`."""
    [operator, *more] = test.ops
    right = test.comparators[0]
    of_none = isinstance(right, ast.Constant) and right.value is None
    if more or not (of_none or isinstance(operator, (ast.In, ast.NotIn))):
        return NOTHING_TOLD
    if isinstance(operator, _THERE):
        return Told(there=tests)
    return Told(gone=tests) if isinstance(operator, _GONE) else NOTHING_TOLD


def turned_away(body: list[ast.stmt], there: frozenset[int], frame: Frame) -> frozenset[int]:
    """Those of a test who are sent off for what they have found, without being given it.

    Args:
        body: the block that they leave by.
        there: what the test has found.
        frame: where it stands.
    """
    last = body[-1]
    if not isinstance(last, ast.Return):
        return there
    plain = last.value is None or (
        isinstance(last.value, ast.Constant) and not isinstance(last.value.value, str)
    )
    return NO_READS if plain else there - frame.sent
