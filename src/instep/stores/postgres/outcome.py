"""What became of a commit whose answer was lost: PostgreSQL remembers, and is asked.

How it stays right. A transaction's id is fetched before its commit is sent, and the server knows of
each id whether it was committed. While it cannot tell yet, because the session has not noticed that
its client is gone, the session is ended, which decides it.

A server that crashed forgets the ids that it had given out since it last wrote its log, and gives
them to others, who may commit. So each transaction also reads the token of the server's life, which
a crash wipes out (see `sql/tables.sql`). In another life the id alone proves nothing: if it may be
somebody else's, the records decide, by the unique number that each commit leaves in them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import StoreError
from .errors import NOTHING
from .link import Lost, Refused
from .pool import Connections, birth

_PAUSE = 0.02  # seconds between two questions
_FUTURE = "22023"  # no such transaction yet


class Mark(NamedTuple):
    """What identifies a transaction.

    Args:
        xid: its id, 8 bytes.
        life: the token of the server's life; empty if nobody has given it one.
    """

    xid: bytes
    life: bytes


class Trace(NamedTuple):
    """What a commit would leave in a record.

    Args:
        key: as it is stored.
        before: the transaction number that was loaded.
        after: the one that the commit would write; empty if it deletes.
    """

    key: bytes
    before: bytes
    after: bytes


def bear(pool: Connections, deadline: float) -> None:
    """Give the server's life a token, unless somebody has.

    Raises:
        StoreError: the server could not be asked.
    """
    link = pool.take(deadline, waits=False)
    try:
        birth(link)
    except Lost:
        link.sound = False
    except Refused as refusal:
        raise pool.trouble(refusal.text, refusal.state) from None
    finally:
        pool.give(link)


def committed(
    pool: Connections, mark: Mark, traces: Sequence[Trace], why: str, patience: float
) -> bool:
    """Whether a transaction was committed.

    Args:
        pool: connections to the same server.
        mark: the transaction.
        traces: what its commit would leave.
        why: what happened to its connection.
        patience: the longest time to find out, in seconds.

    Raises:
        StoreError: it could not be found out.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            found = _ask(pool, mark, traces, deadline)
            said = "it cannot tell"
        except StoreError as trouble:
            # Of the question nothing was written; of the commit that is just what is not known.
            said = str(trouble).replace(NOTHING, "").removeprefix(f"{pool.settings.where}: ")
            found = None
        except Refused as refusal:
            found, said = None, str(refusal)
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            number = int.from_bytes(mark.xid, "big")
            raise StoreError(
                f"{pool.settings.where}: the connection was lost while a commit was under way "
                f"({why}), and what became of it could not be found out ({said}). Ask the server "
                f"when it is there: SELECT pg_xact_status('{number}'::xid8)"
            )
        time.sleep(_PAUSE)


def _ask(pool: Connections, mark: Mark, traces: Sequence[Trace], deadline: float) -> bool | None:
    """Whether it was committed, or None if that cannot be told now."""
    try:
        [result] = pool.ask((("outcome", (mark.xid,)),), deadline)
    except Refused as refusal:
        if refusal.state == _FUTURE:
            return False
        raise
    if not result.ntuples:
        bear(pool, deadline)
        return None
    status, token, lower, upper = (result.get_value(0, column) or b"" for column in range(4))
    if token == mark.life:
        if status == b"in progress":
            pool.ask((("hurry", (mark.xid,)),), deadline)
            return None
        return status == b"committed" if status else None
    if status != b"committed" or mark.xid >= upper:
        return False
    traced = _traced(pool, traces, deadline)
    return True if traced is None and mark.xid < lower else traced


def _traced(pool: Connections, traces: Sequence[Trace], deadline: float) -> bool | None:
    """What the records say; None if others have written over all of them."""
    for trace in traces:
        [found] = pool.ask((("read", (trace.key,)),), deadline)
        txid = found.get_value(0, 1) if found.ntuples else None
        if txid is not None and txid in (trace.before, trace.after):
            return txid == trace.after
    return None
