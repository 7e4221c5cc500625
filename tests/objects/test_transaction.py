"""Several objects in one transaction: both or neither; what is called in it joins."""

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable

import pytest
from callers import at_once, contents, held_by_another_thread, in_processes

from instep import LockTimeout, Misuse, Space


class Account:
    """Money."""

    def __init__(self, balance: int = 100) -> None:
        self.balance = balance

    def add(self, n: int) -> int:
        """Put in or take out; never below nothing."""
        self.balance += n
        if self.balance < 0:
            raise ValueError("not enough")
        return self.balance


def move(space: Space, one: Account, other: Account, n: int = 1) -> None:
    """Transfer in one step."""
    with space.transaction(one, other):
        one.add(-n)
        other.add(n)


def transfer(url: str, turn: int) -> int:
    """What one of many processes does: transfers, and looks at the sum after each."""
    space = Space(url)
    a, b = space.share("a", Account), space.share("b", Account)
    wrong = 0
    for step in range(100):
        move(space, *((a, b) if (step + turn) % 2 else (b, a)))
        with space.transaction(a, b):
            wrong += a.balance + b.balance != 200
    space.close()
    return wrong


def test_both_or_neither(space: Space) -> None:
    """A block that raises half-way leaves both as they were; one that ends commits both."""
    a, b = space.share("a", Account), space.share("b", Account)
    move(space, a, b, 30)
    before = contents(space)
    with pytest.raises(ValueError, match="not enough"), space.transaction(a, b):
        b.add(500)
        a.add(-500)
    assert contents(space) == before
    assert (a.balance, b.balance) == (70, 130)


def test_threads_with_opposite_orders_never_deadlock(space: Space) -> None:
    """Two threads that name the same objects in opposite orders both come through."""
    a, b = space.share("a", Account), space.share("b", Account)
    pairs = iter([(a, b), (b, a)] * 2)
    lock = threading.Lock()

    def work() -> None:
        with lock:
            one, other = next(pairs)
        for _ in range(50):
            move(space, one, other)

    at_once(4, work)
    assert (a.balance, b.balance) == (100, 100)


def test_processes_never_see_half_a_transfer(folder: str) -> None:
    """While two processes transfer in opposite orders, the sum is the same in every transaction."""
    assert in_processes(2, transfer, folder, 1) == [0, 0]


def test_nested_blocks_are_one_transaction(space: Space) -> None:
    """A block inside a block commits with the outer one, and may be undone by itself."""
    a, b = space.share("a", Account), space.share("b", Account)
    a.add(0), b.add(0)
    with space.transaction(a):
        a.add(1)
        with space.transaction(b, a):
            b.add(1)
        with pytest.raises(ValueError, match="not enough"), space.transaction(b):
            b.add(1)
            a.add(-1000)
        assert (a.balance, b.balance) == (101, 101)
    assert (a.balance, b.balance) == (101, 101)
    assert {version for _, version, _ in contents(space)} == {2}


def test_everything_joins_and_is_rolled_back(space: Space) -> None:
    """Counters, values, entries and members change with the transaction or not at all."""
    hits, banner, stock = space.counter("hits"), space.value("banner"), space.mapping("stock")
    accounts = space.family("accounts", Account)
    hits.increment(), banner.set("old"), stock.update(tea=1, rice=2), accounts["x"].add(1)
    before = contents(space)

    def everything() -> None:
        assert (hits.increment(), hits.value) == (2, 2)
        hits.reset(50)
        assert banner.swap("new") == "old"
        assert banner.update(str.upper) == banner.get() == "NEW"
        assert banner.compare_and_set("NEW", "newer")
        assert stock.compute("tea", lambda n: n + 1) == stock["tea"] == 2
        assert (stock.pop("rice"), stock.setdefault("cup", 3), "rice" in stock) == (2, 3, False)
        assert (dict(stock), len(stock)) == ({"tea": 2, "cup": 3}, 2)
        assert stock.popitem()[0] in ("tea", "cup")
        assert accounts["y"].add(1) == 101
        del accounts["x"]
        assert (list(accounts), "x" in accounts, len(accounts)) == (["y"], False, 1)

    with pytest.raises(RuntimeError), space.transaction(hits, banner, accounts["x"]):
        everything()
        raise RuntimeError
    assert contents(space) == before
    with space.transaction():
        everything()
    assert (hits.value, banner.get(), len(stock), list(accounts)) == (50, "newer", 1, ["y"])


