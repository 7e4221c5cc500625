"""Forks, in every order: the child is a process of its own, the parent goes on, nothing hangs."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from actors import Child, Gate, alone, run, until, url
from instep import InstepError, LockTimeout, Misuse, Space
from instep.objects.counter import Counter

Fork = Callable[..., Child]


@pytest.fixture(params=["checkpoint", "none"])
def space(state: Path, request: pytest.FixtureRequest) -> Iterator[Space]:
    """An embedded space, not yet opened."""
    space = Space(url(state, request.param), timeout=10)
    yield space
    space.close()


@contextmanager
def load(counter: Counter) -> Iterator[list[int]]:
    """Count from four threads meanwhile; afterwards, how many increments there were."""
    stop, done = threading.Event(), []

    def count() -> None:
        while not stop.is_set():
            counter.increment()
            done.append(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield done
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])
@pytest.mark.parametrize("child_uses", [True, False])
@pytest.mark.parametrize("parent_used", [True, False])
def test_parent_and_child_go_on(
    state: Path, parent_used: bool, child_uses: bool, plain: bool
) -> None:
    """Whether either used the store before or not, and a grandchild too."""
    alone(generations, url(state), parent_used, child_uses, plain)


def generations(fork: Fork, address: str, parent_used: bool, child_uses: bool, plain: bool) -> None:
    """Count here, in a child, in its child, in the child again, and here."""
    counter = Space(address).counter("n")
    if parent_used:
        counter.increment()

    def generation() -> int:
        mine = counter.increment() if child_uses else 0
        grandchild = Child(counter.increment, plain=plain)
        assert grandchild.result() == mine + 1 if child_uses else True
        return counter.increment() if child_uses else 0

    fork(generation, plain=plain).result()
    assert counter.increment() == parent_used + (3 if child_uses else 1) + 1


def test_parent_goes_on_while_the_child_lives(space: Space, fork: Fork) -> None:
    """Both write at once, and both are counted."""
    counter = space.counter("n")
    counter.increment()

    def count() -> None:
        for _ in range(300):
            counter.increment()

    children = [fork(count) for _ in range(3)]
    count()
    for child in children:
        child.result()
    assert counter.value == 1201


def test_forty_forks_under_load(space: Space, fork: Fork) -> None:
    """Threads are in transactions at each fork; no increment of anybody is lost."""
    counter = space.counter("n")

    def count() -> None:
        for _ in range(10):
            counter.increment()

    with load(counter) as done:
        for _ in range(40):
            fork(count).result()
    assert counter.value == len(done) + 400


def test_threads_that_fork_at_once(space: Space, fork: Fork) -> None:
    """Two forks in one process do not undo each other's care."""
    counter = space.counter("n")

    def forks() -> None:
        for _ in range(10):
            Child(counter.increment).result()

    def threads() -> int:
        with load(counter) as done, ThreadPoolExecutor(3) as pool:
            for forked in [pool.submit(forks) for _ in range(3)]:
                forked.result()
        return len(done)

    assert counter.value == 0
    counted = fork(threads).result()
    assert counter.value == counted + 30


def test_threads_of_a_child_without_hooks(state: Path) -> None:
    """The first calls after a fork in C may come from many threads at once, as under uWSGI."""
    alone(many_first_calls, url(state))


def many_first_calls(fork: Fork, address: str) -> None:
    """Ten children of eight threads that count."""
    counter = Space(address).counter("n")
    counter.increment()

    def threads() -> list[str]:
        failed: list[str] = []
        barrier = threading.Barrier(8)

        def count() -> None:
            barrier.wait()
            try:
                counter.increment()
            except BaseException as error:
                failed.append(repr(error))

        all_ = [threading.Thread(target=count) for _ in range(8)]
        for thread in all_:
            thread.start()
        for thread in all_:
            thread.join()
        return failed

    for _ in range(10):
        assert fork(threads, plain=True).result() == []
    assert counter.increment() == 82


@pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])
def test_the_parents_hold_is_not_the_childs(state: Path, plain: bool) -> None:
    """A child that is born inside a transaction can neither commit it nor free it; its own calls
    wait for the parent's."""
    alone(born_in_a_transaction, url(state), plain)


def born_in_a_transaction(fork: Fork, address: str, plain: bool) -> None:
    """A child tries what it may not, and what must wait."""
    space = Space(address)
    value, counter = space.value("v"), space.counter("n")
    counter.increment()
    tried = Gate()

    def child() -> list[str]:
        seen: list[str] = []
        try:
            held.__exit__(None, None, None)
        except Misuse:
            seen.append("refused to commit")
        try:
            Space(space._settings.engine.url, timeout=0.1).value("v").set("child")
        except LockTimeout:
            seen.append("waits for the parent")
        tried.open()
        counter.increment()
        value.update(lambda old: f"{old}, then child")
        return seen

    held = space.transaction(value)
    with held:
        value.set("parent")
        born = fork(child, plain=plain)
        with suppress(AssertionError):
            tried.pass_through(20)
        assert Child(outside, space._settings.engine.url).result() == "LockTimeout"
    assert born.result() == ["refused to commit", "waits for the parent"]
    assert value.get() == "parent, then child"
    assert counter.value == 2


