"""The lockset pass: what it makes a candidate of, and what it must leave alone."""

import builtins
import gc
import threading
import types
from types import SimpleNamespace
from typing import Any

import pytest
from watching_helper import Program, listening

from instep.races.watching.lockset import TRIES, Lockset
from instep.races.watching.naming import Names

COUNTER = """
    import threading
    lock = threading.Lock()
    count = 0
    def racy():
        global count
        count += 1
        return count
    def fixed():
        global count
        with lock:
            count += 1
            return count
    def late():
        global count
        with lock:
            count += 1
        return count
    def see():
        with lock:
            return count
"""


def test_a_counter_is_found_and_its_fixed_twin_is_not() -> None:
    """A global that is read and written in one request; the same under a lock."""
    racy, fixed = Program(COUNTER), Program(COUNTER)
    racy.ask("racy", "see")
    fixed.ask("fixed", "fixed", "see")
    assert racy.found() == [("IS101", "shop.count")]
    assert fixed.candidates() == []


def test_one_request_is_enough() -> None:
    """A view runs beside itself, so a test that calls it once shows it."""
    program = Program(COUNTER)
    program.ask("racy")
    (candidate,) = program.candidates()
    assert (candidate.read.place.line, candidate.write.line) == (7, 7)
    assert candidate.requests == ["GET /racy"]


def test_a_value_read_after_its_lock_was_released() -> None:
    """The number that was made under the lock is read again without it."""
    program = Program(COUNTER)
    program.ask("late", "late")
    assert program.found() == [("IS113", "shop.count")]


def test_a_lock_that_not_everybody_takes() -> None:
    """One writes under a lock, another without."""
    program = Program(COUNTER)
    program.ask("fixed", "racy")
    assert ("IS113", "shop.count") in program.found()


@pytest.mark.parametrize("guard", ["with lock:", "with again:", "with condition:", "with slots:"])
def test_every_kind_of_lock_guards(guard: str) -> None:
    """Lock, RLock, Condition, Semaphore, all made before anybody listened."""
    program = Program(f"""
        import threading
        lock, again = threading.Lock(), threading.RLock()
        condition, slots = threading.Condition(), threading.Semaphore()
        stock = {{"tea": 9}}
        def buy():
            {guard}
                if stock["tea"] > 0:
                    stock["tea"] -= 1
    """)
    program.ask("buy", "buy")
    assert program.candidates() == []


def test_a_lock_taken_by_hand_guards() -> None:
    """`acquire` and `release` in a `try`; and a lock that is released between is none."""
    program = Program("""
        import threading
        lock = threading.Lock()
        good, bad = {"n": 0}, {"n": 0}
        def fixed():
            lock.acquire()
            try:
                good["n"] = good["n"] + 1
            finally:
                lock.release()
        def broken():
            lock.acquire()
            n = bad["n"]
            lock.release()
            with lock:
                bad["n"] = n + 1
    """)
    program.ask("fixed", "fixed", "broken", "broken")
    assert program.found() == [("IS103", "shop.bad['n']")]


def test_a_lock_that_could_not_be_had_guards_nothing() -> None:
    """`acquire` that returns False holds nothing."""
    program = Program("""
        import threading
        lock = threading.Lock()
        stock = {"n": 0}
        def up():
            if lock.acquire(False):
                lock.release()
            taken = lock.acquire(timeout=0.001) if taken_before else False
            stock["n"] += 1
        taken_before = True
    """)
    program.space["lock"].acquire()
    program.ask("up")
    assert program.found() == [("IS103", "shop.stock['n']")]


def test_locks_inside_the_programs_own_managers_are_seen() -> None:
    """A context manager, a decorator and a class of the program's that take a lock."""
    program = Program("""
        import contextlib, functools, threading
        lock = threading.Lock()
        rows = []
        @contextlib.contextmanager
        def guarded():
            with lock:
                yield
        class Guard:
            def __enter__(self): lock.acquire()
            def __exit__(self, *exc): lock.release()
        class Owned:
            def acquire(self): lock.acquire()
            def release(self): lock.release()
        def locked(function):
            @functools.wraps(function)
            def inner():
                with lock:
                    return function()
            return inner
        def one():
            with guarded(): rows.append(len(rows))
        def two():
            with Guard(): rows.append(len(rows))
        @locked
        def three(): rows.append(len(rows))
        def four():
            mine = Owned()
            mine.acquire()
            rows.append(len(rows))
            mine.release()
    """)
    program.ask("one", "two", "three", "four", "one")
    assert program.candidates() == []


def test_double_checked_locking_is_sound() -> None:
    """Tested outside, tested again under the lock, made there."""
    program = Program("""
        import threading
        lock = threading.Lock()
        _one = _other = None
        def sound():
            global _one
            if _one is None:
                with lock:
                    if _one is None:
                        _one = object()
            return _one
        def lazy():
            global _other
            if _other is None:
                _other = object()
            return _other
    """)
    program.ask("sound", "sound", "lazy", "lazy")
    assert program.found() == [("IS111", "shop._other")]


