"""sqlite3: one connection per thread, because a connection has one transaction."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actors import Child, until
from flask import Flask
from instep import Space
from instep.flask import Instep
from instep.integrations.sqlite import connection

Get = Callable[[], sqlite3.Connection]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with accounts."""
    file = tmp_path / "shop.db"
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE accounts (name TEXT, balance INTEGER)")
    db.execute("INSERT INTO accounts VALUES ('a', 10), ('b', 0)")
    db.commit()
    db.close()
    return file


def half_a_transfer(get: Get, meanwhile: Callable[[], None]) -> int:
    """Take from one account, fail before the other gets it, and roll back: the money there is."""
    with suppress(ZeroDivisionError), get():
        get().execute("UPDATE accounts SET balance = balance - 5 WHERE name = 'a'")
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join(1)
        _ = 1 / 0
    thread.join()
    total: int = get().execute("SELECT sum(balance) FROM accounts").fetchone()[0]
    return total


def other_work(get: Get) -> Callable[[], None]:
    """What another thread does meanwhile: a transaction of its own."""

    def work() -> None:
        with get():
            get().execute("INSERT INTO accounts VALUES ('c', 0)")

    return work


def test_threads_have_their_own_transactions(space: Space, file: Path) -> None:
    """What one thread commits is not what another is in the middle of."""
    db = connection(space, file)
    assert half_a_transfer(db, other_work(db)) == 10
    assert db().execute("SELECT count(*) FROM accounts").fetchone() == (3,)


def test_threads_of_the_naive_global(file: Path) -> None:
    """With one connection for all, the other thread commits the half that was to be undone."""
    db = sqlite3.connect(file, check_same_thread=False)
    assert half_a_transfer(lambda: db, other_work(lambda: db)) == 5
    db.close()


def test_a_fork(space: Space, file: Path, fork: Callable[..., Child]) -> None:
    """The child opens its own, and both see what the other has committed."""
    db = connection(space, file)
    with db():
        db().execute("UPDATE accounts SET balance = 11 WHERE name = 'a'")
    mine = id(db())

    def work() -> Any:
        own = id(db()) != mine
        with db():
            db().execute("UPDATE accounts SET balance = balance + 1 WHERE name = 'a'")
        return [own, db().execute("PRAGMA integrity_check").fetchone()[0]]

    assert fork(work).result() == [True, "ok"]
    assert fork(work, plain=True).result() == [True, "ok"]
    assert db().execute("SELECT balance FROM accounts WHERE name = 'a'").fetchone() == (13,)


def test_closed_by_its_thread(space: Space, file: Path) -> None:
    """Each thread's connection is closed when the thread ends, in that thread."""
    db = connection(space, file, prepare=lambda c: c.execute("PRAGMA synchronous=OFF"))
    closed: list[int] = []
    resource_close = db._close
    assert resource_close is not None

    def close(mine: sqlite3.Connection) -> None:
        resource_close(mine)  # sqlite3 refuses this in any other thread
        closed.append(threading.get_ident())

    db._close = close
    thread = threading.Thread(target=db)
    thread.start()
    number = thread.ident
    thread.join()
    until(lambda: closed == [number])


def test_a_preparation_that_fails(space: Space, file: Path) -> None:
    """The connection is closed, the error comes out, and the next call tries again."""
    db = connection(space, file, prepare=lambda c: c.execute("PRAGMA nonsense()()"))
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError):
            db()


def test_rolled_back_at_the_end_of_a_request(file: Path, tmp_path: Path) -> None:
    """A resource per request on top of it undoes what a view has left open (docs/resources.md)."""
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(INSTEP_URL="memory:", DATABASE=file)
    shared = Instep(app)
    thread = connection(shared, lambda: app.config["DATABASE"])
    db = shared.resource(thread, scope="request", close=sqlite3.Connection.rollback)

    @app.route("/fail")
    def fail() -> str:
        db().execute("UPDATE accounts SET balance = 0")
        raise ZeroDivisionError

    @app.route("/")
    def home() -> str:
        db().commit()
        return str(db().execute("SELECT sum(balance) FROM accounts").fetchone()[0])

    client = app.test_client()
    assert client.get("/fail").status_code == 500
    assert client.get("/").text == "10"
    shared.close()
