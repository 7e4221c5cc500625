"""Made once, however many ask at once; failures are not remembered; nobody waits for ever."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from made import Thing, Workshop

from instep import LockTimeout, Misuse, Space


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """What a function returns (or raises) in so many threads that begin together."""
    barrier = threading.Barrier(count)

    def one(_: int) -> Any:
        barrier.wait(60)
        try:
            return work()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def slowly(factory: Callable[[], Any]) -> Callable[[], Any]:
    """A factory that takes its time."""

    def make() -> Any:
        time.sleep(0.05)
        return factory()

    return make


def naive(factory: Callable[[], Any]) -> Callable[[], Any]:
    """The global that everybody writes: make it if it is not there."""
    made: dict[str, Any] = {}

    def get() -> Any:
        if "it" not in made:
            made["it"] = factory()
        return made["it"]

    return get


def test_a_thousand_first_uses(space: Space, shop: Workshop) -> None:
    """A thousand threads ask at once: the factory runs once, and all get the same."""
    db = space.resource(slowly(shop.maker()), timeout=60)
    found = at_once(1000, db)
    assert shop.made == 1
    assert {id(thing) for thing in found} == {id(db())}


def test_a_thousand_first_uses_of_the_naive_global(shop: Workshop) -> None:
    """The same without a resource: many are made, and all but one are lost."""
    at_once(100, naive(slowly(shop.maker())))
    assert shop.made > 1


def test_many_rounds_of_first_uses(space: Space) -> None:
    """Between the look at what is there and the claim to make it nobody slips through."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            made: list[object] = []

            def make(made: list[object] = made) -> object:
                made.append(object())
                return made[-1]

            db = space.resource(make, timeout=60)
            found = at_once(8, db)
            assert len(made) == 1
            assert found == made * 8
    finally:
        sys.setswitchinterval(interval)


def test_none_is_a_value(space: Space) -> None:
    """A factory that returns None has succeeded."""
    made: list[None] = []
    db = space.resource(lambda: made.append(None))
    assert db() is None
    assert db() is None
    assert made == [None]


def test_a_failure_is_not_remembered(space: Space, shop: Workshop) -> None:
    """Its caller gets the error; the next call tries again."""
    tries: list[int] = []

    def make() -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("no server yet")
        return shop.maker()()

    db = space.resource(make, close=Thing.close)
    for _ in range(2):
        with pytest.raises(OSError, match="no server yet"):
            db()
    assert db() is db()
    assert len(tries) == 3


def test_a_failure_with_many_waiting(space: Space) -> None:
    """Who waited for it tries it too, one after the other: one failure is one caller's."""
    tries: list[int] = []

    def make() -> int:
        tries.append(1)
        time.sleep(0.02)
        if len(tries) <= 3:
            raise OSError("no server yet")
        return 42

    found = at_once(20, space.resource(make, timeout=60))
    assert sum(isinstance(one, OSError) for one in found) == 3
    assert [one for one in found if not isinstance(one, OSError)] == [42] * 17
    assert len(tries) == 4


def test_waiting_is_bounded(space: Space) -> None:
    """Who waits for a slow factory is told who runs it, since when, and goes on."""
    began, go = threading.Event(), threading.Event()

    def make() -> str:
        began.set()
        go.wait(60)
        return "made"

    db = space.resource(make, timeout=0.05, name="db")
    thread = threading.Thread(target=db)
    thread.start()
    began.wait(10)
    with pytest.raises(LockTimeout, match="'db' is being made by process") as caught:
        db()
    assert caught.value.name == "db"
    assert caught.value.timeout == 0.05
    assert caught.value.holder is not None
    assert caught.value.holder.thread == thread.ident
    go.set()
    thread.join()
    assert db() == "made"


def test_a_factory_that_asks_for_itself(space: Space) -> None:
    """It would wait for itself, so it is refused; afterwards everything works."""
    ask = [True]

    def make() -> Any:
        return db() if ask[0] else "made"

    db = space.resource(make, name="db")
    with pytest.raises(Misuse, match="db needs db"):
        db()
    ask[0] = False
    assert db() == "made"


def test_two_that_need_each_other(space: Space) -> None:
    """In one thread, and in two that begin at the two ends: refused, with both names."""
    both = threading.Barrier(2)
    apart = [False]

    def meet() -> None:
        if apart[0]:
            both.wait(10)

    def make_chicken() -> Any:
        meet()
        return egg()

    def make_egg() -> Any:
        meet()
        return chicken()

    chicken = space.resource(make_chicken, name="chicken", timeout=60)
    egg = space.resource(make_egg, name="egg", timeout=60)
    with pytest.raises(Misuse, match="chicken needs egg needs chicken"):
        chicken()
    apart[0] = True
    began = time.monotonic()
    turns = iter([chicken, egg])
    found = at_once(2, lambda: next(turns)())
    assert time.monotonic() - began < 50
    assert any(isinstance(error, Misuse) for error in found), found


def test_a_factory_in_another_thread(space: Space) -> None:
    """A factory whose helper thread asks for the resource waits a bounded time, and says so."""

    def make() -> str:
        with ThreadPoolExecutor(1) as pool:
            return str(pool.submit(db).result())

    db = space.resource(make, timeout=0.05)
    with pytest.raises(LockTimeout):
        db()


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import gevent, time
from instep import Space

space = Space("memory:")
made, closed = [], []

def make():
    made.append(1)
    time.sleep(0.05)
    return object()

def close(thing):
    time.sleep(0.001)  # as a goodbye over a network does
    closed.append(thing)

def own():
    mine = local()
    gevent.sleep(0)
    assert local() is mine
    return mine

db = space.resource(make, timeout=30)
ticks = []
ticker = gevent.spawn(lambda: [ticks.append(gevent.sleep(0.001)) for _ in range(20)])
asking = [gevent.spawn(db) for _ in range(1000)]
gevent.joinall([*asking, ticker], timeout=30)
assert len({id(one.value) for one in asking}) == 1 and len(made) == 1, len(made)
assert len(ticks) == 20

local = space.resource(object, scope="thread", close=close)
each = [gevent.spawn(own) for _ in range(50)]
gevent.joinall(each, timeout=30)
assert len({one.value for one in each}) == 50
del each
for _ in range(1000):
    if len(closed) == 50:
        break
    gevent.sleep(0.01)
assert len(closed) == 50, len(closed)
assert len(space.lifetimes()._open) == 0
print("right")
"""


def test_greenlets() -> None:
    """A thousand greenlets ask at once; those with a thing each have it closed when they end."""
    done = subprocess.run(
        [sys.executable, "-c", GREENLETS], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout == "right\n", done.stderr[-2000:]