def test_two_callers_never_lose_an_update_that_a_transaction_read(space: Space) -> None:
    """What a transaction has read of an object nobody changes before it ends."""
    a = space.share("a", Account, 0)
    a.add(0)
    outside = threading.Thread(target=a.add, args=(1,))
    with space.transaction():
        seen = a.balance
        outside.start()
        outside.join(0.05)
        a.add(seen + 1 - a.balance)  # to what was seen, plus one
    outside.join()
    assert a.balance == 2


def test_deleting_and_making_anew_in_one_transaction(space: Space) -> None:
    """A member that is deleted in a transaction begins anew at its next use in it."""
    accounts = space.family("accounts", Account)
    accounts["x"].add(11)
    with space.transaction(accounts["x"]):
        del accounts["x"]
        with pytest.raises(KeyError):
            del accounts["x"]
        assert accounts["x"].add(1) == 101
    assert accounts["x"].balance == 101
    hits = space.counter("hits")
    with space.transaction():
        hits.increment()
        assert space.delete("hits")
        assert hits.value == 0
    assert space.names() == ["accounts"]


def test_a_transaction_of_two_spaces_is_refused(space: Space) -> None:
    """At once for what is named, and at the call for what is not; nothing is changed."""
    other = Space("memory:")
    mine, foreign = space.share("a", Account), other.share("a", Account)
    for thing in (foreign, other.counter("c"), other.value("v")):
        with pytest.raises(Misuse, match=r"two"), space.transaction(mine, thing):
            pytest.fail("the block was entered")
    for call in (lambda: foreign.add(1), other.counter("c").increment):
        with pytest.raises(Misuse, match="two stores"), space.transaction(mine):
            mine.add(1)
            call()
    assert (contents(other), mine.balance) == ([], 100)


def test_another_spaces_entries_are_not_mixed_in(space: Space) -> None:
    """In a transaction, names that two spaces both have do not show each other's entries."""
    other = Space("memory:")
    other.mapping("m")["theirs"] = 1
    other.family("f", Account)["theirs"].add(1)
    with space.transaction():
        space.mapping("m")["mine"] = 1
        space.family("f", Account)["mine"].add(1)
        for look, right in (
            (lambda: list(other.mapping("m")), ["theirs"]),
            (lambda: dict(other.mapping("m").items()), {"theirs": 1}),
            (lambda: len(other.mapping("m")), 1),
            (lambda: list(other.family("f", Account)), ["theirs"]),
            (lambda: "mine" in other.family("f", Account), False),
        ):
            try:
                seen = look()
            except Misuse:
                continue  # to refuse it is as good
            assert seen == right
    assert (len(other.mapping("m")), len(space.mapping("m"))) == (1, 1)


def test_asking_for_a_member_in_a_transaction_keeps_others_out(space: Space) -> None:
    """`if key not in family` and what follows is one step inside a transaction."""
    accounts = space.family("accounts", Account, 0)
    outside = threading.Thread(target=lambda: accounts["x"].add(10))
    with space.transaction():
        assert "x" not in accounts
        outside.start()
        outside.join(0.05)
        assert accounts["x"].add(1) == 1
    outside.join()
    assert accounts["x"].balance == 11


def test_two_spaces_of_one_store_are_one(folder: str) -> None:
    """Two Space objects on one folder share their transactions."""
    one, two = Space(folder), Space(folder)
    a, b = one.share("a", Account), two.share("b", Account)
    move(one, a, b, 5)
    assert (two.share("a", Account).balance, b.balance) == (95, 105)
    one.close()


def test_what_cannot_be_held_is_refused(space: Space) -> None:
    """Mappings and families as a whole, locks and strangers: Misuse that says why."""
    account = space.share("a", Account)
    for thing in (space.mapping("m"), space.family("f", Account), space.lock("l"), 5, None, "a"):
        with pytest.raises(Misuse), space.transaction(account, thing):
            pytest.fail("the block was entered")
    assert contents(space) == []


