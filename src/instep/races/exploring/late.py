"""Instrumentation of what is there already: functions of imported modules get new code.

How it stays right. A module's source is compiled anew, instrumented, and each function that exists
gets the code that stands at its place in the source: same name, same line, same free variables.
Where the source no longer fits what was imported, the function stays as it is. At the end each one
gets its own code back.
"""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from instep.races.watching import Watch, instrument
from instep.races.watching.locks import watched
from instep.races.watching.written import Written

SELF = str(Path(__file__).parents[1])
"""What explores cannot be explored."""

Codes = dict[tuple[str, int, int], CodeType]
"""The code objects of a module, by qualified name, first line, and column of the body."""

Named = tuple[str, dict[str, object]]


def own_modules(roots: Sequence[Path]) -> list[ModuleType]:
    """The program's own modules among those that are imported."""
    hook = Watch([])  # which does not read all of the program's files
    hook.roots = [root.resolve() for root in roots]
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and hook.is_own(path):
            found.append(module)
    return found


@contextmanager
def instrumented(
    modules: Iterable[ModuleType] | None = None, roots: Sequence[Path] = ()
) -> Iterator[list[Named]]:
    """Within it, the functions of modules tell what they touch.

    Args:
        modules: which; without, the program's own: all below the roots.
        roots: folders; the current one, if there is none.

    Yields:
        Names and namespaces of the modules, from which state is named.
    """
    if modules is None:
        modules = own_modules(roots or [Path.cwd()])
    modules = [module for module in modules if not str(module.__file__).startswith(SELF)]
    new = _compiled(tuple(modules))
    watched.update(new)
    old = _swap(new)
    try:
        yield [(f"{module.__name__}:", module.__dict__) for module in modules]
    finally:
        watched.difference_update(new)
        for function, code in old:
            function.__code__ = code


@lru_cache(maxsize=2)
def _compiled(modules: tuple[ModuleType, ...]) -> dict[str, Codes]:
    """New code for the modules that have none of the kind yet, by path."""
    trees = {module: tree for module in modules if (tree := _tree(module)) is not None}
    written = Written()
    for _, parsed in trees.values():
        written.look(parsed)
    return {
        str(module.__file__): _codes(module, source, written)
        for module, (source, _) in trees.items()
        if str(module.__file__) not in watched
    }


def _swap(new: Mapping[str, Codes]) -> list[tuple[FunctionType, CodeType]]:
    """Give every function new code; returns what they had."""
    old = []
    for function in [found for found in gc.get_objects() if type(found) is FunctionType]:
        code = function.__code__
        codes = new.get(code.co_filename)
        there = codes.get(_key(code)) if codes else None
        if there is not None and there.co_freevars == code.co_freevars:
            old.append((function, code))
            function.__code__ = there
    return old


def _codes(module: ModuleType, source: str, written: Written) -> Codes:
    """The code objects of a module, instrumented, by name and line."""
    try:
        code = instrument(
            source, str(module.__file__), module.__dict__, name=module.__name__, written=written
        )
    except Exception:  # the program goes on, unwatched here
        return {}
    return {_key(inner): inner for inner in _inner(code)}


def _key(code: CodeType) -> tuple[str, int, int]:
    """Tells a code object from all others of its file, two lambdas of one line as well."""
    columns = [
        (line, column)
        for line, _, column, end in code.co_positions()
        if line is not None and column is not None and end
    ]
    return code.co_qualname, code.co_firstlineno, min(columns, default=(0, 0))[1]


def _inner(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inner(constant)


def _tree(module: ModuleType) -> tuple[str, ast.Module] | None:
    try:
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        return source, ast.parse(source)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
