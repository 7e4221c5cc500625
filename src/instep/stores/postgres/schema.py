"""The tables in PostgreSQL: made once by many workers at once, and of a version that is understood.

How it stays right. Whoever finds no tables makes them in one transaction, behind a lock that the
server frees at its end; the next one finds them made. An index that an older release did not make
is made by whoever misses it, unless that would keep others waiting.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ...errors import StoreError
from .. import process
from .link import Link, Lost, Refused, Statements

VERSION = 1
OLDEST = 13  # of PostgreSQL: pg_current_xact_id
MISSING = ("42P01", "3F000")  # no such table, no such schema
_LATER = ("55P03", "25006")  # lock_timeout; a replica, where the primary's will appear

_PATIENCE = 60.0  # seconds; others make the tables at the same time
_SHORT = 100  # milliseconds for which other writers may queue behind an index


def ready(link: Link, statements: Statements, where: str) -> None:
    """See that the tables are there, or make them.

    Args:
        link: a connection, with nothing under way.
        statements: those of the schema.
        where: the store's URL without secrets.

    Raises:
        StoreError: they were made by a newer release, or the server is too old.
    """
    if link.server < OLDEST:
        raise StoreError(
            f"{where}: PostgreSQL {link.server} is too old: {OLDEST} or later is needed"
        )
    try:
        found, indexed = _found(link, statements)
    except Refused as refusal:
        if refusal.state not in MISSING:
            raise
        _make(link, statements)
        found, indexed = _found(link, statements)
    if found > VERSION:
        raise StoreError(
            f"{where}: the tables in the schema {statements.schema} have version {found}, and "
            f"this release of instep knows up to {VERSION}: upgrade it here too"
        )
    if not indexed:
        _index(link, statements, where)


def _found(link: Link, statements: Statements) -> tuple[int, bool]:
    """The version of the tables, and whether they have their index."""
    result = link.run(statements.text("schema"), _PATIENCE)
    version = result.get_value(0, 0) if result.ntuples else None
    number: int = struct.unpack(">q", version)[0] if version else 0
    return number, not result.ntuples or result.get_value(0, 1) == b"\x01"


def _make(link: Link, statements: Statements) -> None:
    quoted, patience = f'"{statements.schema}"', _PATIENCE
    with _alone(link, quoted, wait=0):
        missing = link.run(f"SELECT to_regnamespace('{quoted}') IS NULL", patience)
        if missing.get_value(0, 0) == b"\x01":
            link.run(f"CREATE SCHEMA {quoted}", patience)
        made = link.run(f"SELECT to_regclass('{quoted}.meta') IS NOT NULL", patience)
        if made.get_value(0, 0) == b"\x01":
            return  # by another worker; an index would wait for those who write in it already
        for statement in statements.text("tables").split(";"):
            link.run(statement, patience)
        link.run(statements.text("index"), patience)


def _index(link: Link, statements: Statements, where: str) -> None:
    """Make the index; where that cannot be done, nothing that has expired is forgotten."""
    sql = statements.text("index")
    try:
        with _alone(link, f'"{statements.schema}"', wait=_SHORT):
            link.run(sql, _PATIENCE)
    except Refused as refusal:
        if refusal.state not in _LATER:
            process.say(
                f"{where}: expired records stay in the table, because the index that finds them "
                f"could not be made ({refusal.text}). Let the owner of the table run: {sql}"
            )


@contextmanager
def _alone(link: Link, quoted: str, wait: int) -> Iterator[None]:
    """A transaction that one worker at a time has; `wait` is in milliseconds, 0 for no limit."""
    link.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", _PATIENCE)
    try:
        link.run(f"SET LOCAL lock_timeout = {wait}", _PATIENCE)
        link.run(f"SELECT pg_advisory_xact_lock(hashtext('instep {quoted}'))", _PATIENCE)
        yield
        link.run("COMMIT", _PATIENCE)
    except BaseException:
        with suppress(Refused, Lost):
            link.run("ROLLBACK", _PATIENCE)
        raise
