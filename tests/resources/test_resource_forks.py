"""No resource crosses a fork: forgotten in the child, not closed, made anew at its first use."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from actors import PATIENCE, Child, run, until
from instep import Misuse, Space

Fork = Callable[..., Child]
PLAIN = pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])
KINDS = pytest.mark.parametrize("kind", ["process", "thread", "request"])


class Line:
    """A connection to somebody who writes down what is said."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.theirs, self.mine = os.pipe()
        os.set_blocking(self.theirs, False)

    def heard(self) -> str:
        """What was said."""
        try:
            return os.read(self.theirs, 100).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        """Say goodbye, as clients of databases do."""
        os.write(self.mine, b"goodbye")

    def __del__(self) -> None:
        os.write(self.mine, b"finalized")
        os.close(self.mine)
        os.close(self.theirs)


@PLAIN
@KINDS
def test_a_child_makes_its_own(space: Space, fork: Fork, kind: Any, plain: bool) -> None:
    """And a grandchild too; nobody says goodbye on the parent's connection."""
    line = space.resource(Line, scope=kind, close=Line.close)
    with space.scope():
        mine = line()

        def child() -> list[Any]:
            own = line()
            grandchild = Child(lambda: line().pid == os.getpid(), plain=plain)
            return [own is mine, own.pid == os.getpid(), line() is own, grandchild.result()]

        assert fork(child, plain=plain).result() == [False, True, True, True]
        assert line() is mine
        assert mine.heard() == ""
    line.close() if kind != "request" else None
    assert mine.heard() == "goodbye"


@PLAIN
def test_closing_in_a_child(space: Space, fork: Fork, plain: bool) -> None:
    """The child closes its own only, whether it has any or not."""
    line = space.resource(Line, close=Line.close)
    mine = line()

    def child() -> str:
        line.close()
        space.close()
        own = line()
        space.close()
        return own.heard()

    assert fork(child, plain=plain).result() == "goodbye"
    assert mine.heard() == ""


@PLAIN
def test_threads_that_the_child_does_not_have(space: Space, fork: Fork, plain: bool) -> None:
    """Their connections are not finalized in it, although their storage goes with the fork."""
    line = space.resource(Line, scope="thread", close=Line.close)
    lines: list[Line] = []
    used, end = threading.Barrier(4), threading.Event()

    def work() -> None:
        lines.append(line())
        used.wait(10)
        end.wait(30)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    used.wait(10)
    lines.append(line())

    def child() -> bool:
        import gc

        lines.clear()
        gc.collect()
        return line().pid == os.getpid()

    assert fork(child, plain=plain).result() is True
    assert [one.heard() for one in lines] == [""] * 4
    end.set()
    for thread in threads:
        thread.join()
    until(lambda: all(one.heard() == "goodbye" for one in lines[:3]))


@PLAIN
def test_a_fork_while_it_is_made(space: Space, fork: Fork, plain: bool) -> None:
    """A child that is forked while another thread makes it does not wait for that thread."""
    began, go = threading.Event(), threading.Event()
    parent = os.getpid()

    def make() -> int:
        if os.getpid() == parent:
            began.set()
            go.wait(PATIENCE)
        return os.getpid()

    db = space.resource(make, timeout=PATIENCE)
    thread = threading.Thread(target=db)
    waiter = threading.Thread(target=db)
    thread.start()
    began.wait(10)
    waiter.start()
    child = fork(db, plain=plain)
    assert child.result() == child.pid
    go.set()
    thread.join()
    waiter.join()
    assert db() == parent


@PLAIN
def test_a_fork_inside_the_factory(space: Space, fork: Fork, plain: bool) -> None:
    """The child that comes to the end of it is told; the parent gets what it made."""
    children: list[Child] = []

    def make() -> int:
        children.append(Child(os.getpid, plain=plain))
        return os.getpid()

    db = space.resource(make)
    assert db() == os.getpid()
    assert children[0].result() == children[0].pid

    def astray() -> str:
        parent = os.getpid()

        def wrong() -> int:
            write = os.pipe()
            pid = os.fork()
            if pid:
                os.close(write[1])
                said = os.read(write[0], 1000).decode()
                os.waitpid(pid, 0)
                told.append(said)
            else:
                pipes.append(write[1])
            return 1

        told: list[str] = []
        pipes: list[int] = []
        other = space.resource(wrong, name="other")
        try:
            other()
        except Misuse as error:
            os.write(pipes[0], str(error).encode())
            os._exit(0)
        assert os.getpid() == parent
        return told[0]

    assert "forked inside the factory of the resource 'other'" in fork(astray).result()


