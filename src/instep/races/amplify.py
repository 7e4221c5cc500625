"""Amplification: a short sleep now and then before the program touches what its requests share.

A race that needs two requests within the same microsecond hides from a load test. RaceFuzzer (Sen
2008) made such windows wide by holding a thread back just before the access; under a real server a
sleep does that, because whoever sleeps lets the others run.

How it stays right. A sleep changes no value and no order that the program could rely on, so an
amplified program does only what it could have done anyway; what it does wrong then is wrong. Only
what the program's modules or its application lead to counts as shared, never what a request made
for itself. One place sleeps a few times per request, and a request has a budget, so a long loop
costs no more than a short one. What is drawn depends on the seed and on the request's place in its
process alone, and not on the program's own random numbers.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from instep.races.amplified import PAUSE
from instep.races.forks.reach import Own, walk
from instep.races.watching import Listener, Site, watch

SHARE = 0.5
"""How probable a sleep is."""

TURNS = 3
"""How often one place may sleep in one request."""

BUDGET = 40
"""How often one request may sleep."""

LOOK_AGAIN = 0.2
"""Seconds after which an unknown object has the shared ones looked up anew."""

PATIENCE = 20
"""How many times longer the program runs than the looking up takes."""

NEAR = 20_000
"""How many objects a look-up visits."""


class Amplifier(Listener):
    """Is told of every access of the program's own modules, and sleeps before some.

    Args:
        seed: what the draws come from.
        root: the program's folder.
    """

    def __init__(self, seed: int, root: Path) -> None:
        self.seed = seed
        self.own = Own(root)
        self.application: Mapping[str, object] = {}
        self._numbers = count()
        self._turns: dict[int, _Turn] = {}
        self._slept: Counter[tuple[str, int]] = Counter()
        self._counting = threading.Lock()
        self._shared: set[int] = set()
        self._looking = threading.Lock()
        self._look_at = 0.0

    def start(self) -> None:
        """Have the program's own modules tell, which are imported from now on."""
        self._watch = watch([self.own.root], self)

    def stop(self) -> None:
        """Hear no more of the program."""
        self._watch.stop()

    def loaded(self, name: str, application: object) -> None:
        """Whatever the application leads to is shared as well."""
        self.application = {name: application}
        self._look()

    def begin(self) -> None:
        """A request begins in this thread, or greenlet."""
        self._turns[threading.get_ident()] = _Turn(Random(f"{self.seed}/{next(self._numbers)}"))

    def access(self, kind: str, owner: object, key: object, site: Site) -> None:
        """Sleep, if a request is about to touch something shared and the draw says so."""
        turn = self._turns.get(threading.get_ident())
        if turn is None or not turn.left or not self._is_shared(owner):
            return
        if turn.draws(id(site)):
            with self._counting:
                self._slept[site.place.path, site.place.line] += 1
            time.sleep(PAUSE)

    def told(self) -> dict[str, Any]:
        """What was done in this process, as plain data."""
        with self._counting:
            slept = list(self._slept.items())
        root, modules = self.own.root, len(self._watch.modules)
        places = {f"{os.path.relpath(path, root)}:{line}": times for (path, line), times in slept}
        return {"modules": modules, "places": places}

    def _is_shared(self, owner: object) -> bool:
        return id(owner) in self._shared or (self._look() and id(owner) in self._shared)

    def _look(self) -> bool:
        """Look up what is shared, unless that was done just now or is being done."""
        begin = time.monotonic()
        if begin < self._look_at or not self._looking.acquire(blocking=False):
            return False
        try:
            reached = walk(self.own.modules(), self.application, limit=NEAR)
            self._shared = {id(step.thing) for step in reached if not step.safe}
            end = time.monotonic()
            self._look_at = end + max(LOOK_AGAIN, PATIENCE * (end - begin))
        finally:
            self._looking.release()
        return True


class _Turn:
    """One request's draws."""

    __slots__ = ("left", "random", "seen")

    def __init__(self, random: Random) -> None:
        self.random = random
        self.left = BUDGET
        self.seen: Counter[int] = Counter()

    def draws(self, place: int) -> bool:
        """Whether to sleep at this place now."""
        if self.seen[place] == TURNS or self.random.random() >= SHARE:
            return False
        self.seen[place] += 1
        self.left -= 1
        return True
