"""Instrumentation of what is there already: functions of imported modules get new code.

How it stays right. A module's source is compiled anew, instrumented, and each function that exists
gets the code that stands at its place in the source: same name, same line, same free variables.
Where the source no longer fits what was imported, the function stays as it is. At the end each one
gets its own code back.
"""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from instep.races.watching import Watch, instrument
from instep.races.watching.locks import watched
from instep.races.watching.written import Written

SELF = str(Path(__file__).parents[1])
"""What explores cannot be explored."""

NAME = re.compile(r"\w+")

Codes = dict[tuple[str, int, int], CodeType]
"""The code objects of a module, by qualified name, first line, and column of the body."""

Named = tuple[str, dict[str, object]]


def own_modules(roots: Sequence[Path]) -> list[ModuleType]:
    """The program's own modules among those that are imported."""
    is_own = _owner(tuple(root.resolve() for root in roots))
    found = []
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and is_own(path):
            found.append(module)
    return found


@lru_cache(maxsize=8)
def _owner(roots: tuple[Path, ...]) -> Callable[[str], bool]:
    """Whether a file is the program's; a test-suite asks for the same ones in every test."""
    return cache(Watch(roots).is_own)


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
    new = _compiled(modules)
    watched.update(new)
    old = _swap(new)
    try:
        yield [(f"{module.__name__}:", module.__dict__) for module in modules]
    finally:
        watched.difference_update(new)
        for function, code in old:
            function.__code__ = code


def _compiled(modules: Iterable[ModuleType]) -> dict[str, Codes]:
    """New code for the modules that have none of the kind yet, by path."""
    sources = {module: source for module in modules if (source := _source(module)) is not None}
    attributes = set().union(*(source.written.attributes for source in sources.values()))
    containers = set().union(*(source.written.containers for source in sources.values()))
    return {
        str(module.__file__): _codes(
            module, source.text, source.of(attributes), source.of(containers)
        )
        for module, source in sources.items()
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


@cache
def _codes(
    module: ModuleType, text: str, attributes: frozenset[str], containers: frozenset[str]
) -> Codes:
    """The code objects of a module, instrumented, by name and line.

    Args:
        module: of the program.
        text: its source.
        attributes: that are written anywhere in the program, of those that it names.
        containers: likewise.
    """
    written = Written(set(attributes), set(containers))
    try:
        code = instrument(
            text, str(module.__file__), module.__dict__, name=module.__name__, written=written
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


@dataclass(frozen=True, slots=True)
class _Source:
    """What is in a module's file.

    Args:
        text: of it.
        names: that stand in it.
        written: what its functions write.
    """

    text: str
    names: frozenset[str]
    written: Written

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """Those that can be meant here; a private one is spelt otherwise in its class."""
        return frozenset(name for name in names if name in self.names or "__" in name)


@cache
def _source(module: ModuleType) -> _Source | None:
    try:
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None
    written = Written()
    written.look(tree)
    return _Source(text, frozenset(NAME.findall(text)), written)
