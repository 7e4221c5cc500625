"""Workers that write to a store while it is ill-treated, and an account of what became of it."""

import os
import threading
import time
from collections.abc import Callable
from typing import Self

from instep.errors import Conflict, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.change import Add
from instep.testing.steps import LONG

LISTS = (b"{x}a", b"b", b"c")
NUMBER = b"number"


def whole(old: bytes | None) -> int:
    """The number that ADD keeps."""
    return int(old[1:], 16) if old else 0


ADD = Add(1, 0, b"c", whole, lambda number: b"c%x" % number)


def by_hold(store: Store, key: bytes, name: bytes) -> None:
    """Append a name under a hold."""
    with store.hold((key,), LONG) as hold:
        hold.commit({key: (hold.load(key) or b"") + name + b" "})


def by_update(store: Store, key: bytes, name: bytes) -> None:
    """Append a name in one step."""
    store.update(key, lambda old: ((old or b"") + name + b" ", None), LONG)


class Load:
    """Threads that append names of their own to records, and that count.

    Args:
        url: where.
        threads: how many of each kind.
    """

    def __init__(self, url: str, threads: int = 2) -> None:
        self._store = engine(url).open()
        self._end = threading.Event()
        self._lock = threading.Lock()
        self.told: dict[bytes, list[bytes]] = {key: [] for key in LISTS}
        self.numbers: list[int] = []
        self.errors: list[Exception] = []
        self.uncounted = 0
        self.longest = 0.0
        self.surprises: list[BaseException] = []
        who = os.urandom(3).hex().encode()
        works = [self._list(by_hold), self._list(by_update), self._count]
        self._threads = [
            threading.Thread(
                target=self._work, args=(b"%b-%d-%d" % (who, kind, number), work), daemon=True
            )
            for kind, work in enumerate(works)
            for number in range(threads)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)
        self._store.close()
        if what[0] is None:
            assert not any(thread.is_alive() for thread in self._threads)
            assert not self.surprises, self.surprises[0]

    @property
    def done(self) -> int:
        """How many calls have succeeded."""
        return len(self.numbers) + sum(map(len, self.told.values()))

    def await_more(self, number: int, patience: float = 60.0) -> None:
        """Wait until so many more have succeeded."""
        before, deadline = self.done, time.monotonic() + patience
        while self.done < before + number:
            assert time.monotonic() < deadline, f"{self.done - before} calls in {patience:g} s"
            assert not self.surprises, self.surprises[0]
            time.sleep(0.01)

    def check(self, store: Store, *, durable: bool = True) -> None:
        """Nothing was done twice; and nothing that was told is missing, if nothing may be."""
        for key in LISTS:
            record = store.read(key)
            found = record.data.split() if record else []
            assert len(found) == len(set(found)), f"twice in {key!r}"
            if durable:
                assert set(self.told[key]) <= set(found), f"missing in {key!r}"
        if durable:
            record = store.read(NUMBER)
            total = whole(record.data if record else None)
            assert len(self.numbers) == len(set(self.numbers)), "a number was told twice"
            assert len(self.numbers) <= total <= len(self.numbers) + self.uncounted

    def _work(self, name: bytes, work: Callable[[Store, bytes], None]) -> None:
        store, turn = self._store, 0
        try:
            while not self._end.is_set():
                turn += 1
                began = time.monotonic()
                try:
                    work(store, b"%b-%d" % (name, turn))
                except (StoreError, Conflict) as error:
                    self.errors.append(error)
                    self.uncounted += work == self._count
                    time.sleep(0.01)
                self.longest = max(self.longest, time.monotonic() - began)
        except BaseException as surprise:
            self.surprises.append(surprise)

    def _list(
        self, append: Callable[[Store, bytes, bytes], None]
    ) -> Callable[[Store, bytes], None]:
        def work(store: Store, name: bytes) -> None:
            key = LISTS[hash(name) % len(LISTS)]
            append(store, key, name)
            self.told[key].append(name)

        return work

    def _count(self, store: Store, name: bytes) -> None:
        self.numbers.append(store.update(NUMBER, ADD, LONG))
