"""`python -m benchmarks.compare [--write]`: the tables of docs/compare.md."""

from __future__ import annotations

import argparse
import inspect
import logging
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks.compare import caches, questions, resources, sessions
from benchmarks.compare.calls import Place
from benchmarks.machine import machine
from benchmarks.servers import Redis

PAGE = Path(__file__).parents[2] / "docs" / "compare.md"
NAMES = ("flask-caching", "cachelib", "dogpile.cache", "cashews", "diskcache", "flask-session")
TABLES = {
    "caches": (caches.CACHES, questions.QUESTIONS),
    "sessions": (sessions.SESSIONS, sessions.QUESTIONS),
    "resources": (resources.RESOURCES, resources.QUESTIONS),
}


def main() -> None:
    """Ask everything, print the tables, and write them if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument("--write", action="store_true", help="put them into docs/compare.md")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()  # libraries tell of what fails, which is the point of some questions
    with Redis() as redis, tempfile.TemporaryDirectory(prefix="instep-compare-") as folder:
        place = Place(folder, redis.port)
        for name in asked.tables or TABLES:
            table = "\n".join(_table(*TABLES[name], place))
            print(table)
            if asked.write:
                _write(name, table)
    if asked.write:
        _write("versions", versions())


def versions() -> str:
    """What was compared, and where."""
    named = [f"{name} {version(name)}" for name in (*NAMES, "svcs", "flask", "redis")]
    where = machine()
    return f"Run on {where.date}, {where.cores} cores, {where.python}, with {', '.join(named)}."


def _table(
    contenders: Iterable[str], asked: list[Callable[[str, Place], str]], place: Place
) -> Iterable[str]:
    names = list(contenders)
    yield f"| | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for question in asked:
        print(question.__name__, "…", file=sys.stderr, flush=True)
        answers = [question(name, place) for name in names]
        yield f"| {inspect.getdoc(question)} | {' | '.join(answers)} |"


def _write(name: str, text: str) -> None:
    page, marks = PAGE.read_text(), (f"<!-- {name} -->\n", "\n<!-- end -->")
    found = re.compile(f"({re.escape(marks[0])}).*?({re.escape(marks[1])})", re.DOTALL)
    PAGE.write_text(found.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", page))


if __name__ == "__main__":
    main()