def test_publishing_a_fresh_object_is_of_little_weight() -> None:
    """One assignment that others read is one step."""
    program = Program("""
        settings = {"theme": "light"}
        def change():
            global settings
            settings = {"theme": "dark"}
        def see():
            return settings["theme"]
    """)
    program.ask("see", "change", "see")
    assert [(each.rule, each.severity.value) for each in program.candidates()] == [("IS102", "low")]


def test_what_is_tested_and_read_again() -> None:
    """A global that may be gone when it is read the second time; bound once, it cannot."""
    program = Program("""
        override = None
        def racy():
            if override:
                return override.upper()
        def bound():
            found = override
            if found:
                return found.upper()
        def set_it():
            global override
            override = "x"
        def clear():
            global override
            override = None
    """)
    program.ask("set_it", "racy", "clear")
    assert program.found() == [("IS112", "shop.override")]
    sound = Program(
        "override = 'x'\ndef see():\n found = override\n return found and found.upper()"
    )
    sound.ask("see", "see")
    assert sound.found() == []


def test_a_loop_over_what_others_change() -> None:
    """A dictionary that grows during a loop ends the loop; a copy does not."""
    source = """
        sessions = {1: 1}
        def add():
            sessions[len("abc")] = 1
        def total():
            return [n for n in sessions.values()]
        def snapshot():
            return [n for n in list(sessions.values())]
    """
    racy, sound = Program(source), Program(source)
    racy.ask("total", "add", "total")
    sound.ask("snapshot", "add", "snapshot")
    assert racy.found() == [("IS114", "shop.sessions")]
    assert sound.found() == []


def test_an_object_under_construction_is_private() -> None:
    """What a request makes and only then publishes is its own until then."""
    program = Program("""
        class Basket:
            def __init__(self):
                self.total = 0
                self.total += 1
                self.rows = []
            def add(self, n):
                self.total = self.total + n
                self.rows.append(len(self.rows))
        baskets = {}
        def fresh():
            basket = Basket()
            basket.add(3)
            baskets["mine"] = basket
        def used():
            for basket in list(baskets.values()):
                basket.add(1)
    """)
    program.ask("fresh", "fresh")
    assert program.found() == []
    program.ask("used")
    assert {location.rpartition(".")[2] for _, location in program.found()} == {"total", "rows"}


def test_what_nobody_can_find_again_is_no_candidate() -> None:
    """Objects that die with the request, and an identity that comes again with another object."""
    program = Program("""
        def work():
            rows = dict(n=0)
            helper(rows)
            return rows
        def helper(rows):
            rows["n"] = rows["n"] + 1
    """)
    program.ask(*["work"] * 50)
    assert program.candidates() == []
    assert len(program.lockset.tracks) == 0


def test_memory_is_bounded() -> None:
    """What a request leaves behind in nobody's hands is let go."""
    program = Program("""
        class Node: pass
        def work():
            node = Node(); node.next = node; node.size = 1; node.size += 1
            node.rows = {}; node.rows["a"] = 1
    """)
    program.ask(*["work"] * 200)
    gc.collect()
    program.ask(*["work"] * 70)
    assert len(program.lockset.tracks) < 700
    assert program.candidates() == []


def test_setup_is_no_actor() -> None:
    """What a test or fixture does itself, outside of a request, is not held against anybody."""
    program = Program("""
        orders = []
        def add(): orders.append(len(orders))
    """)
    with listening(program.lockset):
        program.space["add"]()
        program.space["add"]()
    assert program.candidates() == []


def test_a_thread_beside_the_requests_is_an_actor() -> None:
    """It meets the requests; alone, and with nobody to meet, it breaks nothing."""
    source = """
        import threading
        ticks = {"n": 0}
        def tick():
            ticks["n"] = ticks["n"] + 1
        def reset():
            ticks["n"] = 0
        def start():
            thread = threading.Thread(target=tick)
            thread.start()
            thread.join()
    """
    alone, met = Program(source), Program(source)
    with listening(alone.lockset):
        alone.space["start"]()
    met.ask("start", "reset")
    assert alone.candidates() == []
    assert met.found() == [("IS103", "shop.ticks['n']")]


def test_contexts_and_threads_own_state_is_not_shared() -> None:
    """A thread-local, a context variable and a proxy's object belong to one request each."""
    program = Program("""
        import threading
        local = threading.local()
        def up():
            local.n = getattr(local, "n", 0)
            local.n += 1
            proxy.user = "x"
            proxy.user += "y"
    """)

    class Proxy:
        def _get_current_object(self) -> Any:
            return types.SimpleNamespace(user="")

        def __getattr__(self, name: str) -> Any:
            return ""

    program.space["proxy"] = Proxy()
    program.ask("up", "up")
    assert program.candidates() == []


