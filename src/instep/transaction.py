"""Transactions: hold, load, run, commit; all of it or nothing.

How it stays right. The body runs once, on plain Python values that were loaded under the hold; what
their bytes have become is written in one commit when the outermost call ends, and a call that
raises leaves the bytes as they were. A call inside a call joins the transaction that the thread (or
greenlet) is in: it is found through a context variable, which carries its owner, because contexts
are copied to other threads, and its process, because they are copied by forks.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from .cells import LAZY, Bytes, Callee, Cell, Gone, Plain, Target, refuse_lazy, too_large
from .errors import Misuse
from .stores import process
from .stores.base import Change, Hold, Store
from .stores.keys import readable

log = logging.getLogger("instep")

T = TypeVar("T")

_FIRST_PAGE, _PAGE = 16, 1000  # records; who wants only the first (popitem) does not get them all
MAX_DEPTH = 64  # calls inside calls; more is a recursion that does not end


class Opened(NamedTuple):
    """A store, opened for a space.

    Args:
        store: the store.
        timeout: the longest wait for a hold, in seconds.
        max_record: the largest record, in bytes.
    """

    store: Store
    timeout: float
    max_record: int


def _state(cell: Cell) -> bytes | Exception | None:
    """The bytes of a cell, or why a body that is still running has left it without any."""
    try:
        return cell.dump()
    except Exception as refusal:
        return refusal


class Transaction:
    """The span in which keys are held, loaded, changed and committed together.

    Args:
        opened: the store that all of it is in.
    """

    __slots__ = (
        "_cells",
        "_depth",
        "_era",
        "_hold",
        "_owner",
        "callbacks",
        "open",
        "opened",
        "task",
    )

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self._cells: dict[bytes, Any] = {}
        self._hold: Hold | None = None
        self.callbacks: list[Callable[[], object]] = []
        self._depth = 0
        # Only between begin and end: a context that outlives it does not bring it back.
        self.open = False
        self._owner = threading.get_ident()
        self.task: object = None
        self._era = process.era

    def mine(self) -> bool:
        """Whether the caller is in this transaction: same thread or greenlet, same process."""
        return (
            self.open
            and self._owner == threading.get_ident()
            and self._era is process.era
            and (self.task is None or self.task is _task())
        )

    def find(self, key: bytes) -> Any | None:
        """The cell of a key that the transaction has loaded."""
        return self._cells.get(key)

    def under(self, prefix: bytes) -> dict[bytes, Any]:
        """The cells of the keys that begin with `prefix`."""
        return {key: cell for key, cell in self._cells.items() if key.startswith(prefix)}

    def delete(self, target: Target) -> bool:
        """Delete a key; whether there was anything."""
        cell = (
            self.cell(Bytes(target.key))
            if target.key not in self._cells
            else self._cells[target.key]
        )
        existed = cell.dump() is not None
        self._cells[target.key] = Gone(cell.loaded)
        return existed

    def cell(self, target: Target) -> Any:
        """Hold and load a key, or find it loaded."""
        key = target.key
        cell = self._cells.get(key)
        if cell is None:
            opened = self.opened
            if self._hold is None:
                self._hold = opened.store.hold((key,), opened.timeout)
            else:
                self._hold.extend((key,), opened.timeout)
            cell = self._cells[key] = target.cell(self._hold.load(key, updated=target.updated))
        elif type(cell) is Gone:
            loaded, cell = cell.loaded, target.cell(None)
            cell.loaded, self._cells[key] = loaded, cell
        elif not target.accepts(cell):
            if type(cell) is Plain and cell.data == cell.loaded:  # only looked at so far
                cell = self._cells[key] = target.cell(cell.loaded)
                return cell
            raise Misuse(f"{readable(key)} is used as two different things in one transaction")
        return cell

    def hold(self, targets: Iterable[Target]) -> None:
        """Hold and load several keys, taken in the store's one order."""
        targets = list(targets)
        keys = [target.key for target in targets if target.key not in self._cells]
        if keys and self._hold is None:
            self._hold = self.opened.store.hold(keys, self.opened.timeout)
        elif keys and self._hold is not None:
            self._hold.extend(keys, self.opened.timeout)
        for target in targets:
            self.cell(target)

    def join(self, opened: Opened) -> None:
        """Refuse what is in another store."""
        if opened.store is not self.opened.store:
            raise Misuse(
                f"a call on an object in {opened.store.url} inside a transaction on "
                f"{self.opened.store.url}: one commit cannot span two stores; make the call after "
                "the transaction, with after_commit(…)"
            )

    @contextmanager
    def savepoint(self, opened: Opened) -> Iterator[None]:
        """A call inside a call: if it raises, what it changed is undone, and only that."""
        self.join(opened)
        if self._depth == MAX_DEPTH:
            raise Misuse(f"calls on shared objects are nested {MAX_DEPTH} deep: a recursion?")
        before = {key: (cell, _state(cell)) for key, cell in self._cells.items()}
        callbacks = len(self.callbacks)
        self._depth += 1
        try:
            yield
        except BaseException:
            # What was loaded since is still held, and loaded anew when it is used again.
            self._cells = {key: cell for key, (cell, _) in before.items()}
            del self.callbacks[callbacks:]
            for cell, state in before.values():
                if isinstance(state, Exception):
                    raise state from None  # it cannot be undone
                if _state(cell) != state:
                    cell.restore(state)
            raise
        finally:
            self._depth -= 1

    def after_commit(self, callback: Callable[[], object]) -> None:
        """Run `callback` when all of it is committed."""
        self.callbacks.append(callback)

    def commit(self) -> None:
        """Write what changed, then let go of everything and run what was to run after."""
        changes = {}
        for key, cell in self._cells.items():
            data = cell.dump()
            if data != cell.loaded:
                if data is not None and len(data) > self.opened.max_record:
                    raise too_large(key, len(data), self.opened.max_record)
                changes[key] = data
        if self._hold is not None and (changes or self.callbacks):
            self._hold.commit(changes)  # of none: what was read still held when it ended
        else:
            self.close()

    def close(self) -> None:
        """Let go of what is held; nothing is written."""
        if self._hold is not None:
            self._hold.release()

    def finish(self) -> None:
        """After the commit: side effects, in order; one that fails undoes nothing."""
        for callback in self.callbacks:
            try:
                callback()
            except Exception:
                log.exception("instep: after_commit: %r failed; the commit stands", callback)


