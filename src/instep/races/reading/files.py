"""From paths to parsed modules: which files count, what they are called, which are broken.

Nothing is imported. A file that cannot be read (a newer syntax, null bytes, an unknown encoding)
is set aside with its reason, and the rest goes on.
"""

from __future__ import annotations

import ast
import fnmatch
import io
import os
import re
import stat
import sys
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from instep.races.reading.model import Broken

SKIPPED = frozenset(
    """node_modules site-packages __pycache__ build dist env venv virtualenv __pypackages__
    vendor vendored _vendor vendors third_party thirdparty 3rdparty""".split()
)
"""Folders that never hold the user's own sources."""

LARGEST = 3_000_000
"""Bytes of a source that is read: the tree of a literal takes a hundred times its text."""


@dataclass(slots=True)
class Source:
    """One parsed file.

    Args:
        path: as findings show it.
        file: where it is.
        name: its dotted name, from the packages around it.
        tree: its syntax tree.
        lines: its source.
        package: it is an `__init__`.
        test: it belongs to a test-suite, so nothing in it serves requests.
        deep: its expressions may bind names or make generators.
    """

    path: str
    file: Path
    name: str
    tree: ast.Module
    lines: list[str]
    package: bool
    test: bool
    deep: bool = True


def gather(
    paths: Sequence[Path], root: Path | None, exclude: Sequence[str]
) -> tuple[list[Source], list[Broken]]:
    """Read and parse every Python file under the paths.

    Args:
        paths: files and folders.
        root: what shown paths are relative to; as given, if None.
        exclude: glob patterns of paths to leave out.

    Returns:
        What was parsed, in the order of its paths, and what was broken.
    """
    sources: list[Source] = []
    broken: list[Broken] = []
    seen: set[Path] = set()
    for start in paths:
        for file in sorted(found(start)):
            resolved = real(file)
            shown = show(file, root)
            if resolved in seen or excluded(shown, exclude):
                continue
            seen.add(resolved)
            outcome = parsed(file, shown, start)
            if isinstance(outcome, Broken):
                broken.append(outcome)
            else:
                sources.append(outcome)
    copied = [one for one in sources if one.file not in paths and is_copy(one, sources)]
    return [one for one in sources if one not in copied], broken


LARGE = 1_000
"""Lines of a file that may be a whole library."""
LABELS = frozenset({"__author__", "__version__", "__license__"})


def is_copy(source: Source, sources: list[Source]) -> bool:
    """Whether a file is a library of one file that the program has copied, and uses."""
    if len(source.lines) < LARGE:
        return False
    named = {
        target.id
        for node in source.tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return named >= LABELS and any(
        imports(one, source.file.stem)
        for one in sources
        if one is not source and not one.test and one.file.name not in ("setup.py", "conf.py")
    )


def imports(source: Source, wanted: str) -> bool:
    """Whether a file imports a module of that name."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if any(wanted in name.split(".") for name in names):
                return True
    return False


def found(start: Path) -> Iterator[Path]:
    """The Python files at or under a path."""
    if not start.is_dir():
        yield start
        return
    for folder, folders, names in os.walk(start):
        if folder != str(start) and "pyvenv.cfg" in names:
            folders.clear()
            continue
        folders[:] = sorted(
            name for name in folders if name not in SKIPPED and not name.startswith(".")
        )
        for name in names:
            if name.endswith(".py") and not special(Path(folder, name)):
                yield Path(folder, name)


def special(file: Path) -> bool:
    """Whether it is a pipe, a socket or a device: opening one may wait for ever."""
    try:
        mode = file.stat().st_mode
    except OSError:  # a link to nothing is told of when it is opened
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def real(path: Path) -> Path:
    """Where a path leads to; `Path.resolve` raises if a link leads to itself."""
    return Path(os.path.realpath(path))


def show(file: Path, root: Path | None) -> str:
    """A path as findings name it."""
    if root is not None:
        try:
            return real(file).relative_to(real(root)).as_posix()
        except ValueError:
            pass
    return file.as_posix()


def excluded(shown: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern leaves a path out."""
    parts = shown.split("/")
    return any(
        fnmatch.fnmatch(shown, pattern)
        or fnmatch.fnmatch(shown, pattern.rstrip("/") + "/*")
        or pattern.rstrip("/") in parts
        for pattern in patterns
    )


def parsed(file: Path, shown: str, start: Path) -> Source | Broken:
    """The syntax tree of a file, or why there is none."""
    try:
        size = file.stat().st_size
        if size > LARGEST:
            return Broken(
                shown, 1, f"it has {size:,} bytes, more than {LARGEST:,}: too large to read"
            )
        raw = file.read_bytes()
        encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        text = raw.decode(encoding)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return Broken(shown, error.lineno or 1, f"not as Python {version} has it: {error.msg}")
    except (ValueError, LookupError) as error:
        return Broken(shown, 1, f"it cannot be decoded: {error}")
    except (RecursionError, MemoryError):
        return Broken(shown, 1, "it is nested too deeply to be parsed")
    except OSError as error:
        return Broken(shown, 1, f"it cannot be opened: {error.strerror}")
    package = file.name == "__init__.py"
    name = dotted(file, start)
    deep = ":=" in text or "yield" in text
    return Source(shown, file, name, tree, lines_of(text), package, is_test(file, start), deep)


def lines_of(text: str) -> list[str]:
    """The lines of a source as Python counts them: a form feed ends none."""
    lines = re.split(r"\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def dotted(file: Path, start: Path) -> str:
    """The dotted name of a file, by the packages around it and its folder below the start."""
    base = start if start.is_dir() else file.parent
    while (base / "__init__.py").exists() and base.parent != base:
        base = base.parent
    try:
        parts = list(real(file).relative_to(real(base)).parts)
    except ValueError:
        parts = [file.name]
    parts[-1] = parts[-1].removesuffix(".py")
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    if parts[0] == "src" and len(parts) > 1:
        parts.pop(0)
    return ".".join(parts)


def is_test(file: Path, start: Path) -> bool:
    """Whether a file below a folder is part of its tests; a file that was named itself is not."""
    if not start.is_dir():
        return False
    *folders, name = file.relative_to(start).parts
    return (
        bool({"tests", "test"} & set(folders))
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name == "conftest.py"
    )
