"""How long resources live: a process, a thread, a block; who closes them, and in which order."""

import logging
import threading
from typing import Any

import pytest
from made import Thing, Workshop

from actors import run, until
from instep import Misuse, Space
from instep.resources import Resource


def in_thread(work: Any) -> Any:
    """What a function returns in a thread of its own, which has ended."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_one_per_process(space: Space, shop: Workshop) -> None:
    """Nothing is made before the first use; then all threads get the same thing."""
    db = space.resource(shop.maker(), close=Thing.close)
    assert shop.made == 0
    first = db()
    assert db() is first
    assert in_thread(db) is first
    assert shop.closed == []


def test_one_per_thread(space: Space, shop: Workshop) -> None:
    """Each thread gets its own; the thread that ends closes it."""
    db = space.resource(shop.maker(), scope="thread", close=Thing.close)
    mine = db()
    theirs = in_thread(db)
    assert theirs is not mine
    until(lambda: shop.closed == ["thing"])
    assert mine.open
    assert not theirs.open
    assert db() is mine


def test_a_thread_closes_in_itself(space: Space) -> None:
    """The closer runs in the thread that ends, as sqlite3 demands."""
    closed = threading.Event()
    where: list[int] = []

    def close(_: object) -> None:
        where.append(threading.get_ident())
        closed.set()

    db = space.resource(object, scope="thread", close=close)
    thread = threading.Thread(target=db)
    thread.start()
    number = thread.ident
    thread.join()
    assert closed.wait(10)
    assert where == [number]


def test_threads_leave_nothing_behind(space: Space) -> None:
    """A thousand threads that came and went are not remembered."""
    db = space.resource(object, scope="thread")
    for _ in range(1000):
        in_thread(db)
    until(lambda: len(space.lifetimes()._open) == 0)


def test_one_per_block(space: Space, shop: Workshop) -> None:
    """A block stands for a request: closed at its end, also after an exception, the last first."""
    one = space.resource(shop.maker("one"), scope="request", close=Thing.close)
    two = space.resource(shop.maker("two"), scope="request", close=Thing.close)
    with space.scope():
        assert one() is one()
        two()
    assert shop.closed == ["two", "one"]
    with pytest.raises(ZeroDivisionError), space.scope():
        two()
        one()
        _ = 1 / 0
    assert shop.closed == ["two", "one", "one", "two"]


def test_blocks_in_blocks(space: Space, shop: Workshop) -> None:
    """The inner block has its own things; afterwards the outer one's are there again."""
    db = space.resource(shop.maker(), scope="request", close=Thing.close)
    with space.scope():
        outer = db()
        with space.scope():
            assert db() is not outer
        assert db() is outer
    assert not outer.open


def test_outside_of_a_block(space: Space) -> None:
    """A resource per request says what to do where there is no request."""
    db = space.resource(object, scope="request")
    with pytest.raises(Misuse, match=r"with space\.scope"):
        db()
    with pytest.raises(Misuse, match=r"with space\.scope"):
        db.close()


def test_another_thread_is_not_in_the_block(space: Space) -> None:
    """A thread that is started in a block has no request."""
    db = space.resource(object, scope="request")

    def use() -> object:
        try:
            return db()
        except Misuse as error:
            return error

    with space.scope():
        assert isinstance(in_thread(use), Misuse)


def test_as_a_context_manager(space: Space, shop: Workshop) -> None:
    """`with db as thing` closes what it has opened: a request's thing, not a process's."""
    per_request = space.resource(shop.maker("request"), scope="request", close=Thing.close)
    per_process = space.resource(shop.maker("process"), close=Thing.close)
    with per_request as thing, per_process as other:
        assert per_request() is thing
        assert per_process() is other
        with per_request as again:
            assert again is thing
        assert thing.open
    assert shop.closed == ["request"]


def test_a_context_manager_that_cannot_begin(space: Space) -> None:
    """The factory's error comes out, and no block stays open."""

    def fail() -> Thing:
        raise OSError("no server")

    db = space.resource(fail, scope="request")
    with pytest.raises(OSError, match="no server"), db:
        raise AssertionError
    assert not space.in_scope()


def test_one_uses_another(space: Space, shop: Workshop) -> None:
    """What was made for another is closed after it."""
    pool = space.resource(shop.maker("pool"), scope="request", close=Thing.close)

    def make() -> Any:
        assert pool().open
        return shop.maker("unit")()

    def close(thing: Thing) -> None:
        assert pool().open  # a closer may use what was made before
        thing.close()

    unit = space.resource(make, scope="request", close=close)
    with space.scope():
        unit()
    assert shop.closed == ["unit", "pool"]


