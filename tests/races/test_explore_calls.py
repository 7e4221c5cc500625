"""Plain callables explored: what is racy is found with its story, what is sound is left alone."""

import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from instep.errors import Misuse
from instep.races.exploring.fixture import Race
from instep.races.exploring.plan import Exploration
from instep.races.exploring.replaying import decisions


class Patient(Race):
    """Watches this module alone, and gives a machine that stalls all the time that it needs."""

    def calls(self, *functions: Callable[[], Any], **options: Any) -> Exploration:
        """Explore, as the tests of a program do."""
        usual = {"modules": [sys.modules[__name__]], "seconds": 120, "timeout": 30}
        return super().calls(*functions, **usual | options)


@pytest.fixture
def race() -> Any:
    """What the plugin gives to a test."""
    with Patient() as race:
        yield race


def story(explored: Callable[[], Exploration]) -> str:
    """What the failure says."""
    with pytest.raises(AssertionError) as caught:
        explored()
    return str(caught.value)


def flat(text: str) -> str:
    """Without the breaks of lines."""
    return " ".join(text.split())


class Counter:
    """Read, add, write, in one line."""

    def __init__(self) -> None:
        self.value = 0

    def next(self) -> int:
        self.value += 1
        return self.value


class SlowCounter(Counter):
    """A call lies between the read and the write."""

    def next(self) -> int:
        value = self.value
        value = int(value) + 1
        self.value = value
        return value


class LockedCounter(Counter):
    """Read, write and the returned read under one lock."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def next(self) -> int:
        with self.lock:
            return super().next()


class LeakyCounter(LockedCounter):
    """The value that is returned is read after the lock was released."""

    def next(self) -> int:
        with self.lock:
            self.value += 1
        return self.value


class Accounts:
    """Money that moves between two accounts."""

    def __init__(self, lock: Any = None) -> None:
        self.ann, self.ben = 100, 0
        self.lock = lock

    def move(self) -> bool:
        if self.lock is None:
            return self._move()
        with self.lock:
            return self._move()

    def _move(self) -> bool:
        if self.ann < 80:
            return False
        self.ann -= 80
        self.ben += 80
        return True


class Lazy:
    """Makes its connection when it is first asked for."""

    def __init__(self, *, check_again: bool) -> None:
        self.made: list[int] = []
        self.thing: Any = None
        self.lock = threading.Lock()
        self.check_again = check_again

    def get(self) -> int:
        if self.thing is None:
            with self.lock:
                if self.thing is None or not self.check_again:
                    self.made.append(1)
                    self.thing = len(self.made)
        return int(self.thing)


def test_an_update_in_one_line_is_latent(race: Race) -> None:
    """`+=` is found, told to be closed by today's interpreter only, and its values are shown."""
    told = story(lambda: race.calls(*[Counter().next] * 2))
    assert "A: returned 1, B: returned 1" in told
    assert re.search(r"self\.value \+= 1 .*\n.*reads Counter\.value: 0", told)
    assert "latent" in told
    assert "exposed" not in told


def test_a_call_between_read_and_write_is_exposed(race: Race) -> None:
    """`int()` is where today's interpreters switch."""
    told = story(lambda: race.calls(*[SlowCounter().next] * 2))
    assert "exposed: today's interpreters can switch threads" in told


def test_a_locked_counter_is_right(race: Race) -> None:
    """Every schedule was run, and says how many and no more than that."""
    found = race.calls(*[LockedCounter().next] * 2)
    assert found.violation is None
    assert found.complete
    assert 2 <= found.schedules < 20
    assert any("under one lock" in warning for warning in found.warnings)


def test_a_value_read_after_the_release_is_found(race: Race) -> None:
    """The update is safe; what is returned is somebody else's."""
    told = story(lambda: race.calls(*[LeakyCounter().next] * 2))
    assert "A: returned 2, B: returned 2" in told


def test_check_then_act(race: Race) -> None:
    """The last piece is sold twice, unless both steps are under one lock."""
    assert "returned True, B: returned True" in story(lambda: race.calls(*[Accounts().move] * 2))
    assert race.calls(*[Accounts(threading.Lock()).move] * 2).violation is None


def test_an_invariant_is_asked_at_the_end(race: Race) -> None:
    """Money must not be lost: the answers are those of an order, the sum is not."""
    accounts = Accounts()

    def pay(amount: int) -> None:
        accounts.ben = accounts.ben + amount

    def whole() -> bool:
        return accounts.ben != 5

    told = story(lambda: race.calls(lambda: pay(5), lambda: pay(7), invariant=whole))
    assert "invariant does not hold" in told


