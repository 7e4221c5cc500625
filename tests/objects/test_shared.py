"""A call of a shared object is one atomic step, whose body runs once."""

import multiprocessing
import os
import signal
import threading
from typing import Any

import pytest
from callers import at_once, contents, held_by_another_thread, in_processes

from instep import LockTimeout, Misuse, Space, readonly


class SomeObj:
    """The seed of it all."""

    made = 0

    def __init__(self, param: int) -> None:
        type(self).made += 1
        self.param = param

    def query(self) -> int:
        """Add one."""
        self.param += 1
        return self.param


class Basket:
    """Nested state, and methods that try to leak it."""

    def __init__(self, items: list[Any] | None = None) -> None:
        self.items = [] if items is None else items
        self.prices: dict[str, list[int]] = {"tea": [3]}

    def add(self, item: Any) -> int:
        """Change something nested."""
        self.items.append(item)
        return len(self.items)

    def raise_price(self, of: str) -> None:
        """Change something deeper."""
        self.prices[of].append(self.prices[of][-1] + 1)

    def leak(self) -> list[Any]:
        """Hand out the inside."""
        return self.items

    def me(self) -> "Basket":
        """Hand out itself."""
        return self

    def keep_self(self, where: list[Any]) -> None:
        """Hand out itself behind the back."""
        where.append(self)

    def fail(self, item: Any) -> None:
        """Change and raise."""
        self.items.append(item)
        self.prices.clear()
        raise LookupError("of the class's own", item)

    def replace_and_fail(self) -> None:
        """Leave what cannot be stored, and raise."""
        self.items = threading.Lock()  # type: ignore[assignment]
        raise LookupError("of the class's own")

    def try_and_go_on(self, other: "Basket") -> str:
        """Call something that fails, and finish all the same."""
        self.items.append("before")
        try:
            other.fail("inner")
        except LookupError:
            self.items.append("after")
        return "done"

    @readonly
    def count(self) -> int:
        """Change nothing."""
        return len(self.items)

    @readonly
    def sneak(self) -> None:
        """Change something, against its word."""
        self.prices["tea"].append(0)

    @readonly
    def sneak_and_fail(self) -> None:
        """Change something, against its word, and raise."""
        self.prices.clear()
        raise LookupError("of the class's own")

    @property
    def sneaky(self) -> int:
        """Change something in a property."""
        self.items.append("sneaked")
        return len(self.items)

    @property
    def total(self) -> int:
        """Change nothing."""
        return len(self.items) * 3


def count_up(url: str, calls: int) -> list[int]:
    """What one of many processes does."""
    space = Space(url)
    numbers = space.share("obj", SomeObj, 0)
    found = [numbers.query() for _ in range(calls)]
    space.close()
    return [*found, SomeObj.made]


def test_every_call_gets_its_own_number(space: Space) -> None:
    """Of 8 threads with 50 calls each, nobody gets a number twice, and none is missing."""
    obj = space.share("obj", SomeObj, 0)
    numbers = [n for found in at_once(8, lambda: [obj.query() for _ in range(50)]) for n in found]
    assert sorted(numbers) == list(range(1, 401))
    assert obj.param == 400


def test_processes_share_one_object(shared_place: str) -> None:
    """Of 3 processes that begin at once, each runs each body once, and one runs the constructor."""
    found = in_processes(3, count_up, shared_place, 100)
    assert sorted(n for numbers in found for n in numbers[:-1]) == list(range(1, 301))
    assert sum(numbers[-1] for numbers in found) == 1


def test_constructor_runs_once_under_sixteen_threads(space: Space) -> None:
    """Whoever comes first makes the object, and the other 15 use what it made."""

    class Slow(SomeObj):
        def __init__(self) -> None:
            super().__init__(0)
            threading.Event().wait(0.01)  # lets the others come

    obj = space.share("slow", Slow)
    assert sorted(at_once(16, obj.query)) == list(range(1, 17))
    assert Slow.made == 1 + SomeObj.made


