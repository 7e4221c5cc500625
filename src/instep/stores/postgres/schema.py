"""The tables in PostgreSQL: made once by many workers at once, and of a version that is understood.

How it stays right. Whoever finds no tables makes them in one transaction, behind a lock that the
server frees at its end; the next one finds them made.
"""

from __future__ import annotations

import struct
from contextlib import suppress

from ...errors import StoreError
from .link import Link, Lost, Refused, Statements

VERSION = 1
OLDEST = 13  # of PostgreSQL: pg_current_xact_id
MISSING = ("42P01", "3F000")  # no such table, no such schema

_PATIENCE = 60.0  # seconds; others make the tables at the same time


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
        found = _version(link, statements)
    except Refused as refusal:
        if refusal.state not in MISSING:
            raise
        _make(link, statements)
        found = _version(link, statements)
    if found > VERSION:
        raise StoreError(
            f"{where}: the tables in the schema {statements.schema} have version {found}, and "
            f"this release of instep knows up to {VERSION}: upgrade it here too"
        )


def _version(link: Link, statements: Statements) -> int:
    result = link.run(statements.text("schema"), _PATIENCE)
    version = result.get_value(0, 0) if result.ntuples else None
    return struct.unpack(">q", version)[0] if version else 0


def _make(link: Link, statements: Statements) -> None:
    quoted, patience = f'"{statements.schema}"', _PATIENCE
    link.run("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", patience)
    try:
        link.run("SET LOCAL lock_timeout = 0", patience)
        link.run(f"SELECT pg_advisory_xact_lock(hashtext('instep {quoted}'))", patience)
        missing = link.run(f"SELECT to_regnamespace('{quoted}') IS NULL", patience)
        if missing.get_value(0, 0) == b"\x01":
            link.run(f"CREATE SCHEMA {quoted}", patience)
        for statement in statements.text("tables").split(";"):
            link.run(statement, patience)
        link.run("COMMIT", patience)
    except BaseException:
        with suppress(Refused, Lost):
            link.run("ROLLBACK", patience)
        raise