def _task() -> object:
    """The asyncio task that runs in this thread; tasks copy the context of whoever made them."""
    events = sys.modules.get("asyncio")
    if events is None or events._get_running_loop() is None:
        return None
    return events.current_task()


_current: ContextVar[Transaction | None] = ContextVar("instep_transaction", default=None)


def current() -> Transaction | None:
    """The transaction that the caller is in."""
    transaction = _current.get()
    return transaction if transaction is not None and transaction.mine() else None


@contextmanager
def transaction(opened: Opened) -> Iterator[Transaction]:
    """Begin a transaction, or join the one that the caller is in."""
    outer = current()
    if outer is not None:
        with outer.savepoint(opened):
            yield outer
        return
    inner = Transaction(opened)
    inner.task = _task()  # only a block can be left in the middle, by an await
    token = _current.set(inner)
    try:
        inner.open = True
        yield inner
        inner.commit()
    except BaseException:
        inner.close()
        raise
    finally:
        inner.open = False
        _current.reset(token)
    inner.finish()


def call(
    opened: Opened,
    target: Callee,
    function: Callable[..., T],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> T:
    """Run `function` on a target's value as one atomic step: the hot path of `transaction`.

    What the store keeps cannot be reached through the result: a body that returns its own value
    gives the target's proxy instead, and one that would go on after the commit (a generator) is
    refused.
    """
    if _current.get() is not None and current() is not None:
        with transaction(opened) as outer:
            value = outer.cell(target).value
            result = function(value, *args, **kwargs)
            refuse_lazy(target.key, result)
            return target.itself() if result is value else result
    inner = Transaction(opened)
    token = _current.set(inner)
    try:
        inner.open = True
        value = inner.cell(target).value
        result = function(value, *args, **kwargs)
        if type(result) in LAZY:
            refuse_lazy(target.key, result)
        inner.commit()
    except BaseException:
        inner.close()
        raise
    finally:
        inner.open = False
        _current.reset(token)
    if inner.callbacks:
        inner.finish()
    return target.itself() if result is value else result


def update(opened: Opened, target: Target, change: Change[T]) -> T:
    """Change bytes in one step: the store's own, or, inside a transaction, one of its changes."""
    outer = current() if _current.get() is not None else None
    if outer is None:
        return opened.store.update(target.key, change, opened.timeout)
    outer.join(opened)
    cell = outer.cell(target)
    cell.data, result = change(cell.data)
    return result


def peek(opened: Opened, target: Target) -> bytes | None:
    """The bytes of a target: a snapshot, or, inside a transaction, held like what it changes."""
    outer = within(opened)
    if outer is None:
        record = opened.store.read(target.key)
        return record.data if record else None
    data: bytes | None = outer.cell(target).data
    return data


def within(opened: Opened) -> Transaction | None:
    """The transaction on this very store that the caller is in; of another store it reads."""
    outer = current() if _current.get() is not None else None
    return outer if outer is not None and outer.opened.store is opened.store else None


def exists(opened: Opened, target: Target) -> bool:
    """Whether there is a record: a snapshot, or, inside a transaction, held as by `peek`."""
    outer = within(opened)
    if outer is None:
        return opened.store.read(target.key) is not None
    cell = outer.find(target.key) or outer.cell(Bytes(target.key))
    return cell.dump() is not None


def delete(opened: Opened, target: Target) -> bool:
    """Delete a record under its hold; whether there was one."""
    with transaction(opened) as outer:
        return outer.delete(target)


def scan(opened: Opened, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and data under a prefix, as the transaction that the caller is in has left them."""
    outer = within(opened)
    changed = outer.under(prefix) if outer is not None else {}
    after: bytes | None = None
    limit = _FIRST_PAGE
    while True:
        page = opened.store.scan(prefix, after, limit)
        for key, record in page:
            data = changed.pop(key).dump() if key in changed else record.data
            if data is not None:
                yield key, data
        if len(page) < limit:
            break
        after, limit = page[-1][0], min(limit * 8, _PAGE)
    for key, cell in changed.items():
        data = cell.dump()
        if data is not None:
            yield key, data