def test_declaring_touches_nothing(tmp_path: Any) -> None:
    """The store's folder is made at the first use, not when objects are declared."""
    space = Space(f"lmdb:{tmp_path / 'state'}")
    obj = space.share("obj", SomeObj, 0)
    space.counter("c"), space.mapping("m"), space.value("v"), space.lock("l")
    assert not (tmp_path / "state").exists()
    assert obj.query() == 1
    space.close()
    assert (tmp_path / "state").exists()


def test_a_call_that_raises_changes_nothing(space: Space) -> None:
    """The user's own exception arrives as it was raised, and the store is as before."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    before = contents(space)
    with pytest.raises(LookupError) as caught:
        basket.fail("cup")
    assert caught.value.args == ("of the class's own", "cup")
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert contents(space) == before


def test_even_a_system_exit_changes_nothing(space: Space) -> None:
    """What ends a thread or a process is no commit."""

    class Quitter:
        def __init__(self) -> None:
            self.n = 0

        def leave(self) -> None:
            self.n = 1
            raise SystemExit

    quitter = space.share("quitter", Quitter)
    with pytest.raises(SystemExit):
        quitter.leave()
    assert quitter.n == 0


def test_a_stop_iteration_passes_through(space: Space) -> None:
    """A StopIteration is the user's exception like any other, in nested calls as well."""

    class Numbers:
        def __init__(self) -> None:
            self.n = 0

        def __next__(self) -> int:
            self.n += 1
            if self.n > 2:
                raise StopIteration("end")
            return self.n

    numbers = space.share("numbers", Numbers)
    assert (next(numbers), next(numbers)) == (1, 2)
    with pytest.raises(StopIteration, match="end"), space.transaction(numbers):
        next(numbers)
    assert numbers.n == 2


def test_a_constructor_that_raises_leaves_no_object(space: Space) -> None:
    """The constructor's exception reaches the caller, and the next call runs it again."""

    class Picky:
        tries = 0

        def __init__(self) -> None:
            type(self).tries += 1
            if self.tries == 1:
                raise KeyError("not yet")

        def name(self) -> str:
            return "picky"

    picky = space.share("picky", Picky)
    with pytest.raises(KeyError, match="not yet"):
        picky.name()
    assert contents(space) == []
    assert picky.name() == "picky"


def test_what_the_constructor_was_given_is_not_the_state(space: Space) -> None:
    """The first call works on a copy too: a mutable argument neither changes nor is changed."""
    given: list[str] = []
    basket = space.share("basket", Basket, given)
    with pytest.raises(LookupError):
        basket.fail("cup")
    assert (given, basket.items) == ([], [])
    basket.add("tea")
    given.append("from outside")
    assert (given, basket.items) == (["from outside"], ["tea"])


def test_members_do_not_share_a_constructor_argument(space: Space) -> None:
    """A list that is given to a family is not one list for all of its members."""
    baskets = space.family("baskets", Basket, [])
    baskets["a"].add(1)
    baskets["b"].add(2)
    assert (baskets["a"].items, baskets["b"].items) == ([1], [2])


def test_nested_changes_are_stored(space: Space) -> None:
    """Lists in dictionaries in attributes are changed in place, as in any Python object."""
    basket = space.share("basket", Basket)
    basket.raise_price("tea")
    basket.raise_price("tea")
    assert basket.prices == {"tea": [3, 4, 5]}


def test_nothing_that_a_caller_keeps_can_change_the_store(space: Space) -> None:
    """A returned inside, a kept argument, a read attribute and a kept self are all copies."""
    basket = space.share("basket", Basket)
    argument: list[int] = []
    kept: list[Any] = []
    basket.add(argument)
    basket.keep_self(kept)
    before = contents(space)
    argument.append(1)
    basket.leak().append("x")
    basket.items.append("x")
    kept[0].items.append("x")
    kept[0].add("x")
    assert contents(space) == before
    assert basket.add("y") == 2


def test_returning_self_gives_the_proxy(space: Space) -> None:
    """What a fluent method returns goes on changing the shared object."""
    basket = space.share("basket", Basket)
    assert basket.me().add("tea") == 1
    assert basket.me().me().add("cup") == 2
    assert basket.items == ["tea", "cup"]
    with space.transaction(basket):
        basket.me().add("rice")
    assert basket.count() == 3


