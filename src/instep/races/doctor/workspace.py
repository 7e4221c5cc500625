"""A copy of the project to try things in, so that its files and embedded databases stay.

What requests write into files beside the program goes into the copy, which is removed afterwards.
A database on a server is no file: a program that is to be asked should be told to use another one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SKIPPED = frozenset(
    ".git .hg .svn .venv venv env node_modules __pycache__ .mypy_cache .pytest_cache .ruff_cache "
    ".tox .nox .idea .vscode".split()
)
"""Folders that no program needs to run, or that are too large to copy."""

MOST_BYTES = 100_000_000
MOST_FILES = 10_000


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the program is run.

    Args:
        origin: the project's own folder.
        root: the copy, or the project itself.
        copied: whether it is a copy.
        why: why it is not, in words.
    """

    origin: Path
    root: Path
    copied: bool
    why: str = ""

    def there(self, path: str) -> Path:
        """Where a file of the project is, named as seen from the current folder.

        Example:
            >>> place = Workspace(Path.cwd(), Path("/copy"), True)
            >>> place.there("shop/app.py").as_posix()
            '/copy/shop/app.py'
        """
        whole = Path(os.path.abspath(path))
        try:
            return self.root / whole.relative_to(self.origin)
        except ValueError:
            return whole

    def here(self, text: str) -> str:
        """A message with the project's own folder in it, and not the copy's."""
        return text.replace(str(self.root), str(self.origin))


@contextmanager
def workspace(root: Path, *, in_place: bool = False) -> Iterator[Workspace]:
    """The folder to run in, for the length of a `with` block.

    Args:
        root: of the project.
        in_place: run where it is.

    Example:
        >>> with workspace(Path("examples")) as place:
        ...     (place.root / "counter_global.py").exists(), place.copied
        (True, True)
    """
    root = root.resolve()
    if in_place:
        yield Workspace(root, root, False, "as it was asked for")
        return
    if why := _too_large(root):
        yield Workspace(root, root, False, why)
        return
    with tempfile.TemporaryDirectory(prefix="instep-doctor-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder, root.name or "project")
        try:
            shutil.copytree(root, copy, symlinks=True, ignore=_ignored)
        except OSError as error:
            first = error.args[0][0][2] if isinstance(error, shutil.Error) else error
            yield Workspace(root, root, False, f"it could not be copied: {first}")
            return
        yield Workspace(root, copy, True)


def _ignored(folder: str, names: list[str]) -> set[str]:
    """What is not copied; sockets and pipes cannot be."""
    found = set(names) & SKIPPED
    for name in set(names) - found:
        path = os.path.join(folder, name)
        special = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
        if special or os.path.exists(os.path.join(path, "pyvenv.cfg")):
            found.add(name)
    return found


def _too_large(root: Path) -> str:
    size = files = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _ignored(folder, folders)]
        for name in names:
            files += 1
            try:
                size += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
            except OSError:
                continue
        if size > MOST_BYTES or files > MOST_FILES:
            return f"it is larger than {MOST_BYTES // 1_000_000} MB or {MOST_FILES} files"
    return ""