@PLAIN
def test_a_fork_while_it_is_closed(space: Space, fork: Fork, plain: bool) -> None:
    """A child that is forked by a closer, or while one runs, goes on with its own."""
    began, go = threading.Event(), threading.Event()
    other = space.resource(Line, close=Line.close)

    def close(pid: int) -> None:
        assert pid == os.getpid()
        began.set()
        go.wait(PATIENCE)

    db = space.resource(os.getpid, close=close)
    mine = other()
    db()
    thread = threading.Thread(target=space.close)
    thread.start()
    began.wait(10)
    child = fork(lambda: [db(), other().pid], plain=plain)
    assert child.result() == [child.pid] * 2
    assert mine.heard() == ""
    go.set()
    thread.join()
    assert mine.heard() == "goodbye"


def test_a_fork_in_a_closer(space: Space, fork: Fork) -> None:
    """A closer forks, and its child comes back from it: it closes nothing of its parent's."""
    first = space.resource(Line, close=Line.close)

    def fork_in_it(_: object) -> None:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)

    def work() -> str:
        parent = os.getpid()
        line = first()
        space.resource(object, close=fork_in_it)()
        space.close()
        if os.getpid() != parent:
            os._exit(0)
        return line.heard()

    assert fork(work).result() == "goodbye"


def test_a_fork_in_a_closer_of_what_was_retired(space: Space, fork: Fork) -> None:
    """The same where `space.close()` in another thread has left the closing to this one."""

    def fork_in_it(_: object) -> None:
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)

    first = space.resource(Line, scope="thread", close=Line.close)
    second = space.resource(object, scope="thread", close=fork_in_it)

    def work() -> str:
        parent = os.getpid()
        line = first()
        second()
        closing = threading.Thread(target=space.close)
        closing.start()
        closing.join()
        assert line.heard() == ""
        first()
        if os.getpid() != parent:
            os._exit(0)
        return line.heard()

    assert fork(work).result() == "goodbye"


def test_forty_forks_under_load(space: Space, fork: Fork) -> None:
    """Threads make, use and close all the time; every child gets its own, and nobody hangs."""
    process = space.resource(os.getpid, timeout=PATIENCE)
    thread = space.resource(os.getpid, scope="thread", timeout=PATIENCE)
    request = space.resource(os.getpid, scope="request", timeout=PATIENCE)
    stop, errors = threading.Event(), []

    def use() -> list[int]:
        with space.scope():
            return [process(), thread(), request()]

    def work() -> None:
        while not stop.is_set():
            if set(use()) != {os.getpid()}:
                errors.append(1)
            process.close()
            thread.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(40):
            child = fork(use)
            assert child.result() == [child.pid] * 3
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert errors == []


GOODBYE = """
import os, socket, sys
from instep import Space

class Line:
    def __init__(self):
        self.mine, self.theirs = socket.socketpair()
    def __del__(self):
        self.mine.send(b"finalized")

{how}
if not os.fork():
    {use}
    sys.exit()  # as a worker of gunicorn ends: with finalizers
os.wait()
line.theirs.settimeout(0.2)
try:
    print(line.theirs.recv(100).decode())
except TimeoutError:
    print("nothing")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize("kind", ["process", "thread"])
@pytest.mark.parametrize("use", ["db()", "pass"])
def test_a_child_ends_without_a_word(use: str, kind: str) -> None:
    """Not even at its end does a child finalize what it inherited."""
    how = f"space = Space('memory:'); db = space.resource(Line, scope={kind!r}); line = db()"
    use = f"del line; {use}"
    assert run(GOODBYE.format(how=how, use=use)) == "nothing"


def test_the_naive_global_says_goodbye() -> None:
    """The same with a global: the child's end is heard on the parent's connection."""
    assert run(GOODBYE.format(how="line = Line()", use="pass")) == "finalized"


def test_a_child_of_multiprocessing() -> None:
    """It has its own; the parent's stays open."""
    code = (
        "import multiprocessing, os\n"
        "from instep import Space\n"
        "space = Space('memory:')\n"
        "db = space.resource(os.getpid)\n"
        "def work(queue): queue.put((db(), os.getpid()))\n"
        "context = multiprocessing.get_context('fork')\n"
        "db(); queue = context.Queue()\n"
        "child = context.Process(target=work, args=(queue,)); child.start()\n"
        "made, pid = queue.get(); child.join()\n"
        "print(made == pid == child.pid != db())\n"
    )
    assert run(code) == "True"


def test_many_children_at_once(space: Space, fork: Fork) -> None:
    """Threads that fork at the same time."""
    db = space.resource(os.getpid)
    db()
    right: list[bool] = []

    def forks() -> None:
        for _ in range(10):
            child = Child(db)
            right.append(child.result() == child.pid)
            time.sleep(0)

    threads = [threading.Thread(target=forks) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 30
