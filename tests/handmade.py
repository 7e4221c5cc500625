"""Findings made by hand, for tests of what is done with findings."""

from collections.abc import Sequence

from instep.races.checking.report import Entry, Report
from instep.races.checking.sites import Telling
from instep.races.reading.model import (
    Access,
    Hold,
    Kind,
    Location,
    Lock,
    Place,
    Program,
    Role,
    Root,
)
from instep.races.rules.finding import Finding, Reached, Severity, Window

SHOP = """\
import threading

orders = {}


def create(code):
    if code not in orders:
        orders[code] = draw()
    return orders[code]
""".splitlines()


def place(lines: Sequence[str], line: int, word: str, path: str = "shop.py") -> Place:
    """Where a word stands, with the column in bytes as `ast` counts."""
    text = lines[line - 1]
    column = len(text[: text.index(word)].encode())
    return Place(path, line, column, line, "shop.create")


def finding(
    lines: Sequence[str] = SHOP,
    *,
    read: tuple[int, str] | None = (7, "orders"),
    write: tuple[int, str] = (8, "orders"),
    more: Sequence[tuple[int, str]] = (),
    rule: str = "IS110",
    severity: Severity = Severity.HIGH,
    name: str = "orders",
    path: str = "shop.py",
    lock: str = "",
) -> Finding:
    """One finding of a file."""
    location = Location(Root.GLOBAL, "shop", name)
    first = place(lines, *write, path)
    before = place(lines, *read, path) if read else None
    held = frozenset([Hold(Lock(lock), 1)]) if lock else frozenset()
    accesses = [Access(1, Kind.WRITE, location, first, held=held)]
    if before:
        accesses.append(Access(0, Kind.TEST, location, before))
    return Finding(
        rule=rule,
        severity=severity,
        window=Window.EXPOSED,
        location=location,
        title=f"the dict `{name}` is tested, and then written",
        consequence="Two requests get the same order.",
        place=first,
        read=before,
        writes=(first, *(place(lines, *one, path) for one in more)),
        actors=("shop.create",),
        accesses=tuple(accesses),
        fix="Use a mapping: 100 % sure.",
        plain="Take a lock.",
        reached=(Reached("shop.create", Role.VIEW, ("POST /order",), path),),
    )


def program(lines: Sequence[str] = SHOP, path: str = "shop.py") -> Program:
    """One file."""
    return Program(files={path: list(lines)}, lines=len(lines))


def entry(lines: Sequence[str] = SHOP, **options: object) -> Entry:
    """One finding, ready to be told."""
    return Telling(program(lines), str).entry(finding(lines, **options))  # type: ignore[arg-type]


def report(*entries: Entry, lines: Sequence[str] = SHOP) -> Report:
    """A report of one file."""
    return Report(
        findings=list(entries), files=1, lines=len(lines), actors=1, sources={"shop.py": [*lines]}
    )
