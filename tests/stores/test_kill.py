"""Writers are killed at any instant: what they were told is true, and nobody waits for them."""

import os
import random
import select
import time
from collections.abc import Callable
from pathlib import Path

from actors import Child, url
from instep import Space
from instep.stores.local import LocalHold

Fork = Callable[..., Child]

WRITERS, KILLS = 4, 100
LONGEST = 8.0  # seconds a call may take while others are killed, on a machine that may stall


class Account:
    """Money that is moved, in two steps that belong together."""

    def __init__(self, balance: int) -> None:
        self.balance = balance

    def give(self, amount: int) -> None:
        """Take some out."""
        self.balance -= amount


def declare(address: str) -> tuple[Space, Account, Account]:
    """The space and its accounts, as every process declares them."""
    space = Space(address, timeout=4 * LONGEST)
    return space, space.share("a", Account, 1000), space.share("b", Account, 1000)


class Writer:
    """A process that counts and transfers, and says so after each call has returned."""

    def __init__(self, fork: Fork, address: str, number: int) -> None:
        self.number = number
        self._said, write = os.pipe()
        self.child = fork(work, address, number, write)
        os.close(write)

    def kill(self) -> list[int]:
        """Kill it; how many increments and transfers it was told of, its longest call in ms."""
        self.child.kill()
        said = b""
        while part := os.read(self._said, 1 << 20):
            said += part
        os.close(self._said)
        lines = said.split(b"\n")[:-1]  # a line that was cut short was not said
        waits = [int(line[1:]) for line in lines]
        counted = sum(line[:1] == b"c" for line in lines)
        return [counted, len(lines) - counted, max(waits, default=0)]

    def wait_for_a_word(self) -> None:
        """Wait until it is at work."""
        assert select.select([self._said], [], [], 20)[0]


def work(address: str, number: int, pipe: int) -> None:
    """Count and transfer until killed."""
    os.set_blocking(pipe, True)
    space, a, b = declare(address)
    counter, hot = space.counter(f"n{number}"), space.share("hot", Account, 0)
    while True:
        for name, call in (
            (b"c", counter.increment),
            (b"t", lambda: transfer(space, a, b)),
            (b"t", lambda: hot.give(-1)),
        ):
            began = time.monotonic()
            call()
            took = round((time.monotonic() - began) * 1000)
            os.write(pipe, b"%s%d\n" % (name, took))


def transfer(space: Space, a: Account, b: Account) -> None:
    """Move an amount, in one transaction."""
    amount = random.randrange(-5, 6) or 1
    with space.transaction(a, b):
        a.give(amount)
        b.give(-amount)


def test_a_hundred_kills_under_load(state: Path, fork: Fork) -> None:
    """Each acknowledged increment is there, at most one more per kill; the sum of the accounts
    never changes; no survivor waits for the dead."""
    address = url(state, "checkpoint")
    space, a, b = declare(address)
    space.counter("opened").increment()
    writers = [Writer(fork, address, number) for number in range(WRITERS)]
    told, kills, transfers, longest = [0] * WRITERS, [0] * WRITERS, 0, 0
    random.seed(2)
    for step in range(KILLS):
        at = random.randrange(WRITERS)
        writers[at].wait_for_a_word()
        time.sleep(random.random() * 0.02)
        counted, moved, waited = writers[at].kill()
        told[at] += counted
        kills[at] += 1
        transfers += moved
        longest = max(longest, waited)
        if step % 20 == 0:
            with space.transaction(a, b):
                assert a.balance + b.balance == 2000
        writers[at] = Writer(fork, address, at)
    for writer in writers:
        writer.wait_for_a_word()
        counted, moved, waited = writer.kill()
        told[writer.number] += counted
        kills[writer.number] += 1
        longest = max(longest, waited)

    for number in range(WRITERS):
        there = space.counter(f"n{number}").value
        assert told[number] <= there <= told[number] + kills[number]
    assert sum(told) > KILLS
    assert transfers > KILLS
    assert longest < LONGEST * 1000
    with space.transaction(a, b):
        assert a.balance + b.balance == 2000
    for key in (b"a", b"b", b"hot", *(b"n%d" % number for number in range(WRITERS))):
        space.opened().store.hold((key,), 0).release()
    print(f"{sum(told)} increments told, {transfers} transfers, longest call {longest} ms")
    space.close()
    assert (state / "session").read_text() == "clean"


def test_a_call_killed_before_its_commit_never_happened(state: Path, fork: Fork) -> None:
    """The body ran, the worker died: the next caller finds the state of before, at once."""
    space, a, _ = declare(url(state))
    a.give(1)

    def die() -> None:
        class Dying(Account):
            pass

        def fatal(hold: object, changes: object) -> None:
            os.kill(os.getpid(), 9)

        LocalHold.commit = fatal  # type: ignore[assignment,method-assign]
        a.give(500)

    child = fork(die)
    child.wait()
    assert child.status == -9
    began = time.monotonic()
    a.give(1)
    assert time.monotonic() - began < LONGEST
    assert a.balance == 998
    space.close()