def test_returning_self_gives_an_equal_proxy(space: Space) -> None:
    """Two proxies of one object are equal, hash alike, and differ from those of another."""
    baskets = space.family("baskets", Basket)
    one = baskets["a"]
    assert one.me() == one == baskets["a"] != baskets["b"]
    assert len({one, one.me(), baskets["a"], baskets["b"]}) == 2


def test_an_unchanged_state_is_not_written(space: Space) -> None:
    """A call that changes nothing makes no commit: the version stays."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    before = contents(space)
    basket.leak()
    basket.me()
    assert contents(space) == before


def test_an_inner_call_that_fails_undoes_only_itself(space: Space) -> None:
    """What the outer call did before and does after a caught exception is committed."""
    outer, inner = space.share("outer", Basket), space.share("inner", Basket)
    inner.add("old")
    assert outer.try_and_go_on(inner) == "done"
    assert (outer.items, inner.items) == (["before", "after"], ["old"])
    assert inner.prices == {"tea": [3]}


def test_an_inner_call_on_the_same_object_is_undone_in_place(space: Space) -> None:
    """The outer call's own self is put back to what it was when the inner call began."""
    basket = space.share("basket", Basket)
    assert basket.try_and_go_on(basket) == "done"
    assert basket.items == ["before", "after"]
    assert basket.prices == {"tea": [3]}


def test_an_inner_call_that_leaves_rubbish_is_undone(space: Space) -> None:
    """Also a state that cannot be stored is put back, and the user's exception arrives."""
    basket, other = space.share("basket", Basket), space.share("other", Basket)
    with space.transaction(basket, other):
        basket.add("tea")
        other.add("cup")
        with pytest.raises(LookupError):
            basket.replace_and_fail()
        basket.add("rice")
    assert (basket.items, other.items) == (["tea", "rice"], ["cup"])


def test_an_outer_call_that_fails_undoes_the_inner_ones(space: Space) -> None:
    """Calls inside a call commit with it or not at all, on several objects."""
    inner, hits = space.share("inner", Basket), space.counter("hits")

    class Outer:
        def __init__(self) -> None:
            self.n = 0

        def go(self) -> None:
            self.n += 1
            inner.add("tea")
            hits.increment()
            assert (inner.items, hits.value) == (["tea"], 1)  # it sees its own changes
            raise LookupError

    outer = space.share("outer", Outer)
    with pytest.raises(LookupError):
        outer.go()
    assert (outer.n, inner.items, hits.value) == (0, [], 0)


def test_calls_inside_calls_join(space: Space) -> None:
    """An object that calls itself through its own proxy sees one state, committed once."""

    class Twice:
        def __init__(self) -> None:
            self.n = 0

        def inc(self) -> int:
            self.n += 1
            return self.n

        def both(self) -> tuple[int, int, int]:
            self.n += 10
            seen = twice.inc()
            self.n += 100
            return seen, twice.n, self.n

    twice = space.share("twice", Twice)
    assert twice.both() == (11, 111, 111)
    assert [version for _, version, _ in contents(space)] == [1]


