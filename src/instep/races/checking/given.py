"""The paths that a check is given, and how files are called when they are shown."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from instep.errors import Misuse

from ..reading.files import excluded, show

STDIN = "-"
_PYTHON = re.compile(rb"#!.*\bpython")


class Names:
    """How files are called: as seen from here, with slashes.

    Args:
        root: the project's folder, which paths that were read are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._here = os.path.realpath(os.curdir)
        self._shown: dict[str, str] = {}

    def call(self, path: Path, name: str) -> None:
        """Give a file a name of its own."""
        self._shown[path.resolve().as_posix()] = self._shown[path.as_posix()] = name

    def shown(self, path: str) -> str:
        """What a file is called."""
        name = self._shown.get(path)
        if name is None:
            name = path
            if self._root != self._here and not os.path.isabs(path):
                whole = os.path.join(self._root, path)
                name = Path(os.path.relpath(whole, self._here)).as_posix()
            self._shown[path] = name
        return name


def files_of(paths: Sequence[Path], names: Names, stdin: bytes, folder: Path) -> list[Path]:
    """The paths to read, each once.

    Args:
        paths: as given.
        names: is told what standard input is called.
        stdin: what `-` stands for.
        folder: an empty one, for that text.

    Raises:
        Misuse: a path is not there, or is a file of another kind.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if str(path) == STDIN:
            path = folder / "stdin.py"
            path.write_bytes(stdin)
            names.call(path, "<stdin>")
        else:
            _check(path)
        found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def asked_for(pattern: str, paths: Sequence[Path], root: Path) -> bool:
    """Whether a pattern would leave out what was given by name: who names it wants it read."""
    return any(excluded(show(path, root), [pattern]) for path in paths)


def _check(path: Path) -> None:
    try:
        if path.is_dir():
            return
        if not path.exists():
            raise Misuse(f"there is no file or folder {path}")
        if path.suffix not in (".py", ".pyw") and not _says_python(path):
            raise Misuse(
                f"{path} is not a Python file: neither its name nor its first line says so"
            )
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from None


def _says_python(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(_PYTHON.match(file.readline(200)))
