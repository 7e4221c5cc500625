"""Modules that a program imports by names that it puts together."""

from __future__ import annotations

import ast

from instep.races.reading import paths
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments
from instep.races.reading.state_files import first_node
from instep.races.reading.values import MOST_FUNCTIONS, Value, join
from instep.races.reading.walker import Walker


def import_module(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`import_module("plugins." + name)`: that module, or any of the package."""
    first = first_node(node)
    known = join(*given.positional[:1]).constant()
    if isinstance(known, str):
        one = walker.modules.find(known, frame.module)
        found = [one] if one is not None else []
    else:
        package = paths.beginning(first).rpartition(".")[0] if first is not None else ""
        found = walker.modules.below(package)[:MOST_FUNCTIONS] if package else []
    for one in found:
        walker.run_module(one)
    return Value(tuple(found), given.reads(), "constant" if found else "call")