def test_a_librarys_fields_are_its_own_affair() -> None:
    """Attributes behind a data descriptor, such as an ORM's columns, even in a shared session."""
    program = Program("""
        def rename():
            row.name = row.name + "!"
            row.extra = row.extra + 1
    """)

    class Column:
        def __get__(self, row: Any, cls: type) -> Any:
            return "tea"

        def __set__(self, row: Any, value: Any) -> None:
            pass

    class Row:
        name = Column()
        extra = 0

    session = types.SimpleNamespace(identity_map={1: Row()})
    program.space["db"] = types.SimpleNamespace(session=session)
    program.space["row"] = session.identity_map[1]
    program.ask("rename", "rename")
    locations = {each.location for each in program.candidates()}
    assert locations == {"shop.row.extra"}
    del program.space["row"]


def test_an_identity_map_shared_by_a_suite_is_not_the_programs_state() -> None:
    """An object that is reached through a library's session only has no name in the program."""
    program = Program("""
        def touch():
            row = db.session.identity_map[1]
            row.seen = row.seen + 1
    """)

    class Row:
        seen = 0

    program.space["db"] = types.SimpleNamespace(
        session=types.SimpleNamespace(identity_map={1: Row()})
    )
    program.ask("touch", "touch", "touch")
    assert program.candidates() == []


def test_a_fresh_application_for_each_test_is_another_object() -> None:
    """Two stores, one for each test: no request of the one meets a request of the other."""
    program = Program("""
        class Store:
            def __init__(self): self.rows = {}
            def put(self): self.rows["a"] = 1
            def see(self): return [n for n in self.rows]
        store = None
        def new():
            global store
            store = Store()
        def put(): store.put()
        def see(): store.see()
    """)
    for name in ("put", "see"):
        with listening(program.lockset):
            program.space["new"]()
        program.ask(name)
    assert program.found() == []


def test_class_attributes_and_closures_are_named() -> None:
    """State on a class, in a variable of a factory, in a default argument, on a function."""
    program = Program("""
        class Page:
            hits = 0
            def show(self): Page.hits += 1; return self.hits
        def factory():
            visits = 0
            def view():
                nonlocal visits
                visits += 1
            return view
        view = factory()
        def show(): Page().show()
        def default(seen={}): seen["n"] = seen.get("n", 0) + 1
        def function(): function.calls = function.calls + 1
        function.calls = 0
    """)
    program.ask("show", "view", "default", "function")
    assert dict(map(reversed, program.found())) == {
        "shop.Page.hits": "IS105",
        "shop.view, variable visits": "IS104",
        "shop.default, default argument['n']": "IS110",
        "shop.function.calls": "IS104",
    }


def test_a_keys_own_methods_are_not_called() -> None:
    """Keys with an `__eq__` or `__hash__` of the program's are not looked at."""
    program = Program("""
        class Key:
            calls = 0
            def __hash__(self): Key.calls = Key.calls + 1; return 1
        key = Key()
        d = {}
        def put(): d[key] = 1
    """)
    program.ask("put")
    assert program.space["Key"].calls == 1


def test_accesses_during_a_collection_or_in_a_thread_do_not_deadlock() -> None:
    """The program's own `__del__` may run anywhere, even within the pass."""
    program = Program("""
        dead = {"n": 0}
        class Noisy:
            def __del__(self): dead["n"] = dead["n"] + 1
        def make():
            for _ in range(50):
                one = Noisy(); one.me = one
    """)
    program.ask(*["make"] * 5)
    gc.collect()
    assert program.space["dead"]["n"] == 250
    assert threading.active_count() >= 1
    program.candidates()


def test_a_program_at_the_limit_of_recursion() -> None:
    """What it hears of is its own affair; the pass goes on."""
    program = Program("""
        rows = {}
        count = 0
        def deep():
            rows["n"] = rows.get("n", 0) + 1
            deep()
        def limit():
            global count
            try:
                deep()
            except RecursionError:
                count += 1
    """)
    program.ask("limit", "limit")
    assert program.lockset.error is None
    assert ("IS101", "shop.count") in program.found()


def test_a_suite_that_makes_an_application_for_each_test() -> None:
    """Names begin with the last ones asked; those before are let go, however many there were."""
    lockset = Lockset(dict)
    applications = [SimpleNamespace(state={"n": 0}) for _ in range(10)]
    for number, application in enumerate([*applications, applications[-2]]):
        lockset.asked(application, f"application {number}")
    assert [words for words, _ in lockset.applications.values()] == [
        "application 7",
        "application 9",
        "application 10",
    ]


def test_what_has_no_name_is_not_looked_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that requests loop over and change, and that only a library holds."""
    program = Program(
        """
        def change():
            found = registry()
            for key in found:
                pass
            found["b"] = 1
            del found["b"]
        """
    )
    registry: dict[str, int] = {"a": 1}
    monkeypatch.setattr(builtins, "registry", lambda: registry, raising=False)
    walks: list[Any] = []
    find = Names.find

    def counted(names: Names, wanted: Any) -> Any:
        walks.append(wanted)
        return find(names, wanted)

    monkeypatch.setattr(Names, "find", counted)
    program.ask(*["change"] * 100)
    assert program.found() == []
    assert 0 < len(walks) <= 3 * TRIES
