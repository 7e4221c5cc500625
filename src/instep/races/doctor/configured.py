"""Reads `gunicorn.conf.py` and uWSGI's ini files: the other half of a command line.

A configuration of gunicorn is Python. It is parsed and never run: assignments are worked out where
they can be, an `if` whose test can be worked out is followed, and what cannot be known is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from instep.races.doctor.commandline import from_uwsgi
from instep.races.doctor.expressions import Unknown, evaluate
from instep.races.doctor.settings import Settings

READ = ("workers", "threads", "worker_class", "preload_app", "wsgi_app", "chdir")


def gunicorn_config(
    text: str, where: str, *, variables: Mapping[str, str] | None = None, cores: int = 1
) -> Settings:
    """What a `gunicorn.conf.py` says.

    Args:
        text: of the file.
        where: its name, for messages.
        variables: of the environment, as the project's own files set them.
        cores: how many processors `cpu_count()` finds.

    Example:
        >>> gunicorn_config("workers = 2 * 2 + 1", "gunicorn.conf.py").workers
        5
    """
    reading = _Configuration(variables or {}, cores)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        return Settings(where=where, notes=(f"{where} cannot be read: {error}",))
    reading.run(tree.body)
    found = reading.found
    lines = sorted({reading.lines[name] for name in ("workers", "threads") if name in found})
    return Settings(
        server="gunicorn",
        workers=_integer(found.get("workers")),
        threads=_integer(found.get("threads")),
        worker_class=_text(found.get("worker_class")),
        preload=bool(found["preload_app"]) if "preload_app" in found else None,
        target=_text(found.get("wsgi_app")),
        chdir=_text(found.get("chdir")),
        where=f"{where}:{lines[0]}" if lines else where,
        notes=tuple(reading.notes),
    )


class _Configuration:
    def __init__(self, variables: Mapping[str, str], cores: int) -> None:
        self.variables, self.cores = variables, cores
        self.found: dict[str, Any] = {}
        self.lines: dict[str, int] = {}
        self.notes: list[str] = []

    def run(self, body: list[ast.stmt]) -> None:
        """Go through statements as the interpreter would, as far as they can be known."""
        for statement in body:
            match statement:
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        self._assign(target, value)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self._assign(target, value)
                case ast.AugAssign(target=ast.Name() as target, op=operation, value=value):
                    self._assign(target, ast.BinOp(ast.Name(target.id), operation, value))
                case ast.If():
                    self._branch(statement)
                case ast.Try():
                    self.run(statement.body)
                case ast.With():
                    self.run(statement.body)

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assign(one, other)
        if not isinstance(target, ast.Name):
            return
        notes: list[str] = []
        try:
            self.found[target.id] = self._value(value, notes)
            self.lines[target.id] = target.lineno if hasattr(target, "lineno") else 1
        except Unknown:
            self.found.pop(target.id, None)
            if target.id in READ:
                notes.append(f"{target.id} = {ast.unparse(value)} cannot be worked out")
        if target.id in READ or any(name in ast.unparse(value) for name in _COUNTED):
            self.notes += [note for note in notes if note not in self.notes]

    def _branch(self, statement: ast.If) -> None:
        try:
            self.run(statement.body if self._value(statement.test, []) else statement.orelse)
        except Unknown:  # either may happen; what both leave is what the later one says
            self.run(statement.orelse)
            self.run(statement.body)

    def _value(self, node: ast.expr, notes: list[str]) -> Any:
        return evaluate(
            node,
            self.found,
            environment=self.variables,
            cores=self.cores,
            note=lambda sentence: notes.append(sentence),
        )


_COUNTED = ("cpu_count", "WORKER", "CONCURRENCY", "THREAD", "CORE")


def _integer(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_INI = re.compile(r"^\s*([\w.-]+)\s*=\s*(.*?)\s*$")


def uwsgi_ini(text: str, where: str, *, cores: int = 1) -> Settings:
    """What uWSGI's section of an ini file says; in these files a name may stand more than once.

    Example:
        >>> uwsgi_ini("[uwsgi]\\nprocesses = 3\\nthreads = 2", "uwsgi.ini").workers
        3
    """
    found: dict[str, str] = {}
    section, line_of_it = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("["):
            section = line.strip().strip("[]")
        elif section == "uwsgi" and (match := _INI.match(line)) and line.strip()[0] not in "#;":
            if match[1] in ("processes", "workers"):
                line_of_it = number
            found[match[1]] = match[2].replace("%k", str(cores)).replace("%(workers)", "")
    return replace(from_uwsgi(found), where=f"{where}:{line_of_it}") if found else Settings()
