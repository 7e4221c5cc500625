"""State in all kinds of containers, locks that nobody waits for, and waiting of other kinds."""

import array
import bisect
import heapq
import os
import queue
import sys
import threading
import time
from collections import UserDict, UserList
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from instep.errors import Misuse
from instep.races.exploring.fixture import Race
from instep.races.exploring.playing import Stage


@pytest.fixture
def race() -> Iterator[Race]:
    """What the plugin gives to a test."""
    with Race() as race:
        yield race


def story(explored: Callable[[], object]) -> str:
    """What the failure says, without the breaks of lines."""
    with pytest.raises(AssertionError) as caught:
        explored()
    return str(caught.value)


class Kept:
    """State in containers that are no lists and no dictionaries."""

    def __init__(self) -> None:
        self.numbers = array.array("i", [0])
        self.named = UserDict({"n": 0})
        self.listed: UserList[int] = UserList()
        self.heap = [5, 7]
        self.sorted: list[int] = []

    def array(self) -> int:
        self.numbers[0] = self.numbers[0] + int("1")
        return self.numbers[0]

    def user_dict(self) -> int:
        self.named["n"] = self.named["n"] + int("1")
        return self.named["n"]

    def user_list(self) -> int:
        number = len(self.listed)
        self.listed.append(int(number))
        return number

    def heapq(self) -> int:
        least = self.heap[0]
        heapq.heappush(self.heap, int(least) - 1)
        return least

    def heapq_argument(self) -> None:
        heapq.heappush(self.heap, len(self.heap))

    def insort(self) -> int:
        number = len(self.sorted)
        bisect.insort(self.sorted, int(number))
        return number

    def environ(self) -> str:
        os.environ["INSTEP_TEST"] = str(int(os.environ.get("INSTEP_TEST", "0")) + 1)
        return os.environ["INSTEP_TEST"]


@pytest.mark.parametrize(
    "way", ["array", "user_dict", "user_list", "heapq", "heapq_argument", "insort", "environ"]
)
def test_what_is_kept_elsewhere_is_seen(race: Race, way: str) -> None:
    """Containers of the standard library, and its functions that change one."""
    call = getattr(Kept(), way)
    assert "Kept" in story(lambda: race.calls(call, call)) or way == "environ"


def test_values_of_such_containers_are_shown(race: Race) -> None:
    """Items, and the whole afterwards."""
    kept = Kept()
    told = story(lambda: race.calls(kept.array, kept.array))
    assert "numbers[0]: 1" in told
    assert "Kept.numbers is [1] afterwards; every order leaves [2]" in told
    assert "named['n']: 1" in story(lambda: race.calls(kept.user_dict, kept.user_dict))


