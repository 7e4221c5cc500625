"""What is asked of each cache: programs of 4 processes with 2 threads, and what came of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.compare.caches import CACHES, poison
from benchmarks.compare.calls import STALE_TTL, Place, Runs
from benchmarks.crew import Ready, crew

PROCESSES, THREADS = 4, 2
WORK = 0.5  # seconds that making a value takes
SLOW = 1.0  # likewise, so that who waits for it is told from who waits for a busy machine
EACH = 250  # increments of each thread
PATIENCE = 15.0  # seconds after which a caller counts as left waiting for ever
NO_CALL = "no call for it"

Question = Callable[[str, Place], str]
"""Takes the name of a cache; its answer in a few words."""


def together(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run them at once, each in a thread of its own; what they returned."""
    gate = threading.Barrier(len(calls))

    def enter(call: Callable[[], Any]) -> Any:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(enter, calls))


def making(runs: Runs, seconds: float = WORK, value: Any = "made") -> Callable[[], Any]:
    """A function that takes a while to make a value and notes that it has run."""

    def create() -> Any:
        runs.note()
        time.sleep(seconds)
        return value

    return create


def _runs(place: Place, name: str, what: str) -> Runs:
    return Runs(Path(place.folder) / f"{name} {what}")


def one_process(name: str, place: Place) -> str:
    """8 threads of one process miss a key at once: how often is it made?"""
    calls, runs = CACHES[name](place), _runs(place, name, "threads")
    create = making(runs)
    together([lambda: calls.fetch("threads", create)] * PROCESSES * THREADS)
    return f"{len(runs)} runs" if len(runs) > 1 else "**1 run**"


def _miss(name: str, place: Place, path: str, ready: Ready) -> None:
    calls, create = CACHES[name](place), making(Runs(path))
    calls.get("warm")
    ready()
    together([lambda: calls.fetch("miss", create)] * THREADS)


def four_processes(name: str, place: Place) -> str:
    """4 processes of 2 threads miss a key at once: how often is it made?"""
    runs = _runs(place, name, "miss")
    crew(PROCESSES, _miss, name, place, str(runs.path))
    return f"{len(runs)} runs" if len(runs) > 1 else "**1 run**"


def _create(name: str, place: Place, path: str, key: str, seconds: float) -> None:
    CACHES[name](place).fetch(key, making(Runs(path), seconds, "old"))


def _begin(name: str, place: Place, runs: Runs, key: str, seconds: float) -> Any:
    """A process that has begun to make a value."""
    work = (name, place, str(runs.path), key, seconds)
    process = get_context("forkserver").Process(target=_create, args=work, daemon=True)
    process.start()
    while not len(runs):
        time.sleep(0.005)
    return process


def killed(name: str, place: Place) -> str:
    """The process that makes a value is killed: how long does the next caller wait for one?"""
    creator = _begin(name, place, _runs(place, name, "killed"), "killed", 60)
    creator.kill()
    creator.join()
    calls, start = CACHES[name](place), time.monotonic()
    caller = threading.Thread(target=calls.fetch, args=("killed", lambda: "new"), daemon=True)
    caller.start()
    caller.join(PATIENCE)
    took = time.monotonic() - start
    return f"nothing in {PATIENCE:g} s" if caller.is_alive() else f"{took:.2f} s"


def invalidated(name: str, place: Place) -> str:
    """A key is deleted while its value is being made: is that old value kept?"""
    calls = CACHES[name](place)
    creator = _begin(name, place, _runs(place, name, "deleted"), "deleted", WORK)
    calls.delete("deleted")
    creator.join()
    made: list[int] = []
    calls.fetch("deleted", lambda: made.append(1) or "new")
    return "**not kept**" if made else "kept"


def failing(name: str, place: Place) -> str:
    """Making a value raises: does the caller see that, and is it tried again?"""
    calls, seen = CACHES[name](place), []
    for error in (ValueError("first"), ValueError("second")):

        def create(error: Exception = error) -> Any:
            raise error

        try:
            calls.fetch("failing", create)
        except ValueError as raised:
            seen.append(str(raised))
    return "yes" if seen == ["first", "second"] else f"saw {seen}"