def test_after_commit_runs_in_order_when_it_is_committed(space: Space) -> None:
    """Side effects of outer and inner calls run after the commit, in the order given."""
    seen: list[object] = []

    class Shop:
        def __init__(self) -> None:
            self.sold = 0

        def sell(self) -> None:
            self.sold += 1
            space.after_commit(seen.append, "mail")
            space.after_commit(lambda: seen.append(shop.sold))  # another transaction sees it
            assert seen == []

    shop = space.share("shop", Shop)
    with space.transaction(shop):
        space.after_commit(seen.append, "first")
        shop.sell()
        assert seen == []
    assert seen == ["first", "mail", 1]
    seen.clear()
    shop.sell()
    assert seen == ["mail", 2]
    space.after_commit(seen.append, "at once")
    assert seen[-1] == "at once"


def test_after_commit_is_dropped_with_a_rollback(space: Space) -> None:
    """What an undone call, or an undone inner call, wanted to do afterwards does not happen."""
    seen: list[str] = []
    account = space.share("a", Account)
    with pytest.raises(ValueError, match="outer"), space.transaction(account):
        space.after_commit(seen.append, "never")
        raise ValueError("outer")
    with space.transaction(account):
        space.after_commit(seen.append, "before")
        with pytest.raises(ValueError, match="inner"), space.transaction(account):
            space.after_commit(seen.append, "never")
            raise ValueError("inner")
        space.after_commit(seen.append, "after")
    assert seen == ["before", "after"]


