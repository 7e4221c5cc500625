"""Once: one worker runs a block to its end, whoever fails or dies, and nobody after it."""

import multiprocessing
import os
import signal
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from callers import at_once, in_processes

from actors import Child, until
from instep import Conflict, LeaseLost, LockTimeout, Misuse, Space, StoreError
from instep.moving import dump, load
from instep.objects.once import Once
from instep.stores.memory import MemoryStore


def migrate(url: str, path: str) -> bool:
    """What each of many processes does: append a line, if it is the first."""
    space = Space(url, timeout=60)
    with space.once("migrate") as first:
        if first:
            with Path(path).open("a") as file:
                file.write(f"{os.getpid()}\n")
                time.sleep(0.2)
                file.write("done\n")
        else:
            assert Path(path).read_text().endswith("done\n")  # nobody goes on before
    space.close()
    return first


def begin_and_hang(url: str, begun: Any) -> None:
    """What the victim does."""
    with Space(url).once("migrate") as first:
        assert first
        begun.set()
        time.sleep(60)


def test_one_of_many_processes_runs_it(shared_place: str, tmp_path: Path) -> None:
    """Four processes at once: one runs the block, the others go on when it is done."""
    path = tmp_path / "log"
    found = in_processes(4, migrate, shared_place, str(path))
    assert sorted(found) == [False, False, False, True]
    assert len(path.read_text().splitlines()) == 2


def test_one_of_many_threads_runs_it(space: Space) -> None:
    """Eight threads with one and the same object: one runs it, and it is done for later ones."""
    once, ran = space.once("warm up"), []

    def work() -> bool:
        with once as first:
            if first:
                time.sleep(0.05)
                ran.append(1)
            assert ran == [1]
        return first

    assert sorted(at_once(8, work)) == [False] * 7 + [True]
    with space.once("warm up") as first:
        assert not first


def test_a_killed_runner_has_not_done_it(shared_place: str) -> None:
    """kill -9 in the middle: the next one has to, and waits no longer than for the hold."""
    space = Space(shared_place, timeout=60)
    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    victim = context.Process(target=begin_and_hang, args=(shared_place, begun), daemon=True)
    victim.start()
    try:
        assert begun.wait(60)
        with space.once("migrate", wait=False) as first:
            assert not first
        assert space.once("migrate").done is None
    finally:
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
    with space.once("migrate") as first:
        assert first
    with space.once("migrate") as first:
        assert not first
    space.close()


def test_a_block_that_raises_has_not_done_it(space: Space) -> None:
    """The error comes through as it is, the next one has to, and then it is done."""
    with pytest.raises(LookupError, match=r"^no such table$"), space.once("m") as first:
        raise LookupError("no such table")
    assert first
    assert space.once("m").done is None
    assert "m" not in space.names()
    with space.once("m") as second:
        assert second
    with pytest.raises(LookupError), space.once("m") as third:
        raise LookupError  # of one that had nothing to do
    assert not third
    assert space.once("m").done


def test_waiting_is_bounded(space: Space) -> None:
    """Whoever waits for longer than the timeout learns who is at it; `wait=False` skips at once."""
    begun, enough = threading.Event(), threading.Event()

    def slow() -> None:
        with space.once("m"):
            begun.set()
            enough.wait(30)

    thread = threading.Thread(target=slow)
    thread.start()
    try:
        assert begun.wait(30)
        with (
            pytest.raises(LockTimeout, match="m, held by process") as late,
            space.once("m", timeout=0.05),
        ):
            pytest.fail("two at once")
        assert late.value.holder is not None
        assert late.value.holder.pid == os.getpid()
        with space.once("m", wait=False) as first:
            assert not first
        assert not space.once("m", wait=False).run(pytest.fail, "two at once")
    finally:
        enough.set()
        thread.join()
    assert space.once("m", wait=False).run(pytest.fail) is False


def test_it_says_when_and_by_whom(space: Space) -> None:
    """The record has the time, the duration, host and pid; names and describe show it."""
    before = datetime.now(UTC)
    with space.once("m"):
        time.sleep(0.01)
    done = space.once("m").done
    assert done is not None
    assert (done.host, done.pid) == (socket.gethostname(), os.getpid())
    assert before <= done.at <= datetime.now(UTC) + timedelta(seconds=1)
    assert 0.01 <= done.took < 60
    assert space.names() == ["m"]
    shown = space.describe("m")
    assert (shown.kind, shown.version, shown.state) == ("once", 1, done._asdict())


def test_it_can_be_undone(space: Space) -> None:
    """After `delete` the next one has to do it again."""
    assert space.once("m").run(int)
    assert space.delete("m")
    assert space.once("m").run(int)


def test_run_calls_a_function(space: Space) -> None:
    """`run` passes arguments on, says whether it called, and lets errors through."""
    found: list[int] = []
    assert space.once("m").run(found.append, 7)
    assert not space.once("m").run(found.append, 8)
    assert found == [7]
    with pytest.raises(ZeroDivisionError):
        space.once("other").run(divmod, 1, 0)
    assert space.once("other").run(lambda *, n: found.append(n), n=9)
    assert found == [7, 9]


