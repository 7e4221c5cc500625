"""Small racy programs and their sound twins: two calls each, of plain classes."""

import threading
from typing import Any


class Counter:
    """One line adds; the next one returns."""

    def __init__(self) -> None:
        self.n = 0

    def first(self) -> Any:
        self.n += 1
        return self.n

    second = first


class LockedCounter(Counter):
    """All of it under a lock."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def first(self) -> Any:
        with self.lock:
            self.n += 1
            return self.n

    second = first


class LeakyCounter(LockedCounter):
    """Returns what it reads after the lock."""

    def first(self) -> Any:
        with self.lock:
            self.n += 1
        return self.n

    second = first


class Stock:
    """Looks, then takes."""

    def __init__(self) -> None:
        self.pieces = {"tea": 1}

    def first(self) -> Any:
        if self.pieces["tea"] > 0:
            self.pieces["tea"] -= 1
            return True
        return False

    second = first


class Codes:
    """`in`, then `del`."""

    def __init__(self) -> None:
        self.codes = {"x": 1}

    def first(self) -> Any:
        if "x" in self.codes:
            del self.codes["x"]
            return True
        return False

    second = first


class PoppedCodes(Codes):
    """One step."""

    def first(self) -> Any:
        return self.codes.pop("x", None) is not None

    second = first


class Lazy:
    """A singleton, tested once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thing: int | None = None
        self.made = 0

    def first(self) -> Any:
        if self.thing is None:
            self.made = self.made + 1
            self.thing = self.made
        return self.thing

    second = first


class DoubleChecked(Lazy):
    """A singleton, tested again under the lock."""

    def first(self) -> Any:
        if self.thing is None:
            with self.lock:
                if self.thing is None:
                    self.made = self.made + 1
                    self.thing = self.made
        return self.thing

    second = first


class Transfer:
    """Money between two accounts, each with a lock, taken in the order of the transfer."""

    def __init__(self) -> None:
        self.ann, self.ben = 100, 100
        self.ann_lock, self.ben_lock = threading.Lock(), threading.Lock()

    def first(self) -> Any:
        with self.ann_lock, self.ben_lock:
            self.ann -= 10
            self.ben += 10
            return self.ann

    def second(self) -> Any:
        with self.ben_lock, self.ann_lock:
            self.ann += 5
            self.ben -= 5
            return self.ben


class OrderedTransfer(Transfer):
    """The same, in one order."""

    def second(self) -> Any:
        with self.ann_lock, self.ben_lock:
            self.ann += 5
            self.ben -= 5
            return self.ben


class Pair:
    """Two fields that belong together, written one by one."""

    def __init__(self) -> None:
        self.low, self.high = 0, 0

    def first(self) -> Any:
        self.low = 1
        self.high = 1

    def second(self) -> Any:
        return self.low, self.high


class OnePair(Pair):
    """One object, published at once."""

    def __init__(self) -> None:
        self.pair = (0, 0)

    def first(self) -> Any:
        self.pair = (1, 1)

    def second(self) -> Any:
        return self.pair


class Names:
    """A loop over a dictionary that another one adds to."""

    def __init__(self) -> None:
        self.users = {"ann": 1, "ben": 2}

    def first(self) -> Any:
        return [name.title() for name in self.users]

    def second(self) -> Any:
        self.users["cleo"] = 3


class CopiedNames(Names):
    """A loop over a copy."""

    def first(self) -> Any:
        return [name.title() for name in self.users.copy()]


class LongLoop(Counter):
    """A loop of 5,000 turns over shared state, and then a write."""

    def first(self) -> Any:
        total = 0
        for _ in range(5_000):
            total += self.n
        self.n = total + 1
        return self.n

    second = first


RACY: tuple[type[Any], ...] = (
    Counter, LeakyCounter, Stock, Codes, Lazy, Transfer, Pair, Names, LongLoop,
)  # fmt: skip
SOUND: tuple[type[Any], ...] = (
    LockedCounter, PoppedCodes, DoubleChecked, OrderedTransfer, OnePair, CopiedNames,
)  # fmt: skip