def outside(address: str) -> str:
    """What becomes of an attempt to change the value from elsewhere."""
    try:
        Space(address, timeout=0.1).value("v").set("outside")
    except InstepError as error:
        return type(error).__name__
    return "it was free"


def test_a_child_of_a_holding_thread_can_leave_by_an_error(space: Space, fork: Fork) -> None:
    """What the child raises comes out of its block, and nothing of it is written."""
    value = space.value("v", 0)

    def leave() -> str:
        try:
            held.__exit__(ValueError, ValueError("mine"), None)
        except ValueError as error:
            return str(error)
        return "nothing"

    held = space.transaction(value)
    with held:
        value.set(1)
        assert fork(leave).result() in ("mine", "nothing")
    assert value.get() == 1


def test_a_hold_of_another_thread_stays_where_it_is(space: Space, fork: Fork) -> None:
    """The child waits for the parent's thread, and then goes on."""
    value, taken, free = space.value("v", 0), threading.Event(), threading.Event()

    def hold() -> None:
        with space.transaction(value):
            value.set(1)
            taken.set()
            free.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(20)

    asks = Gate()

    def child() -> list[object]:
        began = time.monotonic()
        asks.open()
        seen: list[object] = [value.swap(2)]
        return [*seen, time.monotonic() - began]

    born = fork(child)
    asks.pass_through()
    time.sleep(0.2)
    free.set()
    thread.join()
    seen, waited = born.result()
    assert seen == 1
    assert waited > 0.1
    assert value.get() == 2


@pytest.mark.parametrize("used", [True, False])
def test_a_dead_parents_hold_does_not_live_on(space: Space, fork: Fork, used: bool) -> None:
    """A child has the parent's descriptors at birth, and must not keep its locks alive."""
    value, counter = space.value("v", 0), space.counter("n")
    pids, stay = Gate(), Gate()

    def parent() -> None:
        with space.transaction(value):
            value.set(1)

            def child() -> None:
                if used:
                    counter.increment()
                pids.open()
                stay.pass_through()

            Child(child)
            time.sleep(20)

    dying = fork(parent)
    pids.pass_through()
    dying.kill()
    value.update(lambda old: old + 10)  # long before the child ends
    assert value.get() == 10
    stay.open()


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_multiprocessing(space: Space, method: str) -> None:
    """Its processes count too, however they are started."""
    counter = space.counter("n")
    counter.increment()
    context = multiprocessing.get_context(method)
    with load(counter) as done:
        workers = [
            context.Process(target=count_there, args=(space._settings.engine.url,))
            for _ in range(2)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert counter.value == 1 + len(done) + 40


def count_there(address: str) -> None:
    """Count in another process."""
    for _ in range(20):
        Space(address).counter("n").increment()


def test_a_subprocess_leaves_the_store_alone(space: Space) -> None:
    """What is started by exec inherits no descriptor of the store."""
    counter = space.counter("n")
    with load(counter) as done:
        for _ in range(5):
            listed = run(
                "import os; print([os.readlink(f'/proc/self/fd/{fd}') "
                "for fd in os.listdir('/proc/self/fd') "
                "if os.path.exists(f'/proc/self/fd/{fd}')])"
            )
            assert "data.mdb" not in listed
            assert "locks" not in listed
    assert counter.value == len(done)


def test_the_memory_store_is_copied(fork: Fork) -> None:
    """A forked child has its own copy of a memory store, also when threads were at it."""
    space = Space("memory:")
    counter, own = space.counter("n"), space.counter("own")

    with load(counter):
        for _ in range(20):
            assert fork(own.increment).result() == 1
    assert own.value == 0


def test_a_child_that_ends_as_programs_do(state: Path) -> None:
    """`sys.exit` in a child closes what is the child's, and the parent's store stays open."""
    program = """
import os, sys
from instep import Space
counter = Space(sys.argv[1]).counter("n")
counter.increment()
pid = os.fork()
if not pid:
    counter.increment()
    sys.exit(0)
assert os.waitpid(pid, 0)[1] == 0
print(counter.increment())
"""
    assert run(program, url(state, "checkpoint")) == "3"
    assert (state / "session").read_text() == "clean"
    assert until(lambda: not [p for p in os.listdir(state) if p.endswith(".new")])