def test_inside_of_itself_it_is_refused(space: Space) -> None:
    """The same thread would wait for itself, through whichever object: Misuse, and it goes on."""
    with space.once("m", timeout=60) as first:
        assert first
        with pytest.raises(Misuse, match="this very thread"), space.once("m", timeout=60):
            pytest.fail("inside of itself")
        assert space.once("other").run(int)
    assert space.once("m").done


def test_inside_of_a_transaction_it_is_refused(space: Space) -> None:
    """It would be done although what it did is not committed; the other way round is fine."""
    hits = space.counter("hits")
    with space.transaction(hits), pytest.raises(Misuse, match="inside of a transaction"):
        space.once("m").run(hits.increment)
    with space.once("m"), space.transaction(hits):
        hits.increment()
    assert hits.value == 1
    assert space.once("m").done


def test_a_name_is_one_thing(space: Space) -> None:
    """A record or a declaration of another kind is refused, and nothing is lost."""
    assert space.counter("hits").increment() == 1
    with pytest.raises(Misuse, match="declared twice"):
        space.once("hits")
    other = Space("memory:")
    other._settings = space._settings
    with pytest.raises(Misuse, match="'hits' is a counter in the store"):
        other.once("hits").run(pytest.fail)
    other.once("m").run(int)
    with pytest.raises(Misuse, match="something done once"):
        space.counter("m").increment()
    assert space.counter("hits").value == 1


def test_a_damaged_record_counts_as_done(folder: str) -> None:
    """What cannot be read is not run a second time; the error says what to do."""
    space = Space(folder)
    space.opened().store.update(b"m", lambda _: (b"d\xc1", None), 1)
    with pytest.raises(StoreError, match="delete it"):
        space.once("m").run(pytest.fail)
    assert space.delete("m")
    assert space.once("m").run(int)
    space.close()


def test_a_paused_runner_is_refused(redis_server: Any) -> None:
    """Stopped for longer than its lease: another one does it, and the first gets LeaseLost."""
    url = f"{redis_server.url}?lease=1"

    def work() -> str:
        try:
            with Space(url).once("m") as first:
                assert first
                Path(f"/proc/{os.getpid()}/comm").write_text("begun")
                time.sleep(2)
        except LeaseLost:
            return "refused"
        return "done twice"

    child = Child(work)
    try:
        until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "begun\n")
        os.kill(child.pid, signal.SIGSTOP)
        space = Space(url, timeout=60)
        with space.once("m") as first:
            assert first
        done = space.once("m").done
        os.kill(child.pid, signal.SIGCONT)
        assert child.result() == "refused"
        assert space.once("m").done == done
        assert done is not None
        assert done.pid == os.getpid()
        space.close()
    finally:
        child.end()


def test_what_may_vanish_must_be_allowed(memcached_server: Any) -> None:
    """memcached forgets: refused at the declaration, unless it may be done again."""
    space = Space(memcached_server.url, timeout=30)
    with pytest.raises(Misuse, match=r"volatile=True\).once"):
        space.once("m")
    assert space.options(volatile=True).once("m").run(int)
    assert not space.options(volatile=True).once("m").run(int)
    space.close()


def test_it_is_undone_where_keys_cannot_be_listed(memcached_server: Any) -> None:
    """`delete` of a single record does not look for what memcached could not list."""
    space = Space(memcached_server.url, timeout=30)
    once = space.options(volatile=True).once("undone")
    assert once.run(int)
    assert space.delete("undone")
    assert once.done is None
    space.close()


def test_it_moves_with_its_store(space: Space) -> None:
    """A dump keeps it as it is, in plain words, and it stays done in the store it is loaded to."""
    space.once("m").run(int)
    file, target = BytesIO(), MemoryStore()
    store = space.opened().store
    dump(store, file)
    assert b'"kind": "once"' in file.getvalue()
    assert f'"pid": {os.getpid()}'.encode() in file.getvalue()
    load(BytesIO(file.getvalue()), target)
    before, after = store.read(b"m"), target.read(b"m")
    assert before is not None
    assert after is not None
    assert (after.data, after.version) == (before.data, before.version)


def test_a_forked_child_does_not_have_its_parents_turn(shared_place: str) -> None:
    """A child of the block waits like anybody else; the parent's end of the block counts."""
    space = Space(shared_place, timeout=0.05)

    def child(once: Once) -> str:
        try:
            with once as first:
                return f"first: {first}"
        except Conflict:
            return "waited"

    for once, found in ((space.once("m"), "waited"), (space.once("n", wait=False), "first: False")):
        with once as first:
            assert first
            assert Child(child, once).result() == found
        assert once.done
    space.close()


@pytest.mark.parametrize("timeout", [-1, float("nan"), "5", True])
def test_a_timeout_that_cannot_be(space: Space, timeout: Any) -> None:
    """Negative, not finite or not a number: Misuse when it is declared."""
    with pytest.raises(Misuse, match="timeout"):
        space.once("m", timeout=timeout)
