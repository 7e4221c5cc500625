"""The store keeps the contract, among threads as its suite sees it, and among processes."""

import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from instep import Misuse, Space, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.testing import StoreContract

COUNT = """
import sys
from instep import Space
counter = Space(sys.argv[1]).counter("n")
for _ in range(250):
    counter.increment()
"""
HOLD = """
import sys, time
from instep.stores import engine
hold = engine(sys.argv[1]).open().hold((b"n",), 10.0)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a store that is not there yet."""
    return f"sqlite:{tmp_path}/state.db"


class TestSqlite(StoreContract):
    """What every store promises."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        """An empty store."""
        with closing(engine(url).open()) as store:
            yield store

    def change_behind(self, store: Store, hold: Any, key: bytes, new: bytes) -> None:
        """Write with a connection of our own, past every lock."""
        path = store.url.removeprefix("sqlite:")
        with closing(sqlite3.connect(path)) as database, database:
            row = key, 7, random.getrandbits(60), 0.0, new
            database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", row)

    def kept(self, store: Store) -> int:
        """All rows."""
        with closing(sqlite3.connect(store.url.removeprefix("sqlite:"))) as database:
            rows: int = database.execute("SELECT count(*) FROM records").fetchone()[0]
        return rows


def test_processes_count_together(url: str) -> None:
    """No increment of four processes is lost."""
    command = [sys.executable, "-c", COUNT, url]
    workers = [subprocess.Popen(command) for _ in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    assert Space(url).counter("n").value == 1000


def test_many_processes_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Each of them finds its database, or makes it; none is turned away."""
    for turn in range(20):
        url = f"sqlite:{tmp_path}/{turn}/state.db"
        context = multiprocessing.get_context("fork")
        line = context.Barrier(6)
        openers = [context.Process(target=read_at_once, args=(url, line)) for _ in range(6)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join(60)
        assert [opener.exitcode for opener in openers] == [0] * 6


def read_at_once(url: str, line: Any) -> None:
    """When all of them have come so far."""
    store = engine(url).open()
    line.wait(60)
    assert store.read(b"n") is None


def test_a_forked_child_and_its_parent_count_together(url: str) -> None:
    """A store that was used before the fork is used on both sides of it."""
    counter = Space(url).counter("n")
    counter.increment()
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=count, args=(counter,)) for _ in range(2)]
    for child in children:
        child.start()
    count(counter)
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0]
    assert counter.value == 301


def count(counter: Any) -> None:
    """Increment it a hundred times."""
    for _ in range(100):
        counter.increment()


def test_nobody_waits_for_a_holder_that_was_killed(url: str) -> None:
    """The kernel frees what it held."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(60)
    engine(url).open().hold((b"n",), 10.0).release()


def test_its_files_are_the_owner_s(url: str, tmp_path: Path) -> None:
    """Nobody else can read them."""
    Space(url).counter("n").increment()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("wrong", ["sqlite:", "sqlite:a?b=c", "sqlite://host/a"])
def test_a_wrong_url_is_refused(wrong: str) -> None:
    """Before anything is touched."""
    with pytest.raises(Misuse):
        Space(wrong)


def test_a_file_that_is_no_database_is_refused(url: str, tmp_path: Path) -> None:
    """And it stays as it is."""
    (tmp_path / "state.db").write_text("shopping list\n" * 100)
    with pytest.raises(StoreError, match=r"state\.db"):
        Space(url).counter("n").increment()
    assert (tmp_path / "state.db").read_text().startswith("shopping list")
