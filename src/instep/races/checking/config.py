"""What a check is asked to do: `[tool.instep.check]` of pyproject.toml, and the command line.

The file is the nearest pyproject.toml with such a table, from the first path upwards; what the
command line gives takes the place of what the file says, key by key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from instep.errors import Misuse

from ..reading.files import real
from ..rules import RULES
from ..rules.finding import Severity

KEYS = ("select", "ignore", "exclude", "min-severity", "baseline")


@dataclass(frozen=True, slots=True)
class Config:
    """What to look for, and where.

    Args:
        select: ids of rules, or how they begin (`IS11`); empty for all.
        ignore: the same, of those to leave out.
        exclude: patterns of files and folders that are not read, as in a shell; one that would
            leave out a path that is given by name does not hold.
        min_severity: what is less than that is counted and not told, and does not fail a check.
        baseline: a file of findings that were there before.
        root: the project's folder, which patterns and the paths of a baseline are relative to.

    Raises:
        Misuse: an id that is none.

    Example:
        >>> from instep.races.checking import Config
        >>> Config(select=("IS110",)).rules() == {"IS110"}
        True
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    min_severity: Severity = Severity.MEDIUM
    baseline: Path | None = None
    root: Path = field(default_factory=Path.cwd)

    def __post_init__(self) -> None:
        for key in ("select", "ignore"):
            for word in getattr(self, key):
                chosen(word, key)

    def rules(self) -> set[str]:
        """The ids of the rules that are asked."""
        every = set(RULES)
        selected = set().union(*(chosen(word, "select") for word in self.select)) or every
        return selected.difference(*(chosen(word, "ignore") for word in self.ignore))

    def given(self, **options: Any) -> Config:
        """With the options that are given; those that are None or empty change nothing."""
        return replace(self, **{key: value for key, value in options.items() if value})


def chosen(word: str, key: str) -> set[str]:
    """The rules that an id, or the beginning of one, stands for."""
    found = {rule for rule in RULES if len(word) > 1 and rule.startswith(word.upper())}
    if not found:
        raise Misuse(f"{key}: {unknown(word)}")
    return found


def unknown(word: str) -> str:
    """What to say of an id that is none."""
    near = get_close_matches(word.upper(), RULES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "`instep explain` lists them"
    return f"there is no rule {word!r}; {hint}"


def found(start: Path) -> Config:
    """The configuration of the project that a path is in.

    Args:
        start: a file or a folder; it and the folders above it are searched for a pyproject.toml.

    Raises:
        Misuse: the file is not TOML, or says what cannot be.
    """
    start = real(start)
    nearest: Path | None = None
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            nearest = nearest or folder
            table = _table(file)
            if table is not None:
                return _config(table, file)
    return Config(root=nearest or Path.cwd())


def _table(file: Path) -> Mapping[str, Any] | None:
    """`[tool.instep.check]` of a file, if it has one."""
    try:
        whole = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misuse(f"{file} is not TOML: {error}") from None
    except OSError as error:
        raise Misuse(f"{file} cannot be read: {error.strerror}") from None
    table: Any = whole
    for part in ("tool", "instep", "check"):
        table = table.get(part) if isinstance(table, dict) else None
    if table is not None and not isinstance(table, dict):
        raise Misuse(f"{file}: tool.instep.check is a table, with the keys {', '.join(KEYS)}")
    return table


def _config(table: Mapping[str, Any], file: Path) -> Config:
    for key in table.keys() - set(KEYS):
        near = get_close_matches(key.replace("_", "-"), KEYS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KEYS)}"
        raise Misuse(f"{file}: [tool.instep.check] has no key {key!r}; {hint}")
    where = f"{file}: [tool.instep.check]"
    lists = {key: _words(table, key, where) for key in ("select", "ignore", "exclude")}
    baseline = table.get("baseline")
    if baseline is not None and (not isinstance(baseline, str) or not baseline):
        raise Misuse(f"{where} baseline is the path of a file, in quotes, not {baseline!r}")
    try:
        return Config(
            **lists,
            min_severity=_severity(table.get("min-severity", Severity.MEDIUM), where),
            baseline=file.parent / baseline if baseline else None,
            root=file.parent,
        )
    except Misuse as error:
        raise Misuse(f"{where} {error}") from None


def _words(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    words: Sequence[Any] = table.get(key, [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise Misuse(f"{where} {key} is a list of strings, not {words!r}")
    return tuple(words)


def _severity(word: Any, where: str) -> Severity:
    if word not in tuple(Severity):
        raise Misuse(f"{where} min-severity is one of {', '.join(Severity)}, not {word!r}")
    return Severity(word)