def test_a_lazy_singleton(race: Race) -> None:
    """Two are made when the test is not made again under the lock; double-checked is right."""
    told = story(lambda: race.calls(*[Lazy(check_again=False).get] * 2))
    assert "Lazy.made" in told
    found = race.calls(*[Lazy(check_again=True).get] * 2)
    assert found.violation is None
    assert found.candidates


def test_two_locks_in_different_order(race: Race) -> None:
    """A deadlock is told: who waits for what, where, and who has it."""
    first, second = threading.Lock(), threading.Lock()

    def one() -> int:
        with first, second:
            return 1

    def other() -> int:
        with second, first:
            return 2

    told = story(lambda: race.calls(one, other))
    assert re.search(r"A waits for second \(\S+\), which B holds; B waits for first", flat(told))
    assert race.calls(one, one).violation is None


def test_three_calls(race: Race) -> None:
    """Three at once have six orders; a race of three is found, and a lock clears it."""
    found = race.calls(*[LockedCounter().next] * 3)
    assert len(found.orders) == 6
    assert "C: returned" in story(lambda: race.calls(*[Counter().next] * 3))


def test_locks_made_before(race: Race) -> None:
    """A lock of the system, made before anybody explored, excludes and deadlocks as well."""
    done = race.calls(lambda: early(PLAIN), lambda: early(PLAIN))
    assert done.violation is None
    assert done.schedules > 2
    assert race.calls(lambda: early(REENTRANT), lambda: early(REENTRANT)).violation is None


PLAIN = threading.Lock()
REENTRANT = threading.RLock()
TOTAL = {"n": 0}


def early(lock: Any) -> int:
    """Counts under a lock of the module."""
    with lock:
        TOTAL["n"] += 1
        return TOTAL["n"]


def test_waiting_for_one_another(race: Race) -> None:
    """Conditions, events, semaphores and queues wait for turns, and nothing hangs."""
    line: queue.Queue[int] = queue.Queue()
    ready, room, gate = threading.Event(), threading.Semaphore(1), threading.Condition()
    seen: list[int] = []

    def giver() -> str:
        line.put(3)
        ready.set()
        with gate:
            seen.append(1)
            gate.notify()
        with room:
            return "given"

    def taker() -> int:
        with gate:
            while not seen:
                gate.wait()
        ready.wait()
        with room:
            return line.get()

    def alone() -> str:
        return giver()

    assert race.calls(taker, giver, random=0).violation is None
    assert race.calls(alone, alone, random=0).violation is None
    with pytest.raises(Misuse, match="one after the other, the calls already block"):
        race.calls(taker, taker)


def test_a_wait_with_a_limit_ends_last(race: Race) -> None:
    """Time passes only when nobody else can go on."""
    gate = threading.Event()

    def waits() -> bool:
        return gate.wait(timeout=30)

    before = time.monotonic()
    assert race.calls(waits, waits).violation is None
    assert time.monotonic() - before < 20


def test_a_sleep_takes_no_time(race: Race) -> None:
    """It is where others go on: the demonstration with a sleep is found at once."""
    counter = {"n": 0}

    def slow() -> int:
        n = counter["n"]
        time.sleep(30)
        counter["n"] = n + 1
        return counter["n"]

    assert "sleeps 30 s" in story(lambda: race.calls(slow, slow))