def test_a_failing_after_commit_is_logged_and_undoes_nothing(
    space: Space, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit stands, and the later ones run all the same."""
    seen: list[str] = []
    account = space.share("a", Account)
    with caplog.at_level(logging.ERROR, "instep"), space.transaction(account):
        account.add(1)
        space.after_commit({}.__getitem__, "missing")
        space.after_commit(seen.append, "second")
    assert (account.balance, seen) == (101, ["second"])
    assert "after_commit" in caplog.text
    assert "KeyError" in caplog.text


def test_a_thread_with_a_copied_context_does_not_join(space: Space) -> None:
    """A thread that is started inside is outside, although it carries the context."""
    a, b = space.share("a", Account), space.share("b", Account)
    with pytest.raises(RuntimeError), space.transaction(a):
        a.add(1)
        run = contextvars.copy_context().run
        thread = threading.Thread(target=run, args=(b.add, 1))
        thread.start()
        thread.join()
        raise RuntimeError
    assert (a.balance, b.balance) == (100, 101)


def test_a_transaction_that_has_ended_is_not_joined(space: Space) -> None:
    """A context that was copied inside and is used afterwards commits for itself."""
    a = space.share("a", Account)
    contexts = []
    with space.transaction(a):
        contexts.append(contextvars.copy_context())
    with pytest.raises(RuntimeError), space.transaction(a):
        contexts.append(contextvars.copy_context())
        raise RuntimeError
    for context in contexts:
        context.run(a.add, 1)
    assert a.balance == 102


def test_a_task_that_was_made_inside_does_not_lose_its_call(space: Space) -> None:
    """asyncio copies the context into tasks: one that runs later commits for itself."""
    a = space.share("a", Account)

    async def later() -> None:
        a.add(1)

    async def main() -> None:
        with space.transaction(a):
            task = asyncio.get_running_loop().create_task(later())
        await task

    asyncio.run(main())
    assert a.balance == 101


def test_a_fork_inside_a_transaction_is_the_parents_alone(folder: str) -> None:
    """The child is not in it: it waits for the parent, and cannot commit in its place."""
    space = Space(folder, timeout=0.05)
    a = space.share("a", Account)
    a.add(0)

    def child() -> int:
        try:
            a.add(1000)
        except LockTimeout:
            return 0
        return 1

    with space.transaction(a):
        a.add(1)
        assert _forked(child) == 0
        a.add(1)
    assert a.balance == 102
    assert _forked(lambda: a.add(1) - 103) == 0
    assert a.balance == 103
    space.close()


def test_a_child_cannot_leave_its_parents_transaction(folder: str) -> None:
    """A child that comes to the end of the block gets Misuse; only the parent commits."""
    space = Space(folder, timeout=1)
    a = space.share("a", Account)
    a.add(0)
    pid = None
    try:
        with space.transaction(a):
            a.add(1)
            pid = os.fork()
    except Misuse:
        if pid == 0:
            os._exit(7)
        raise
    finally:
        if pid == 0:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid or 0, 0)[1]) == 7
    assert (a.balance, contents(space)[0][1]) == (101, 2)
    space.close()


def _forked(function: Callable[[], int]) -> int:
    """The exit code of a forked child that runs a function."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(function())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_nesting_a_hundred_deep_is_misuse(space: Space) -> None:
    """A recursion without end gets a clear error, and nothing of it stays; 50 deep is fine."""

    class Deep:
        def __init__(self) -> None:
            self.n = 0

        def down(self, levels: int) -> int:
            self.n += 1
            return deep.down(levels - 1) if levels else self.n

    deep = space.share("deep", Deep)
    assert deep.down(50) == 51
    before = contents(space)
    with pytest.raises(Misuse, match="deep"):
        deep.down(100)
    assert contents(space) == before
    assert deep.down(0) == 52


@pytest.mark.parametrize("kind", ["memory", "lmdb"])
def test_waiting_for_a_held_object_ends_in_lock_timeout(kind: str, folder: str) -> None:
    """The error names the object, the wait and the holder, and a failed wait holds nothing."""
    space = Space("memory:" if kind == "memory" else folder, timeout=0.05)
    a, b = space.share("a", Account), space.share("b", Account)
    with held_by_another_thread(space, a):
        with pytest.raises(LockTimeout) as caught, space.transaction(b, a):
            pytest.fail("the block was entered")
        assert (caught.value.name, caught.value.timeout) == ("a", 0.05)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == os.getpid()
        assert at_once(1, lambda: b.add(1)) == [101]  # it was not left held
    assert a.add(1) == 101
    space.close()


def test_a_lock_timeout_names_members_and_entries(folder: str) -> None:
    """The name is the one that the program uses, not the store's key."""
    space = Space(folder, timeout=0.02)
    accounts, stock = space.family("accounts", Account), space.mapping("stock")

    def refused() -> list[str]:
        names = []
        for use in (lambda: accounts["x"].add(1), lambda: stock.pop("tea", None)):
            with pytest.raises(LockTimeout) as caught:
                use()
            assert caught.value.name in str(caught.value)
            names.append(caught.value.name)
        return names

    with space.transaction(accounts["x"]):
        stock["tea"] = 1
        assert at_once(1, refused) == [["accounts['x']", "stock['tea']"]]
    space.close()


def test_deleting_waits_for_the_holder(folder: str) -> None:
    """What somebody is changing is not deleted from under them."""
    space = Space(folder, timeout=0.02)
    account = space.share("a", Account)
    account.add(1)
    with held_by_another_thread(space, account), pytest.raises(LockTimeout):
        space.delete("a")
    assert account.balance == 101
    space.close()


def test_a_deadlock_of_nested_calls_ends_and_says_both_orders(folder: str) -> None:
    """Two threads that hold one object each and want the other's do not hang."""
    space = Space(folder, timeout=0.3)
    a, b = space.share("first", Account), space.share("second", Account)
    barrier = threading.Barrier(2)
    pairs = iter([(a, b), (b, a)])

    def cross() -> str:
        one, other = next(pairs)
        try:
            with space.transaction(one):
                one.add(1)
                barrier.wait()
                other.add(1)
        except LockTimeout as error:
            return str(error)
        return ""

    messages = at_once(2, cross)
    said = " ".join(messages)
    assert "Deadlock" in said
    assert "first" in said
    assert "second" in said
    assert a.balance + b.balance == 200 + 2 * messages.count("")
    space.close()


def test_one_key_is_one_kind_in_a_transaction(folder: str) -> None:
    """Two programs that mean different things by one name are told so inside a transaction too."""
    mine, other = Space(folder), Space(folder)

    class Stranger:
        def name(self) -> str:
            return type(self).__name__

    a = mine.share("x", Account)
    a.add(1)
    stranger = other.share("x", Stranger)
    counter, value = Space(folder).counter("x"), Space(folder).value("x")
    for wrong in (stranger.name, counter.increment, value.get, lambda: value.set(1)):
        with pytest.raises(Misuse, match="x"):
            wrong()
        with pytest.raises(Misuse, match="x"), mine.transaction(a):
            wrong()
    assert a.balance == 101
    mine.close()
