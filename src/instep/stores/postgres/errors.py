"""PostgreSQL's errors in the words of this package: what happened, where, what to do."""

from __future__ import annotations

import re
from typing import NamedTuple

from ...errors import StoreError


class Hint(NamedTuple):
    """What to do about a kind of error.

    Args:
        state: how its SQLSTATE begins, or None.
        text: how its message reads in English; libpq tells no SQLSTATE of a connection refused.
        advice: for whoever reads it.
        passes: whether it passes by itself.
    """

    state: str | None
    text: str | None
    advice: str
    passes: bool = False


_HINTS = (
    Hint("28P01", "password authentication failed", "check the user and the password in the URL"),
    Hint(None, "no password supplied", "the server wants a password: put one in the URL"),
    Hint("3D000", 'database ".*" does not exist', "check its name, or make it with createdb"),
    Hint(None, 'role ".*" does not exist', "check the user in the URL"),
    Hint(
        None,
        "SSL|certificate",
        "the TLS of the two sides does not fit: check sslmode= and sslrootcert= in the URL, and "
        "ssl and pg_hba.conf of the server",
    ),
    Hint("28", "pg_hba.conf", "the server's pg_hba.conf does not let this client in"),
    Hint(
        "53300",
        "too many (clients|connections)|remaining connection slots",
        "use fewer workers or a smaller ?pool=, a pooler in between (PgBouncer), or a higher "
        "max_connections of the server",
        passes=True,
    ),
    Hint(
        "57P0",
        "the database system is|terminating connection|server closed the connection"
        "|[Cc]onnection (refused|reset)|No such file",
        "see that the server runs and listens there",
        passes=True,
    ),
    Hint(
        None, "translate host|[Nn]ame or service|resolve", "check the host in the URL", passes=True
    ),
    Hint(
        "25006",
        "read-only transaction",
        "this is a replica, or the role may only read: give the URL of the primary, or of all "
        "servers with ?target_session_attrs=read-write",
    ),
    Hint("53100", None, "the server's disk is full: make room there"),
    Hint("53", None, "the server lacks resources; its log says which"),
    Hint("57014", None, "an administrator, or a limit of the server, ended the statement"),
    Hint("42501", None, "the role lacks a right: an administrator grants it with\n{grants}"),
    Hint(
        "26000",
        None,
        "a pooler in between does not keep prepared statements: add ?prepare=no to the URL",
    ),
    Hint("42", None, "the tables are not those of this release; its log says more"),
    Hint("0A000", None, "the server is too old, or one that only resembles PostgreSQL"),
)

GRANTS = """\
    CREATE SCHEMA IF NOT EXISTS "{schema}";
    GRANT USAGE, CREATE ON SCHEMA "{schema}" TO "{role}";
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "{schema}" TO "{role}";"""


NOTHING = "; nothing was written"


def hint(state: str, text: str) -> Hint | None:
    """What is known of an error."""
    for one in _HINTS:
        if one.state and state.startswith(one.state):
            return one
        if not state and one.text and re.search(one.text, text):
            return one
    return None


def passes(state: str, text: str) -> bool:
    """Whether to try again after an error, because it may pass by itself."""
    known = hint(state, text)
    return known.passes if known else not state


def trouble(where: str, text: str, state: str = "", grants: str = "") -> StoreError:
    """The error for what the server or the connection said.

    Args:
        where: the store's URL without secrets.
        text: what was said.
        state: its SQLSTATE, if there is one.
        grants: the SQL that gives the rights that it needs.
    """
    known = hint(state, text)
    advice = known.advice.replace("{grants}", grants) if known else "its log may say more"
    code = f" ({state})" if state else ""
    return StoreError(f"{where}: {' '.join(text.split())}{code}{NOTHING}: {advice}")