def test_every_closer_runs(space: Space, shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    """Although two of three fail; both are logged, and raised together."""

    def fail(_: object) -> None:
        raise OSError("no answer")

    made = [
        space.resource(shop.maker(name), scope="request", close=closer, name=name)
        for name, closer in (("a", fail), ("b", Thing.close), ("c", fail))
    ]
    with pytest.raises(ExceptionGroup) as caught, space.scope():
        for resource in made:
            resource()
    assert [str(error) for error in caught.value.exceptions] == ["no answer", "no answer"]
    assert shop.closed == ["b"]
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"instep: closing the resource {name!r} failed" for name in "ca"]


def test_the_error_of_one_closer(space: Space) -> None:
    """It is raised as it is; but the block's own error goes before it."""

    def fail(_: object) -> None:
        raise OSError("no answer")

    db = space.resource(object, scope="request", close=fail)
    with pytest.raises(OSError, match="no answer"), space.scope():
        db()
    with pytest.raises(ZeroDivisionError), space.scope():
        db()
        _ = 1 / 0


def test_an_interruption_while_closing(space: Space, shop: Workshop) -> None:
    """Ctrl-C in one closer does not spare the others, and reaches the caller."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    first = space.resource(shop.maker("first"), scope="request", close=Thing.close)
    second = space.resource(object, scope="request", close=interrupt)
    with pytest.raises(KeyboardInterrupt), space.scope():
        first()
        second()
    assert shop.closed == ["first"]


def test_closing_by_hand(space: Space, shop: Workshop) -> None:
    """`close` closes one; closing again does nothing; the next use makes another."""
    db = space.resource(shop.maker(), close=Thing.close)
    first = db()
    db.close()
    db.close()
    assert shop.closed == ["thing"]
    assert db() is not first


def test_closing_the_space(shop: Workshop) -> None:
    """It closes what the process and this thread have; another thread closes its own later."""
    space = Space("memory:")
    process = space.resource(shop.maker("process"), close=Thing.close)
    thread = space.resource(shop.maker("thread"), scope="thread", close=Thing.close)
    ready, go, second, end = (threading.Event() for _ in range(4))

    def other() -> None:
        first = thread()
        ready.set()
        go.wait(10)
        assert first.open  # it may be in use
        assert thread() is not first
        assert not first.open
        second.set()
        end.wait(10)

    worker = threading.Thread(target=other)
    worker.start()
    ready.wait(10)
    process(), thread()
    space.close()
    space.close()
    assert sorted(shop.closed) == ["process", "thread"]
    go.set()
    assert second.wait(10)
    assert len(shop.closed) == 3
    end.set()
    worker.join()
    until(lambda: len(shop.closed) == 4)
    assert process().open
    space.close()


def test_closing_tells_of_failures() -> None:
    """`space.close()` raises what a closer raised, and has closed the store as well."""
    space = Space("memory:")

    def fail(_: object) -> None:
        raise OSError("no answer")

    space.resource(object, close=fail)()
    with pytest.raises(OSError, match="no answer"):
        space.close()


def test_use_after_the_end(space: Space) -> None:
    """A block's resource that is used by what outlives the block is an error that says so."""
    db = space.resource(object, scope="request", name="db")
    with space.scope():
        scope = space.request_scope()
        db()
    assert scope is not None
    with pytest.raises(Misuse, match="'db' is used after the request"):
        scope.get(db)


def test_made_while_the_block_ends(space: Space, shop: Workshop) -> None:
    """What another thread makes for a request that ends meanwhile is closed, not lost."""
    began, go = threading.Event(), threading.Event()

    def make() -> Any:
        began.set()
        go.wait(10)
        return shop.maker()()

    db = space.resource(make, scope="request", close=Thing.close)
    errors: list[BaseException] = []
    with space.scope():
        scope = space.request_scope()
        assert scope is not None

        def use() -> None:
            try:
                scope.get(db)
            except Misuse as error:
                errors.append(error)

        thread = threading.Thread(target=use)
        thread.start()
        began.wait(10)
    go.set()
    thread.join()
    assert len(errors) == 1
    assert shop.closed == ["thing"]