def stale(name: str, place: Place) -> str:
    """A value has expired, 8 threads want it: how many get the old one without waiting?"""
    calls, runs = CACHES[name](place), _runs(place, name, "stale")
    if calls.stale is None:
        return NO_CALL
    fetch = calls.stale
    fetch("stale", making(runs, 0, "old"))
    time.sleep(STALE_TTL + 0.2)
    create = making(runs, SLOW, "new")

    def timed() -> float:
        start = time.monotonic()
        fetch("stale", create)
        return time.monotonic() - start

    waited = together([timed] * PROCESSES * THREADS)
    time.sleep(SLOW)  # what is made in the background is made then
    return f"{sum(took < SLOW / 2 for took in waited)} of {len(waited)}; {len(runs) - 1} new runs"


def early(name: str, place: Place) -> str:
    """8 threads read a value that takes 1 s to make, and lives for 3 s: how many wait each time?"""
    calls, runs = CACHES[name](place), _runs(place, name, "early")
    if calls.early is None:
        return NO_CALL
    fetch, create = calls.early, making(runs, SLOW)
    fetch("early", create)
    end = time.monotonic() + 5 * STALE_TTL

    def read() -> int:
        waits = 0
        while time.monotonic() < end:
            start = time.monotonic()
            fetch("early", create)
            waits += time.monotonic() - start > SLOW / 2
            time.sleep(0.02)
        return waits

    waits = sum(together([read] * PROCESSES * THREADS))
    return f"{waits / (len(runs) - 1):.1f} of 8; made {len(runs) - 1} times"


def _increase(name: str, place: Place, ready: Ready) -> None:
    increment: Any = CACHES[name](place).increment
    increment("warm")
    ready()

    def count() -> None:
        for _ in range(EACH):
            increment("count")

    together([count] * THREADS)


def counting(name: str, place: Place) -> str:
    """4 processes of 2 threads increment a number 250 times each: which is reached?"""
    increment, wanted = CACHES[name](place).increment, PROCESSES * THREADS * EACH
    if increment is None:
        return NO_CALL
    crew(PROCESSES, _increase, name, place)
    reached = increment("count") - 1
    return f"**{reached}**" if reached == wanted else f"{reached} of {wanted}"


def _add(name: str, place: Place, keys: int, ready: Ready) -> int:
    add: Any = CACHES[name](place).add
    add("warm", 1)
    ready()

    def win() -> int:
        return sum(bool(add(f"add {number}", 1)) for number in range(keys))

    return sum(together([win] * THREADS))


def adding(name: str, place: Place) -> str:
    """The same 8 threads add each of 100 keys: how often is one of them told that it was first?"""
    if CACHES[name](place).add is None:
        return NO_CALL
    won = sum(crew(PROCESSES, _add, name, place, 100))
    return "**100**" if won == 100 else f"{won} for 100 keys"


def tags(name: str, place: Place) -> str:
    """Two of three values have a tag, which is deleted: what is left?"""
    calls = CACHES[name](place)
    if calls.tagged is None or calls.drop is None:
        return NO_CALL
    calls.tagged("t1", 1, "red")
    calls.tagged("t2", 2, "red")
    calls.tagged("t3", 3, "blue")
    calls.drop("red")
    left = [calls.get(key) for key in ("t1", "t2", "t3")]
    return "**the third**" if left == [None, None, 3] else f"{left}"


def types(name: str, place: Place) -> str:
    """A tuple of a Decimal, a set and a datetime is kept: is what comes back the same?"""
    calls, value = CACHES[name](place), (Decimal("1.10"), {1, 2}, datetime(2026, 11, 21))
    calls.set("types", value)
    return "yes" if repr(calls.get("types")) == repr(value) else f"{calls.get('types')!r}"


class Anything:
    """An instance of a class that nobody has told the cache of."""


def anything(name: str, place: Place) -> str:
    """An instance of any class is kept: does one come back?"""
    calls = CACHES[name](place)
    try:
        calls.set("anything", Anything())
    except Exception as error:
        return f"no, `{type(error).__name__}`"
    return "yes" if isinstance(calls.get("anything"), Anything) else "no"


def poisoned(name: str, place: Place) -> str:
    """Somebody who can write to the store leaves a pickle there: does reading it run code?"""
    calls, mark = CACHES[name](place), Path(place.folder) / f"{name} poisoned"
    assert calls.plant is not None, "every one of them has a place for bytes"
    calls.plant("poisoned", poison(mark))
    try:
        calls.get("poisoned")
    except Exception:
        pass  # what counts is whether the file was made
    return "it does" if mark.exists() else "**no**"


QUESTIONS: list[Question] = [
    one_process,
    four_processes,
    killed,
    failing,
    invalidated,
    stale,
    early,
    counting,
    adding,
    tags,
    types,
    anything,
    poisoned,
]