def test_readonly_does_not_wait(space: Space) -> None:
    """Read-only methods, attributes and properties answer while another thread holds."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    with held_by_another_thread(space, basket):
        assert (basket.count(), basket.items, basket.total) == (1, ["tea"], 3)


def hold_and_report(url: str, held: Any, enough: Any) -> None:
    """What the other process does: hold until it is told otherwise."""
    space = Space(url)
    with space.transaction(space.share("basket", Basket)):
        held.set()
        enough.wait(30)
    space.close()


def test_another_process_that_holds_is_waited_for_and_named(shared_place: str) -> None:
    """A reader passes by a holder in another process; a caller gets a LockTimeout that names it."""
    context = multiprocessing.get_context("spawn")
    held, enough = context.Event(), context.Event()
    process = context.Process(
        target=hold_and_report, args=(shared_place, held, enough), daemon=True
    )
    process.start()
    space = Space(shared_place, timeout=0.05)
    basket = space.share("basket", Basket)
    try:
        assert held.wait(60)
        assert space.names() == []  # its constructor's work is not committed yet
        with pytest.raises(LockTimeout) as caught:
            basket.add("tea")
        assert (caught.value.name, caught.value.timeout) == ("basket", 0.05)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == process.pid
        assert str(process.pid) in str(caught.value)
    finally:
        enough.set()
        process.join(30)
    assert basket.add("tea") == 1
    space.close()


class Fatal(SomeObj):
    """An object with a call that does not end."""

    def begin_and_hang(self, begun: Any) -> None:
        """Change everything, say so, and go on for ever."""
        self.param = 1000
        begun.set()
        threading.Event().wait(60)


def hang(url: str, begun: Any) -> None:
    """What the victim does."""
    space = Space(url)
    fatal, hits = space.share("fatal", Fatal, 0), space.counter("hits")
    with space.transaction(hits):
        hits.increment()
        fatal.begin_and_hang(begun)


def test_a_killed_call_never_happened(shared_place: str) -> None:
    """kill -9 in the middle of a call: nothing of it is there, and the next one does not wait."""
    space = Space(shared_place, timeout=0.05)
    fatal, hits = space.share("fatal", Fatal, 0), space.counter("hits")
    fatal.query(), hits.increment()
    before = contents(space)
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    victim = context.Process(target=hang, args=(shared_place, begun), daemon=True)
    victim.start()
    try:
        assert begun.wait(60)
        for call in (fatal.query, hits.increment):
            with pytest.raises(LockTimeout):
                call()
    finally:
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    assert contents(space) == before
    patient = Space(shared_place, timeout=10)  # a lease has to end, where holds are leases
    fatal, hits = patient.share("fatal", Fatal, 0), patient.counter("hits")
    assert (fatal.query(), hits.increment()) == (2, 2)
    space.close()


def test_readonly_that_changes_something_is_misuse(space: Space) -> None:
    """It is told so, inside and outside of a transaction, and nothing is changed."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    before = contents(space)
    with pytest.raises(Misuse, match=r"sneak.*basket"):
        basket.sneak()
    with space.transaction(basket):
        with pytest.raises(Misuse, match=r"sneak.*basket"):
            basket.sneak()
        assert basket.prices == {"tea": [3]}
    assert contents(space) == before


def test_a_property_that_changes_something_is_misuse(space: Space) -> None:
    """Reading an attribute never writes, neither at once nor with the transaction around it."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    before = contents(space)
    with pytest.raises(Misuse, match="basket"):
        _ = basket.sneaky
    with pytest.raises(Misuse), space.transaction(basket):
        _ = basket.sneaky
    assert contents(space) == before


def test_a_readonly_that_raises_changes_nothing(space: Space) -> None:
    """What it changed before it raised is undone, in a transaction that goes on as well."""
    basket = space.share("basket", Basket)
    basket.add("tea")
    with pytest.raises(LookupError):
        basket.sneak_and_fail()
    with space.transaction(basket):
        with pytest.raises(LookupError):
            basket.sneak_and_fail()
        basket.add("cup")
    assert (basket.items, basket.prices) == (["tea", "cup"], {"tea": [3]})


def test_a_state_may_be_odd_in_the_middle_of_a_call(space: Space) -> None:
    """What cannot be stored may lie in an attribute while other objects are called."""
    other = space.share("other", SomeObj, 0)

    class Worker:
        def __init__(self) -> None:
            self.done = 0

        def work(self) -> int:
            self.tool = threading.Lock()
            self.done += other.query()
            del self.tool
            return self.done

    worker = space.share("worker", Worker)
    assert (worker.work(), worker.work(), other.param) == (1, 3, 2)


def test_readonly_sees_the_transaction_it_is_in(space: Space) -> None:
    """In a transaction a read-only method and an attribute see what was changed in it."""
    basket = space.share("basket", Basket)
    with space.transaction(basket):
        basket.add("tea")
        assert (basket.count(), basket.total, basket.items) == (1, 3, ["tea"])


def test_the_size_limit_is_for_one_record(space: Space) -> None:
    """A state of just under a mebibyte is stored; `max_record` allows or forbids as it says."""
    basket = space.share("basket", Basket)
    basket.add("x" * ((1 << 20) - 200))
    with pytest.raises(Misuse, match=r"basket.* 1,0\d\d,\d\d\d bytes.*mapping"):
        basket.add("x" * 300)
    assert basket.count() == 1
