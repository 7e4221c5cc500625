"""Which files belong to a program: its module, and what that imports, when a folder has too many.

A project's folder is read as a whole. But an application may lie in a folder with thousands of
files that have nothing to do with it; then only what can be reached by `import` is read.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from instep.races.doctor.workspace import SKIPPED

MOST = 1_500
"""Python files; a folder with more is not read as a whole."""


def large(folder: Path) -> bool:
    """Whether a folder has more Python files than a program usually has."""
    count = 0
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        count += sum(name.endswith(".py") for name in names)
        if count > MOST:
            return True
    return False


def reachable(folder: Path, module: str) -> list[Path]:
    """The files of a module and of all that it imports, as far as they lie in the folder.

    Args:
        folder: where modules are looked up.
        module: dotted.

    Example:
        >>> [path.name for path in reachable(Path("examples"), "counter_shared")]
        ['counter_shared.py']
    """
    found: dict[Path, None] = {}
    waiting = [module]
    known: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        for file in _files(folder, name):
            if file not in found:
                found[file] = None
                waiting += _imports(file, folder)
    return list(found)


def _files(folder: Path, name: str) -> Iterator[Path]:
    """A module's file, and those of the packages around it."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        base = folder.joinpath(*parts[:end])
        for file in (base / "__init__.py", base.with_suffix(".py")):
            if file.is_file():
                yield file


def _imports(file: Path, folder: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    package = file.parent.relative_to(folder).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from filter(None, [base, *(f"{base}.{alias.name}" for alias in node.names)])
