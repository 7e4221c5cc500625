"""The PostgreSQL store: a table, for every process of every machine that reaches the server.

How it stays right. A hold is a transaction of the server's that locks its keys' rows, loads them
and commits (`hold`): nobody else comes in between, and one whose holder died, or is silent
for longer than its lease, is rolled back by the server. An update is a short hold. Reads and scans
are single statements, which see what was committed and wait for nobody. No state is kept in a
session, so that a pooler in between (PgBouncer, transaction mode) may give each transaction
another one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from functools import partial

from ...errors import LeaseLost, Misuse, StoreError
from .. import process
from ..address import Address, parse
from ..base import Change, Engine, Hold, Powers, Record, Store, T
from ..holds import TABLE_SIZE, Holds
from ..record import PREFIX, alive, shorten
from .forgetting import Forgetting
from .hold import PostgresHold
from .link import Refused, Result
from .pool import Connections, Settings
from .values import number, real, record

PATIENCE = 10.0  # seconds in which a read or a scan gets its answer, through a restart too

_OPTIONS = ("schema", "pool", "lease", "prepare")
_LIBPQ = (
    *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "service"),
    *("connect_timeout", "target_session_attrs", "load_balance_hosts", "options"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation"),
    *("ssl_min_protocol_version", "channel_binding", "require_auth", "gssencmode"),
    *("tcp_user_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count"),
)
_SCHEMA = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)
_BEYOND = b"\xff" * 512  # behind every stored key, which have 480 bytes at most


class PostgresStore(Store, process.Lockless):
    """Keeps records in a table of PostgreSQL.

    Args:
        settings: where, and how.
    """

    powers = Powers(several=True, durable=True, machines=True, leases=True)

    def __init__(self, settings: Settings) -> None:
        self.url = settings.where
        self.pool = Connections(settings)
        self._forgetting = Forgetting(self.pool)
        self.lease = b"%d" % (settings.lease * 1000)
        self.after_fork_in_child()
        process.watch(self)

    def read(self, key: bytes) -> Record | None:
        found = self._ask("read", (shorten(key),))
        return alive(record(found, 0, 0)) if found.ntuples else None

    def hold(self, keys: Collection[bytes], timeout: float, *, lease: float | None = None) -> Hold:
        return PostgresHold(self, self.holds(), keys, timeout)

    def update(
        self,
        key: bytes,
        change: Change[T],
        timeout: float,
        *,
        expires: float | None = None,
        version: int | None = None,
    ) -> T:
        deadline, left = time.monotonic() + timeout, timeout
        while True:
            with PostgresHold(self, self.holds(), (key,), left) as hold:
                old = hold.load(key)
                new, result = change(old)
                if new is old and (new is None or expires is None):
                    return result
                hold.expires, hold.version = expires, version
                try:
                    hold.commit({key: new})
                except (StoreError, LeaseLost):
                    left = deadline - time.monotonic()
                    if left <= 0.0 or not hold.undone:
                        raise  # or else nothing was written: change what is there then
                else:
                    break
        if expires:
            self._forgetting.after_write()
        return result

    def scan(
        self, prefix: bytes, after: bytes | None = None, limit: int = 1000
    ) -> list[tuple[bytes, Record]]:
        start = prefix[:PREFIX]
        bounds = (start, shorten(after) if after else b"", _successor(start))
        rest = (real(time.time()), prefix, number(limit))
        found = self._ask("scan", bounds + rest)
        return [
            (found.get_value(row, 0) or b"", record(found, row, 1)) for row in range(found.ntuples)
        ]

    def close(self) -> None:
        self.pool.close()

    def holds(self) -> Holds:
        """The queue of this process's threads."""
        if not process.here[0]:
            process.settle()
        return self._holds

    def _ask(self, name: str, values: tuple[bytes, ...]) -> Result:
        try:
            [found] = self.pool.ask(((name, values),), time.monotonic() + PATIENCE)
        except Refused as refusal:
            raise self.pool.trouble(refusal.text, refusal.state) from None
        return found

    def after_fork_in_child(self) -> None:
        """Nobody but this thread exists here: forget what the others held."""
        self._holds = Holds(bytearray(TABLE_SIZE), None)


def _successor(prefix: bytes) -> bytes:
    """The first of the stored keys' order that is behind all with the prefix."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else _BEYOND


def _libpq(address: Address) -> dict[str, str]:
    """The parameters of the connection, as libpq knows them."""
    hosts = {
        "host": ",".join(host for host, _ in address.hosts),
        "port": ",".join(str(port or "") for _, port in address.hosts),
        "dbname": address.path.removeprefix("/"),
        "user": address.user or "",
        "password": address.password or "",
    }
    given = {name: value for name, value in address.options.items() if name in _LIBPQ}
    return {name: value for name, value in hosts.items() if value.strip(",")} | given


def engine(url: str) -> Engine:
    """The engine of a PostgreSQL store.

    Args:
        url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, several hosts parted by commas, with
            the options of libpq and `?schema=` (default `instep`), `?pool=` (most connections of a
            process, default 10), `?lease=` (seconds, default 30), `?prepare=no` (for poolers that
            keep no prepared statements).

    Raises:
        Misuse: an option is not known, or its value is not.
    """
    address = parse(url)
    address.allow(*_OPTIONS, *_LIBPQ)
    schema = address.options.get("schema", "instep")
    if not _SCHEMA.fullmatch(schema):
        raise Misuse(
            f"{address.shown}: schema={schema!r} is not a name of letters, digits and underscores "
            "that begins with no digit and not with pg_"
        )
    prepare = address.options.get("prepare", "yes")
    if prepare not in ("yes", "no"):
        raise Misuse(f"{address.shown}: prepare={prepare!r} is neither yes nor no")
    settings = Settings(
        where=address.shown,
        libpq=_libpq(address),
        schema=schema,
        limit=int(address.number("pool", 10, 2)),
        lease=address.number("lease", 30, 0.1),
        prepared=prepare == "yes",
    )
    return Engine(address.shown, PostgresStore.powers, partial(PostgresStore, settings))
