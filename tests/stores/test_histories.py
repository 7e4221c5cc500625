"""Calls of several processes and threads, recorded and checked for linearizability."""

import json
import os
import random
import select
import threading
import time
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from actors import PATIENCE, Child
from instep import Space, readonly
from linearizability import Call, Model, counter, linearizable, register

Fork = Callable[..., Child]


class Cell:
    """A register, as a shared object."""

    def __init__(self) -> None:
        self.content = 0

    def set(self, new: int) -> None:
        """Write."""
        self.content = new

    def compare_and_set(self, old: int, new: int) -> bool:
        """Write if it is what the caller thinks."""
        if self.content != old:
            return False
        self.content = new
        return True

    @readonly
    def get(self) -> int:
        """Read without waiting."""
        return self.content


def on_counter(space: Space, trial: str, name: str, args: tuple[Any, ...]) -> Any:
    """A call on the counter."""
    made = space.counter(f"counter {trial}")
    return made.value if name == "read" else made.increment(*args)


def on_value(space: Space, trial: str, name: str, args: tuple[Any, ...]) -> Any:
    """A call on the value."""
    return getattr(space.value(f"value {trial}", 0), name)(*args)


def on_object(space: Space, trial: str, name: str, args: tuple[Any, ...]) -> Any:
    """A call on the shared object."""
    return getattr(space.share(f"object {trial}", Cell), name)(*args)


def counting(_: random.Random) -> tuple[str, tuple[Any, ...]]:
    """Any call on a counter."""
    return _.choice((("add", (1,)), ("add", (3,)), ("read", ())))


def registering(_: random.Random) -> tuple[str, tuple[Any, ...]]:
    """Any call on a register."""
    some = _.randrange(5), _.randrange(5)
    return _.choice((("get", ()), ("set", some[:1]), ("compare_and_set", some)))


Caller = Callable[[Space, str, str, tuple[Any, ...]], Any]
Choice = Callable[[random.Random], tuple[str, tuple[Any, ...]]]


def act(address: str, trial: str, caller: Caller, choice: Choice, seed: int, pipe: int) -> None:
    """Two threads make calls; each says when it begins one, and when and how it ended."""

    def calls(thread: int) -> None:
        chance = random.Random(seed * 2 + thread)
        for number in range(60):
            name, args = choice(chance)
            began = time.monotonic_ns()
            tell(pipe, thread, number, began, None, name, args, None)
            result = caller(space, trial, name, args)
            tell(pipe, thread, number, began, time.monotonic_ns(), name, args, result)
            time.sleep(chance.random() * 0.0005)

    space = Space(address)
    threads = [threading.Thread(target=calls, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tell(pipe: int, *word: object) -> None:
    """Write a line at once; a pipe takes so little whole or not at all."""
    os.write(pipe, json.dumps(word).encode() + b"\n")


class Actor:
    """A process that makes calls, and what it has told of them."""

    def __init__(self, fork: Fork, *args: Any) -> None:
        self._said, write = os.pipe()
        self._fork = fork(act, *args, write)
        os.close(write)

    def kill(self) -> None:
        """End it in the middle of its calls."""
        assert select.select([self._said], [], [], PATIENCE)[0]
        time.sleep(random.random() * 0.01)
        self._fork.kill()

    def history(self) -> list[Call]:
        """Its calls; the last of a thread that was killed has no end."""
        said, calls = b"", {}
        while part := os.read(self._said, 1 << 20):
            said += part
        os.close(self._said)
        for line in said.splitlines():
            thread, number, began, ended, name, args, result = json.loads(line)
            calls[thread, number] = Call(
                began, inf if ended is None else ended, name, tuple(args), result
            )
        return list(calls.values())


@pytest.mark.parametrize("kills", [0, 6])
@pytest.mark.parametrize(
    ("caller", "choice", "model"),
    [
        (on_counter, counting, counter),
        (on_value, registering, register),
        (on_object, registering, register),
    ],
    ids=["counter", "value", "object"],
)
def test_recorded_histories_are_linearizable(
    shared_place: str, fork: Fork, caller: Caller, choice: Choice, model: Model, kills: int
) -> None:
    """Four processes of two threads; of some of them the kernel makes an end."""
    for trial in "12":
        actors = [Actor(fork, shared_place, trial, caller, choice, seed) for seed in range(4)]
        for at in range(kills):
            actors[at].kill()
            if at < kills - 2:
                actors.append(Actor(fork, shared_place, trial, caller, choice, 10 + at))
        history = [call for actor in actors for call in actor.history()]
        assert len([call for call in history if call.ended < inf]) > 50
        assert linearizable(history, model, 0)


def test_a_lost_update_is_found() -> None:
    """Two calls that got the same number cannot have happened one at a time."""
    assert not linearizable([Call(0, 3, "add", (), 1), Call(1, 2, "add", (), 1)], counter, 0)


def test_a_gap_is_found() -> None:
    """A number that nobody got is an increment that nobody made."""
    assert not linearizable([Call(0, 3, "add", (), 1), Call(1, 2, "add", (), 3)], counter, 0)


def test_a_stale_read_is_found() -> None:
    """A read that begins after a write has returned must see it."""
    stale = [Call(0, 1, "set", (5,)), Call(2, 3, "get", (), 0)]
    assert not linearizable(stale, register, 0)
    overlapping = [Call(0, 2.5, "set", (5,)), Call(2, 3, "get", (), 0)]
    assert linearizable(overlapping, register, 0)


def test_reads_that_go_back_in_time_are_found() -> None:
    """Once a reader has seen a write that is under way, no later reader may miss it."""
    back = [
        Call(0, 10, "set", (5,)),
        Call(1, 2, "get", (), 5),
        Call(3, 4, "get", (), 0),
    ]
    assert not linearizable(back, register, 0)
    assert linearizable([back[0], back[1], Call(3, 4, "get", (), 5)], register, 0)


def test_two_winners_are_found() -> None:
    """Only one of two compare-and-sets can have found the old value."""
    both = [
        Call(0, 3, "compare_and_set", (0, 1), True),
        Call(1, 2, "compare_and_set", (0, 2), True),
    ]
    assert not linearizable(both, register, 0)


def test_a_killed_call_may_have_happened_or_not() -> None:
    """Both ways are right, but not both at once, and never before it began."""
    killed = Call(5, inf, "set", (7,))
    assert linearizable([killed, Call(6, 7, "get", (), 7)], register, 0)
    assert linearizable([killed, Call(6, 7, "get", (), 0)], register, 0)
    assert not linearizable([killed, Call(1, 2, "get", (), 7)], register, 0)
    gone_again = [killed, Call(6, 7, "get", (), 7), Call(8, 9, "get", (), 0)]
    assert not linearizable(gone_again, register, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_recorded_history_with_one_wrong_answer_is_refused(seed: int) -> None:
    """The checker is not lulled by length: one changed result among hundreds is found."""
    chance, state, clock = random.Random(seed), 0, 0.0
    history = []
    for _ in range(400):
        clock += chance.random()
        state, result = counter(state, "add", (1,))
        history.append(
            Call(clock - chance.random() * 3, clock + chance.random() * 3, "add", (1,), result)
        )
    assert linearizable(history, counter, 0)
    at = chance.randrange(400)
    history[at] = history[at]._replace(result=history[at].result + 1)
    assert not linearizable(history, counter, 0)