def test_threads_of_a_call_are_scheduled_too(race: Race) -> None:
    """What a thread does that a call starts and waits for belongs to the exploration."""

    def both(counter: Counter) -> int:
        threads = [threading.Thread(target=counter.next) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return counter.value

    assert "Counter" in story(lambda: race.calls(*[Counter().next] * 2))
    counter = LockedCounter()
    assert race.calls(lambda: both(counter), lambda: 0).violation is None


def test_a_long_loop_costs_no_schedules(race: Race) -> None:
    """Of 5,000 turns over shared state the first ones are steps; the race is found at once."""
    shared = {"n": 0}

    def adds() -> int:
        total = 0
        for _ in range(5_000):
            total += shared["n"]
        shared["n"] = total + 1
        return shared["n"]

    told = story(lambda: race.calls(adds, adds))
    assert "after 4996 times" in told
    assert int(re.findall(r"in schedule (\d+) of", told)[0]) <= 4


def test_iteration_while_another_writes(race: Race) -> None:
    """`changed size during iteration` is found, and a snapshot is right."""
    users = {"ann": 1, "ben": 2}

    def names() -> list[str]:
        found = []
        for name in users:
            found.append(name.title())
        return found

    def join() -> None:
        users["cleo"] = 3

    assert "RuntimeError: dictionary changed size" in story(lambda: race.calls(names, join))
    assert race.calls(lambda: sorted(users.copy()), join).violation is None


def test_a_call_that_never_ends_alone(race: Race) -> None:
    """Is refused with the limit it was given."""

    def spins() -> None:
        while True:
            pass

    with pytest.raises(Misuse, match=r"spins is not over after 0\.3 s"):
        race.calls(spins, spins, timeout=0.3)


def test_a_call_that_never_ends_because_of_another(race: Race) -> None:
    """Turning until somebody else is done never ends when that one has gone away."""
    state = {"free": True}

    def enters() -> int:
        free = state["free"]
        state["free"] = False
        turns = 0
        while not free and turns >= 0:
            turns += 1
            free = state["free"]
        state["free"] = True
        return 0

    def breaks() -> None:
        if not state["free"]:
            state["free"] = None  # type: ignore[assignment]

    told = story(lambda: race.calls(enters, breaks, timeout=1, schedules=20, random=0))
    assert "not over after 1 s" in told or "state" in told


def test_what_calls_raise_is_their_answer(race: Race) -> None:
    """A KeyError that no order gives is a violation."""
    codes = {"x": 1}

    def use() -> str:
        if "x" in codes:
            del codes["x"]
            return "used"
        return "gone"

    assert "KeyError" in story(lambda: race.calls(use, use))


def test_random_values_do_not_count(race: Race) -> None:
    """What differs between equal runs is masked, and that is said."""
    import uuid

    box = {"n": 0}

    def stamped() -> str:
        box["n"] = 1
        return f"order {uuid.uuid4().hex}"

    found = race.calls(stamped, stamped)
    assert any("two equal runs differ in" in warning for warning in found.warnings)


def test_what_happens_now_and_then_is_no_violation(race: Race, tmp_path: Path) -> None:
    """One call in thirteen takes another way, as sampling does; the order has no part in it."""
    calls, log = tmp_path / "calls", []

    def sampled() -> str:
        log.append("call")
        with calls.open("a") as file:
            file.write("x")
        return "slow down, please" if calls.stat().st_size % 13 == 0 else "ok"

    found = race.calls(sampled, sampled)
    assert any("two equal runs differ in" in warning for warning in found.warnings)


def test_the_newest_of_very_many_count(race: Race) -> None:
    """A number is given twice behind thousands of others; only the list tells."""
    orders = [{"number": number} for number in range(5_000)]

    def order() -> None:
        orders.append({"number": len(orders)})

    assert "orders" in story(lambda: race.calls(order, order))


def test_a_blocking_call_that_nobody_knows(race: Race) -> None:
    """A thread that waits for the system is left alone, another one goes on, and nothing hangs."""
    reading, writing = os.pipe()
    box = {"n": 0}

    def reads() -> bytes:
        box["n"] += 1
        return os.read(reading, 1)

    def writes() -> None:
        box["n"] += 1
        os.write(writing, b"x")

    assert "answers returned b'x'" in story(lambda: race.calls(reads, writes))
    with pytest.raises(Misuse, match="reads is not over after 1 s, even alone"):
        race.calls(reads, reads, timeout=1)


def test_a_program_that_is_elsewhere(race: Race, tmp_path: Path) -> None:
    """Is refused: nothing would be seen of it, and the test would be green."""
    race._roots = [tmp_path]
    with pytest.raises(
        Misuse, match=f"no module of the program is below {tmp_path}: nothing of it"
    ):
        race.requests("/", "/", app=lambda environ, start: [])


def test_one_call_or_four(race: Race) -> None:
    """Two or three."""
    for number in (1, 4):
        with pytest.raises(Misuse, match="explore two or three"):
            race.calls(*[Counter().next] * number)


def test_replay_ids() -> None:
    """An id says who begins, and who goes on when."""
    assert decisions("a.a12b.b3a-9f3c", 2) == {(-1, 0): 0, (0, 12): 1, (1, 3): 0}
    for wrong in ("", "a", "a.12-0000", "c-0000", "a.a1b"):
        with pytest.raises(Misuse, match="no replay id"):
            decisions(wrong, 2)


def test_state_is_untouched(race: Race) -> None:
    """All of it happened in forked processes."""
    counter = Counter()
    story(lambda: race.calls(counter.next, counter.next))
    assert counter.value == 0
    assert counter.next() == 1
