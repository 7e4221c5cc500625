"""One connection to PostgreSQL: several statements in one message, and their answers.

The statements are the .sql files beside this module, prepared under a name that has their digest,
and sent through libpq's pipeline: an exchange is one round trip whatever it consists of. The server
passes over what follows a statement that fails, so a COMMIT behind one that fails does not happen.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Sequence
from hashlib import blake2b
from importlib import resources
from typing import NamedTuple, Protocol

import psycopg
from psycopg import pq

from .. import process

_SYNC = int(pq.ExecStatus.PIPELINE_SYNC)  # plain numbers: they are compared for each result
_FATAL = int(pq.ExecStatus.FATAL_ERROR)
_STATE = pq.DiagnosticField.SQLSTATE
_TEXT = pq.DiagnosticField.MESSAGE_PRIMARY
_OK = int(pq.ConnStatus.OK)
_NO_TRANSACTION = int(pq.TransactionStatus.IDLE)
_RENEWAL = 5.0  # seconds for the answer to a renewal
_THERE = "42P05"  # duplicate prepared statement
_ONCE = ("tables.sql", "index.sql")  # too seldom to be kept by the server

Result = pq.abc.PGresult
Statement = tuple[str, Sequence[bytes | None]]
"""The name of an .sql file, and its parameters in PostgreSQL's binary form."""


class Refused(Exception):
    """The server answered a statement with an error; the transaction, if any, has failed.

    Args:
        state: its SQLSTATE.
        text: its message.
        at: which of the statements it was.
    """

    def __init__(self, state: str, text: str, at: int) -> None:
        super().__init__(f"{text} ({state})")
        self.state = state
        self.text = text
        self.at = at


class Lost(Exception):
    """The connection ended, or nothing was answered in time.

    Args:
        state: the SQLSTATE of the server's last words, or an empty text.
        text: what happened.
    """

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state
        self.text = text


class _Prepared(NamedTuple):
    name: bytes
    text: bytes
    formats: list[int]


