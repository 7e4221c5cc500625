"""Who goes on at a step: in order, as a list of decisions says, or at random."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from instep.races.exploring.turns import Actor

Key = tuple[int, int]
"""A moment: an actor's number and how many events it has had; (-1, 0) is the beginning."""


NAPS = 5


class Policy(Protocol):
    """Decides who goes on."""

    everywhere: bool
    """Whether every access of a candidate is a step, the thousandth turn of a loop as well."""

    naps: int
    """So many sleeps in a row show that a thread waits for another one."""

    refused: frozenset[Key]
    """Attempts to take a lock that fail whether it is free or not: whose, and which of his."""

    @property
    def misfits(self) -> int:
        """How many decisions found no moment."""

    def choose(self, key: Key, current: Actor | None, enabled: Sequence[Actor]) -> Actor:
        """One of the enabled.

        Args:
            key: the moment, by who has just arrived.
            current: who has arrived, if it could go on.
            enabled: who could go on; not empty.
        """


class Decided:
    """Goes on with whoever runs, except at the moments that were decided.

    Args:
        decisions: at which moment who goes on.
    """

    everywhere = False
    naps = NAPS
    refused: frozenset[Key] = frozenset()

    def __init__(self, decisions: Mapping[Key, int]) -> None:
        self.decisions = dict(decisions)
        self.met: set[Key] = set()

    def choose(self, key: Key, current: Actor | None, enabled: Sequence[Actor]) -> Actor:
        """The decided one, or the current one, or the first of those who wait."""
        wanted = self.decisions.get(key)
        for actor in enabled:
            if actor.number == wanted:
                self.met.add(key)
                return actor
        return current or enabled[0]

    @property
    def misfits(self) -> int:
        """How many decisions found no moment: the program has changed, or is not repeatable."""
        return len(self.decisions.keys() - self.met)


class InOrder:
    """One after the other: a sequential order of the calls.

    Args:
        order: of their numbers.
        refused: attempts that fail, as if somebody had the lock.
    """

    everywhere = False
    naps = sys.maxsize
    misfits = 0

    def __init__(self, order: Sequence[int], refused: Iterable[Key] = ()) -> None:
        self.refused = frozenset(refused)
        self.order = {number: place for place, number in enumerate(order)}

    def choose(self, key: Key, current: Actor | None, enabled: Sequence[Actor]) -> Actor:
        """The current one to its end; threads that it started come before the next call."""
        return current or min(enabled, key=lambda a: (self.order.get(a.number, -1), a.number))


class Random:
    """Switches with one chance in three, anywhere.

    Args:
        seed: makes it repeatable.
    """

    everywhere = True
    naps = NAPS
    misfits = 0
    refused: frozenset[Key] = frozenset()

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def choose(self, key: Key, current: Actor | None, enabled: Sequence[Actor]) -> Actor:
        """The current one with two chances in three."""
        if current and self.dice.random() > 0.34:
            return current
        return self.dice.choice(list(enabled))