def test_a_closer_that_makes_something(space: Space, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused: it would be made for nobody, and two such closers would never end."""
    other = space.resource(object, name="other")
    db = space.resource(object, close=lambda _: other())
    db()
    with pytest.raises(Misuse, match="a closer asks for the resource 'other'"):
        space.close()


def test_check(space: Space, shop: Workshop) -> None:
    """What is not sound any more is closed and made anew; None is not a complaint."""
    sound: list[Any] = [None]

    def check(thing: Thing) -> Any:
        assert thing.open
        if isinstance(sound[0], Exception):
            raise sound[0]
        return sound[0]

    db = space.resource(shop.maker(), close=Thing.close, check=check)
    first = db()
    assert db() is first
    for bad in (False, OSError("gone")):
        sound[0] = bad
        before = db()
        sound[0] = True
        assert before is not first
        assert not first.open
        assert db() is before
        first = before
    assert shop.made == 3


def test_a_broken_thing_that_cannot_be_closed(space: Space) -> None:
    """It is replaced all the same."""

    def fail(_: object) -> None:
        raise OSError("no answer")

    sound = [False]
    db = space.resource(object, close=fail, check=lambda _: sound[0])
    first = db()
    assert db() is not first
    with pytest.raises(OSError, match="no answer"):
        db.close()


def test_override(space: Space, shop: Workshop) -> None:
    """Everybody gets the fake for the length of the block; blocks nest; it is not closed."""
    db: Resource[Any] = space.resource(shop.maker(), scope="request", close=Thing.close)
    with db.override("fake") as given:
        assert given == db() == in_thread(db) == "fake"
        with db.override("inner"):
            assert db() == "inner"
        assert db() == "fake"
    assert shop.made == 0
    with pytest.raises(Misuse):
        db()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"factory": 5}, "factory is to be called"),
        ({"close": "x"}, "close is to be called"),
        ({"check": 1}, "check is to be called"),
        ({"scope": "app"}, "scope is one of"),
        ({"timeout": -1}, "not negative"),
        ({"timeout": float("nan")}, "finite"),
        ({"timeout": "1"}, "a number of seconds"),
    ],
)
def test_bad_input(space: Space, given: dict[str, Any], words: str) -> None:
    """What cannot be right is refused where it is declared."""
    factory = given.pop("factory", object)
    with pytest.raises(Misuse, match=words):
        space.resource(factory, **given)


def test_a_resource_that_is_not_called(space: Space) -> None:
    """`db.execute(…)`, as it was with a global: the message says what is missing."""
    db: Any = space.resource(object)
    with pytest.raises(AttributeError, match=r"call it first, as in db\(\)\.execute"):
        db.execute("SELECT 1")
    assert not hasattr(db, "cursor")


def test_a_resource_is_not_stored(space: Space) -> None:
    """As an attribute of a shared object it is refused, with a reason."""
    with pytest.raises(Misuse, match="belongs to the process"):
        space.value("v").set(space.resource(object))


PROGRAM = """
import logging, threading
from instep import Space
space = Space("memory:")
one = space.resource(lambda: "one", close=print)
two = space.resource(lambda: "two", close=print)
mine = space.resource(lambda: "mine", scope="thread", close=print)
def fail(_): raise OSError("no answer")
bad = space.resource(lambda: "bad", close=fail)
one(); two(); bad(); mine()
thread = threading.Thread(target=mine)
thread.start()
thread.join()
print("the end")
"""


def test_at_the_exit() -> None:
    """The process closes its own in reverse order, although one closer fails, and that is said."""
    assert run(PROGRAM).splitlines() == ["mine", "the end", "mine", "two", "one"]


def test_at_the_exit_of_a_child() -> None:
    """A forked child closes what it has made, and nothing of its parent's."""
    code = (
        "import os, sys\n"
        "from instep import Space\n"
        "space = Space('memory:')\n"
        "db = space.resource(os.getpid, close=lambda pid: print(pid == os.getpid(), flush=True))\n"
        "other = space.resource(os.getpid, close=lambda _: print('other', flush=True))\n"
        "db(), other()\n"
        "if not os.fork():\n"
        "    db()\n"
        "    sys.exit()\n"
        "os.wait()\n"
        "print('parent', flush=True)\n"
    )
    assert run(code).splitlines() == ["True", "parent", "other", "True"]


def test_logging_is_quiet(space: Space, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged where nothing is wrong."""
    caplog.set_level(logging.DEBUG, "instep")
    with space.scope():
        space.resource(object, scope="request")()
    assert caplog.records == []