class Statements:
    """The statements of a store, with its schema in the place that they leave for it.

    Args:
        schema: its name, of letters, digits and underscores.
        prepared: let the server keep them; False behind a pooler that cannot.
    """

    def __init__(self, schema: str, prepared: bool) -> None:
        self.prepared = prepared
        self.schema = schema
        self.all: dict[str, _Prepared] = {}
        for path in resources.files(__package__).joinpath("sql").iterdir():
            if path.name.endswith(".sql") and path.name not in _ONCE:
                name = path.name.removesuffix(".sql")
                text = self.text(name).encode()
                number = max((n for n in range(10) if b"$%d" % n in text), default=0)
                known = f"instep_{name}_{blake2b(text, digest_size=6).hexdigest()}"
                self.all[name] = _Prepared(known.encode(), text, [1] * number)

    def text(self, name: str) -> str:
        """A file's SQL without its comments."""
        file = resources.files(__package__).joinpath("sql", f"{name}.sql")
        lines = file.read_text("utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("--"))
        for table in ("records", "life", "meta"):
            text = text.replace(f"{{{table}}}", f'"{self.schema}".{table}')
        return text.strip()


class Permit(Protocol):
    """What is given back when a connection is."""

    def put(self, item: None) -> None:
        """Give it back."""


class Session(psycopg.Connection[tuple[object, ...]]):
    """psycopg's connection, which may be left to the garbage collector without a warning."""

    def __del__(self, *_: object) -> None:
        """The connection's own parts close it, in the process that opened it."""


class Link:
    """A connection that is used by one caller at a time.

    Args:
        session: psycopg's connection, fresh.
        statements: what will be sent.
        round_: of its pool; another one than the pool's says that it is of the past.
    """

    __slots__ = (
        "_pg",
        "_poll",
        "_session",
        "_statements",
        "era",
        "held",
        "lives",
        "lock",
        "owner",
        "permits",
        "round",
        "sound",
        "used",
    )

    def __init__(self, session: Session, statements: Statements, round_: object) -> None:
        self._session = session
        self._pg = session.pgconn
        self._statements = statements
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self._pg.enter_pipeline_mode()
        self.round = round_
        self.era = process.era
        # By the server's process, of which a pooler gives each transaction another one.
        self.lives: dict[bytes, bytes] = {}
        self.permits: Permit | None = None  # its pool's, to be given back
        self.owner = 0  # the thread that holds through it
        self.sound = True  # nothing is under way on it
        self.held = False  # a transaction of a hold is open on it
        self.used = time.monotonic()
        self.lock = threading.Lock()  # between the caller and whoever renews its lease

    @property
    def pid(self) -> int:
        """The server's process, unless a pooler is in between."""
        return self._pg.backend_pid

    @property
    def free(self) -> bool:
        """Whether nothing is under way on it, and no transaction is open."""
        return self.sound and self._pg.transaction_status == _NO_TRANSACTION

    @property
    def server(self) -> int:
        """The server's major version."""
        return self._pg.server_version // 10_000

    def prepare(self, patience: float) -> None:
        """Let the server keep the statements."""
        if not self._statements.prepared:
            return
        left = list(self._statements.all.values())
        while left:
            self.sound = False
            for name, text, _ in left:
                self._pg.send_prepare(name, text)
            try:
                self._collect(patience)
                return
            except Refused as refusal:
                if refusal.state != _THERE:  # in a pooler's session, and then it is the same text
                    raise
                left = left[refusal.at + 1 :]

    def run(self, text: str, patience: float) -> Result:
        """Execute one statement that is not prepared; the transaction ends with it, if alone."""
        self.sound = False
        self._pg.send_query_params(text.encode(), None, result_format=1)
        [result] = self._collect(patience)
        return result

    def ask(self, statements: Sequence[Statement], patience: float) -> list[Result]:
        """Send statements and wait for their results: one round trip.

        Args:
            statements: in their order.
            patience: the longest wait for any part of the answer, in seconds.

        Raises:
            Refused: one of them failed; those before it took effect, those behind it did not.
            Lost: whether any took effect is not known.
        """
        if not self.sound:
            raise Lost("", "an exception came in the middle of an exchange")
        self.sound = False
        pg, known = self._pg, self._statements.all
        try:
            if self._statements.prepared:
                for name, values in statements:
                    known_as, _, formats = known[name]
                    pg.send_query_prepared(known_as, values, formats, 1)
            else:
                for name, values in statements:
                    _, text, formats = known[name]
                    pg.send_query_params(text, values, None, formats, 1)
        except psycopg.Error as error:
            raise self._lost(error, ()) from None
        return self._collect(patience)

    def renew(self) -> bool:
        """Say something for its owner, who is busy elsewhere: the server ends the transaction of a
        client that is silent for the length of its lease."""
        if not self.lock.acquire(blocking=False):
            return True  # its owner is talking to the server
        try:
            if self.held and self.sound:
                self.ask((("renew", ()),), _RENEWAL)
        except (Lost, Refused):
            return False  # the owner will find out, at the latest when it commits
        finally:
            self.lock.release()
        return self.held

    def close(self) -> None:
        """Say goodbye."""
        self._session.close()

    def _collect(self, patience: float) -> list[Result]:
        """The results up to the end of the pipeline."""
        pg, poll = self._pg, self._poll.poll
        busy, consume, next_ = pg.is_busy, pg.consume_input, pg.get_result
        results: list[Result] = []
        refused = None
        try:
            pg.pipeline_sync()
            if pg.flush():
                self._flush(patience)
            while True:
                while busy():
                    if not poll(patience * 1000):
                        raise Lost("", f"the server has not answered for {patience:g} s")
                    consume()
                result = next_()
                if result is None:
                    if pg.status != _OK:
                        raise self._lost(None, results)
                    continue
                status = result.status
                if status == _SYNC:
                    break
                if status == _FATAL and refused is None:
                    refused = Refused(_state(result), _text(result), len(results))
                results.append(result)
        except psycopg.Error as error:
            raise self._lost(error, results) from None
        self.sound = True
        if refused is not None:
            raise refused
        self.used = time.monotonic()
        return results

    def _flush(self, patience: float) -> None:
        """Send what one call could not, reading meanwhile what the server says."""
        both = select.poll()
        both.register(self._pg.socket, select.POLLIN | select.POLLOUT)
        while self._pg.flush():
            ready = both.poll(patience * 1000)
            if not ready:
                raise Lost("", f"the server has taken nothing for {patience:g} s")
            if ready[0][1] & ~select.POLLOUT:
                self._pg.consume_input()

    def _lost(self, error: Exception | None, results: Sequence[Result]) -> Lost:
        """With the server's last words, if it had any."""
        for result in results:
            if result.status == _FATAL and _state(result):
                return Lost(_state(result), _text(result))
        said = self._pg.get_error_message() or str(error or "the connection ended")
        return Lost("", " ".join(said.split()))


def _state(result: Result) -> str:
    return (result.error_field(_STATE) or b"").decode()


def _text(result: Result) -> str:
    return (result.error_field(_TEXT) or b"").decode(errors="replace") or "it gave no reason"