class Busy:
    """Says that it is busy where it cannot have its lock at once."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.n = 0

    def _up(self) -> int:
        self.n = int(self.n) + 1
        return self.n

    def polite(self) -> Any:
        if not self.lock.acquire(blocking=False):
            return "busy"
        try:
            return self._up()
        finally:
            self.lock.release()

    def looking(self) -> Any:
        if self.lock.locked():
            return "busy"
        with self.lock:
            return self._up()

    def rude(self) -> Any:
        got = self.lock.acquire(blocking=False)
        self._up()
        if got:
            self.lock.release()
        return "done" if got else "busy"

    def peeping(self) -> str:
        if self.lock.locked():
            self._up()
            return "busy"
        with self.lock:
            self._up()
        return "done"


@pytest.mark.parametrize("make", [threading.Lock, threading.BoundedSemaphore])
def test_to_be_busy_is_no_fault(race: Race, make: Callable[[], Any]) -> None:
    """A lock that is not waited for may be taken: then "busy" is what an order would answer."""
    busy = Busy(make())
    race.calls(busy.polite, busy.polite)


def test_to_look_at_a_lock_is_no_fault(race: Race) -> None:
    """The same for `locked()`."""
    busy = Busy(threading.Lock())
    result = race.calls(busy.looking, busy.looking)
    assert result.schedules > 4


@pytest.mark.parametrize("way", ["rude", "peeping"])
def test_what_is_done_without_the_lock_is_a_fault(race: Race, way: str) -> None:
    """Who did not get the lock and goes on all the same loses updates."""
    busy = Busy(threading.Lock())
    told = story(lambda: race.calls(getattr(busy, way), getattr(busy, way)))
    assert "Busy.n is 1 afterwards; every order leaves 2" in told


def test_a_lock_of_the_system_is_tried_as_well(race: Race) -> None:
    """A lock that was made before the fixture was asked for."""
    busy = Busy(SYSTEM)
    race.calls(busy.polite, busy.polite)
    assert "Busy.n is 1" in story(lambda: race.calls(busy.rude, busy.rude))


SYSTEM = threading.Lock()


class Waiting:
    """Ways to wait for another one, all of them too late or too early."""

    def __init__(self) -> None:
        self.queue: Any = queue.Queue()
        self.simple: Any = queue.SimpleQueue()
        self.queue.put("last")
        self.simple.put("last")
        self.event = threading.Event()
        self.taken = False
        self.n = 0

    def get(self) -> str:
        return str(self.queue.get()) if self.queue.qsize() else "none"

    def get_simple(self) -> str:
        return "none" if self.simple.empty() else str(self.simple.get())

    def first(self) -> bool:
        if self.event.is_set():
            return False
        self.event.set()
        return True

    def sleeping(self) -> None:
        while self.taken:
            time.sleep(0.01)
        self._work()

    def turning(self) -> None:
        while self.taken:
            pass
        self._work()

    def _work(self) -> None:
        self.taken = True
        self.n = int(self.n) + 1
        self.taken = False


@pytest.mark.parametrize("way", ["get", "get_simple"])
def test_a_queue_that_is_empty_by_then(race: Race, way: str) -> None:
    """Both see the last item, one waits for ever; the story has the lines."""
    waiting = Waiting()
    told = story(lambda: race.calls(getattr(waiting, way), getattr(waiting, way)))
    assert "waits for somebody to wake it" in told
    assert told.count("return ") >= 2


def test_an_event_that_both_set(race: Race) -> None:
    """A look at an event is a step."""
    waiting = Waiting()
    assert "A: returned True, B: returned True" in story(
        lambda: race.calls(waiting.first, waiting.first)
    )


@pytest.mark.parametrize("way", ["sleeping", "turning"])
def test_polling_lets_others_go_on(race: Race, way: str) -> None:
    """Whoever waits in a loop is not what hangs; what is wrong is that both go in."""
    waiting = Waiting()
    call, patient = getattr(waiting, way), {"timeout": 60.0, "seconds": 120.0}
    told = story(lambda: race.calls(call, call, **patient))
    assert "Waiting.n is 1 afterwards; every order leaves 2" in told


class Counter:
    """Latent: read, add, write in one line."""

    def __init__(self) -> None:
        self.n = 0

    def up(self) -> int:
        self.n += 1
        return self.n

    def late(self) -> str:
        import this  # noqa: F401  (what it prints is nobody's)

        return "beautiful"


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The policies of all schedules that are played."""
    found: list[Any] = []
    play = Stage.play

    def counted(stage: Stage, policy: Any) -> Any:
        found.append(policy)
        return play(stage, policy)

    monkeypatch.setattr(Stage, "play", counted)
    return found


def test_a_latent_race_takes_few_schedules(race: Race, played: list[Any]) -> None:
    """Three orders, the schedule and its proofs, and no search where all would be latent, too."""
    counter = Counter()
    assert "latent" in story(lambda: race.calls(counter.up, counter.up))
    assert len(played) <= 10


def test_what_views_import_is_imported_once(race: Race, capfd: pytest.CaptureFixture[str]) -> None:
    """A library's module that a call needs first is there for the schedules that follow."""
    sys.modules.pop("this", None)
    counter = Counter()
    race.calls(counter.late, counter.up)
    assert "this" in sys.modules
    assert capfd.readouterr().out == ""


def test_calls_that_all_fail_show_nothing(race: Race) -> None:
    """A test must not be green because nothing was tried."""

    def fails() -> None:
        raise ValueError("always")

    with pytest.raises(Misuse, match="nothing was explored") as caught:
        race.calls(fails, fails)
    assert "ValueError: always" in str(caught.value)
