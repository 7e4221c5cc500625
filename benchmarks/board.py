"""multiprocessing's manager as its manual has it: a lock, a number and a dictionary for all."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import managers
from pathlib import Path
from typing import Any

_KEY = b"benchmarks"

_LOCK_PROXY: Any = vars(managers)["AcquirerProxy"]  # which the type stubs do not know


class Board(managers.SyncManager):
    """A `multiprocessing` manager with one lock, one number and one dictionary for everybody."""


class _Number:
    def __init__(self) -> None:
        self.value = 0

    def get(self) -> int:
        return self.value

    def set(self, value: int) -> None:
        self.value = value


_things: dict[str, Any] = {"lock": threading.Lock(), "number": _Number(), "table": {}}


def _lock() -> Any:
    return _things["lock"]


def _number() -> Any:
    return _things["number"]


def _table() -> Any:
    return _things["table"]


Board.register("lock", _lock, _LOCK_PROXY)
Board.register("number", _number, managers.ValueProxy)
Board.register("table", _table, managers.DictProxy)


class BoardClient:
    """The usual recipe on a manager: take its lock, get, set, let go.

    Args:
        board: a manager that is started or connected.
    """

    def __init__(self, board: Any) -> None:
        self.lock, self.number, self.table = board.lock(), board.number(), board.table()

    def increment(self) -> int:
        """Count on; four messages to the manager and four back."""
        with self.lock:
            number: int = self.number.get() + 1
            self.number.set(number)
        return number


@contextmanager
def manager(folder: Path) -> Iterator[str]:
    """A manager in a process of its own: the path of its socket."""
    address = str(folder / "manager")
    with Board(address, authkey=_KEY, ctx=multiprocessing.get_context("spawn")):
        yield address


def board_client(address: str) -> BoardClient:
    """Connect to a manager."""
    board = Board(address, authkey=_KEY)
    board.connect()
    return BoardClient(board)
