"""Counters hand out each number once."""

import threading

import pytest
from callers import at_once, contents, held_by_another_thread, in_processes

from instep import LockTimeout, Misuse, Space


def count(url: str) -> list[int]:
    """What one of many processes does."""
    space = Space(url)
    hits = space.counter("hits", start=1000)
    numbers = [hits.increment() for _ in range(200)]
    space.close()
    return numbers


def test_counting(space: Space) -> None:
    """Up and down by any step, from the start, and back."""
    hits = space.counter("hits", start=10)
    assert hits.value == 10
    assert (hits.increment(), hits.increment(5), hits.decrement(), hits.decrement(20)) == (
        11,
        16,
        15,
        -5,
    )
    assert (hits.increment(0), hits.increment(-5), hits.value) == (-5, -10, -10)
    hits.reset()
    assert hits.value == 10
    hits.reset(to=7)
    assert (hits.increment(), space.counter("hits", start=3).value) == (8, 8)


def test_reading_and_declaring_write_nothing(space: Space) -> None:
    """A counter that was only looked at is not in the store."""
    assert space.counter("hits", start=5).value == 5
    assert contents(space) == []


def test_threads_get_different_numbers(space: Space) -> None:
    """8 threads, 100 increments each: 1 to 800, none twice."""
    hits = space.counter("hits")
    numbers = at_once(8, lambda: [hits.increment() for _ in range(100)])
    assert sorted(n for found in numbers for n in found) == list(range(1, 801))
    assert all(found == sorted(found) for found in numbers)


def test_processes_get_different_numbers(shared_place: str) -> None:
    """3 processes, 200 increments each: 1001 to 1600, none twice."""
    numbers = in_processes(3, count, shared_place)
    assert sorted(n for found in numbers for n in found) == list(range(1001, 1601))


def test_beyond_machine_words(space: Space) -> None:
    """Numbers of more than 64 bits count on; one that is too long for a record is Misuse."""
    hits = space.counter("hits", start=2**64)
    assert hits.increment(2**200) == hits.value == 2**64 + 2**200
    small = Space("memory:", max_record=1000).counter("small")
    with pytest.raises(Misuse, match="1,000"):
        small.increment(10**3000)
    assert small.value == 0


def test_very_long_numbers_are_counted_or_refused(space: Space) -> None:
    """Beyond the interpreter's limit on digits there is no bare ValueError."""
    hits = space.counter("hits")
    try:
        hits.increment(10**5000)
    except Misuse:
        assert hits.value == 0
    else:
        assert hits.value == 10**5000


@pytest.mark.parametrize("bad", [1.5, "1", None, True])
def test_only_whole_numbers(space: Space, bad: object) -> None:
    """Anything but an int is Misuse, wherever it is given, and nothing is changed."""
    hits = space.counter("hits")
    for use in (hits.increment, hits.decrement):
        with pytest.raises(Misuse, match="whole"):
            use(bad)  # type: ignore[arg-type]
    with pytest.raises(Misuse, match="whole"):
        space.counter("other", start=bad)  # type: ignore[arg-type]
    if bad is not None:
        with pytest.raises(Misuse, match="whole"):
            hits.reset(to=bad)  # type: ignore[arg-type]
    assert contents(space) == []


def test_a_held_counter_is_waited_for(shared_place: str) -> None:
    """An increment waits for a transaction that holds the counter; reading does not."""
    space = Space(shared_place, timeout=0.05)
    hits = space.counter("hits")
    hits.increment()
    with held_by_another_thread(space, hits):
        assert hits.value == 1
        with pytest.raises(LockTimeout) as caught:
            hits.increment()
        assert (caught.value.name, caught.value.timeout) == ("hits", 0.05)
    assert hits.increment() == 2
    space.close()


def test_an_increment_is_not_lost_to_a_transaction(space: Space) -> None:
    """Increments outside and inside of transactions add up."""
    hits = space.counter("hits")
    turn = iter(range(4))
    lock = threading.Lock()

    def work() -> None:
        with lock:
            mine = next(turn)
        for _ in range(50):
            if mine % 2:
                hits.increment()
            else:
                with space.transaction(hits):
                    hits.reset(hits.value + 1)

    at_once(4, work)
    assert hits.value == 200
