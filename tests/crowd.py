"""What processes and threads put the stores of several servers through, the same for each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from actors import Child
from instep.errors import Misuse
from instep.stores import engine
from instep.stores.base import Store
from instep.testing.steps import LONG, add_one, data, put

Fork = Callable[..., Child]


def count_by_hold(store: Store, key: bytes) -> int:
    """One more, through a hold."""
    with store.hold((key,), LONG) as hold:
        new, number = add_one(hold.load(key, updated=True))
        hold.commit({key: new})
        return number


def count_on_one_key(fork: Fork, url: str, times: int) -> int:
    """Four processes of four threads count, by holds and by updates; how far they came.

    Args:
        fork: makes the processes.
        url: of an empty store.
        times: how often each process counts in each of the two ways.
    """

    def count() -> list[int]:
        with closing(engine(url).open()) as mine, ThreadPoolExecutor(4) as pool:
            done = [pool.submit(count_by_hold, mine, b"n") for _ in range(times)]
            done += [pool.submit(mine.update, b"n", add_one, LONG) for _ in range(times)]
            return [number.result(60) for number in done]

    children = [fork(count) for _ in range(4)]
    numbers = sorted(number for child in children for number in child.result(120))
    assert numbers == list(range(1, len(numbers) + 1))
    return len(numbers)


def born_in_a_hold(fork: Fork, url: str, plain: bool) -> None:
    """A child of a fork inside a hold is refused the commit, and goes on with calls of its own.

    Args:
        fork: makes the process.
        url: of an empty store.
        plain: fork without Python's hooks.
    """

    def child() -> str:
        with pytest.raises(Misuse, match="forked inside"):
            hold.commit({b"n": b"child"})
        hold.release()
        store.update(b"m", put(b"by the child"), LONG)
        return "refused"

    with closing(engine(url).open()) as store:
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            assert fork(child, plain=plain).result() == "refused"
            hold.commit({b"n": b"parent"})
        assert (data(store, b"n"), data(store, b"m")) == (b"parent", b"by the child")
