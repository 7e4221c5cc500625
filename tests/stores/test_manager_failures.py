"""A manager's server and its clients are killed, stopped, cut off and started again."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from actors import Child, Gate, alone, until
from crowd import born_in_a_hold, count_by_hold, count_on_one_key
from instep.errors import LeaseLost, LockTimeout, StoreError
from instep.stores.base import Store
from instep.stores.change import Add, Put
from instep.stores.manager import ManagerStore
from instep.stores.manager.hold import ManagerHold
from instep.stores.manager.place import place
from instep.stores.manager.wire import ADD, COMMIT, LENGTH, PUT, SWAP
from instep.testing.steps import LONG, add_one, data, put
from manager_server import Manager
from proxy import Proxy

Fork = Callable[..., Child]
ERRORS = (StoreError, LeaseLost)


@pytest.fixture
def server() -> Iterator[Manager]:
    """A server of the test's own."""
    with Manager() as server:
        yield server


@pytest.fixture
def store(server: Manager) -> Iterator[Store]:
    """A store on it."""
    with closing(opened(server.url)) as store:
        yield store


@pytest.fixture
def far() -> Iterator[tuple[Manager, Proxy]]:
    """A server on a port, behind a proxy."""
    with Manager(tcp=True) as server, Proxy("127.0.0.1", server.port) as proxy:
        yield server, proxy


def opened(url: str) -> Store:
    """A store of its own, as another process has it."""
    return ManagerStore(place(url))


def asks(code: int) -> Callable[[bytes], bool]:
    """Whether a request is of a kind."""
    return lambda data: data[LENGTH.size : LENGTH.size + 1] == bytes([code])


def hold_on(url: str, taken: Gate, go: Gate) -> str:
    """In a process: hold a key until told to go on, then commit."""
    with closing(opened(url)) as store, store.hold((b"n",), LONG) as hold:
        hold.load(b"n")
        taken.open()
        go.pass_through(60)
        hold.commit({b"n": b"by the holder"})
    return "committed"


one_more = Add(1, 0, b"c", lambda old: 0, lambda number: b"c%x" % number)


class TestClients:
    """What becomes of a hold when its process is killed, stopped or forked."""

    def test_a_killed_holder_frees_at_once(self, server: Manager, store: Store, fork: Fork) -> None:
        """Who waits gets the key when the kernel closes the dead one's connection."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, server.url, taken, go)
        taken.pass_through()
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(store.hold, (b"n",), LONG)
            time.sleep(0.05)
            assert not waits.done()
            child.kill()
            waits.result(LONG).release()
        assert data(store, b"n") is None

    def test_a_stopped_holder_is_named_and_commits_later(
        self, server: Manager, store: Store, fork: Fork
    ) -> None:
        """Its hold is no lease: others wait, a bounded time, and learn whom for."""
        taken, go = Gate(), Gate()
        child = fork(hold_on, server.url, taken, go)
        taken.pass_through()
        os.kill(child.pid, signal.SIGSTOP)
        for attempt in (lambda: store.hold((b"n",), 0.2), lambda: store.update(b"n", put(b"x"), 0)):
            with pytest.raises(LockTimeout) as caught:
                attempt()
            assert caught.value.holder is not None
            assert caught.value.holder.pid == child.pid
        os.kill(child.pid, signal.SIGCONT)
        go.open()
        assert child.result() == "committed"
        assert data(store, b"n") == b"by the holder"

    def test_a_fork_does_not_keep_a_dead_parents_hold(
        self, server: Manager, store: Store, fork: Fork
    ) -> None:
        """The child closes its copies of the connections, so the server sees the parent's end."""
        taken = Gate()

        def parent() -> None:
            with closing(opened(server.url)) as mine:
                hold = mine.hold((b"n",), LONG)
                if not os.fork():
                    hold.release()  # which is the parent's, and stays
                    with pytest.raises(LockTimeout):
                        mine.hold((b"n",), 0)
                    taken.open()
                    time.sleep(20)
                    os._exit(0)
                time.sleep(60)

        child = fork(parent)
        taken.pass_through()
        with pytest.raises(LockTimeout) as caught:
            store.hold((b"n",), 0)
        assert caught.value.holder is not None
        assert caught.value.holder.pid == child.pid
        child.kill()
        store.hold((b"n",), LONG).release()

    @pytest.mark.parametrize("plain", [False, True], ids=["hooks", "no-hooks"])
    def test_a_fork_inside_a_hold_has_none(self, server: Manager, plain: bool) -> None:
        """A commit in the child is the parent's affair; the parent's own goes through."""
        alone(born_in_a_hold, server.url, plain)

    def test_processes_and_threads_on_one_key(
        self, server: Manager, store: Store, fork: Fork
    ) -> None:
        """Every number once, by holds and updates at the same time."""
        assert count_on_one_key(fork, server.url, 100) == 800
        assert data(store, b"n") == b"800"

    def test_an_interrupted_call_leaves_no_answer_behind(self, store: Store) -> None:
        """Whoever is thrown out of a wait takes the connection along, and its place in the line."""

        class Thrown(BaseException):
            pass

        def throw(*_: object) -> None:
            raise Thrown

        before = signal.signal(signal.SIGALRM, throw)
        try:
            with closing(opened(store.url)) as other, other.hold((b"n",), LONG):
                for attempt in (
                    lambda: store.hold((b"n",), LONG),
                    lambda: store.update(b"n", put(b"x"), LONG),
                ):
                    signal.setitimer(signal.ITIMER_REAL, 0.1)
                    with pytest.raises(Thrown):
                        attempt()
            assert store.update(b"n", lambda old: (b"a", old), LONG) is None
            assert data(store, b"n") == b"a"
        finally:
            signal.signal(signal.SIGALRM, before)


class TestServer:
    """What becomes of the clients when the server is killed, stopped or started again."""

    def test_none_is_there(self, server: Manager, store: Store) -> None:
        """The error says how to start one; what was idle is no harm when it has come back."""
        store.update(b"n", put(b"a"), LONG)
        server.kill()
        for attempt in (
            lambda: store.read(b"n"),
            lambda: store.hold((b"n",), LONG),
            lambda: store.update(b"n", put(b"b"), LONG),
            lambda: store.scan(b""),
        ):
            with pytest.raises(StoreError, match="instep serve manager:"):
                attempt()
        server.start()
        assert data(store, b"n") is None
        assert store.update(b"n", add_one, LONG) == 1

    def test_a_killed_one_ends_the_holds(self, server: Manager, store: Store) -> None:
        """Whoever comes to the end of a call is told that the server began anew."""
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            server.kill()
            with pytest.raises(StoreError, match="no manager is there"):
                hold.commit({b"n": b"a"})
        server.start()
        with store.hold((b"n",), LONG) as hold:
            server.restart()
            with pytest.raises(StoreError, match="began anew"):
                hold.commit({b"n": b"a"})
        with store.hold((b"n",), LONG) as hold:
            server.restart()
            with pytest.raises(StoreError, match="began anew"):
                hold.extend((b"m",), LONG)
        assert data(store, b"n") is None

    def test_restarts_under_load(self, server: Manager, store: Store) -> None:
        """Callers fail with a StoreError or succeed; none hangs, and all go on afterwards."""
        stop, done = threading.Event(), [0] * 4

        def load(number: int) -> int:
            failed = 0
            while not stop.is_set():
                try:
                    if number % 2:
                        count_by_hold(store, b"n")
                    else:
                        store.update(b"n", add_one, LONG)
                    done[number] += 1
                except StoreError:
                    failed += 1
                    time.sleep(0.01)
            return failed

        with ThreadPoolExecutor(4) as pool:
            workers = [pool.submit(load, number) for number in range(4)]
            for _ in range(3):
                time.sleep(0.3)
                server.kill()
                server.start()
            before = done[:]
            try:
                until(lambda: all(now > then for now, then in zip(done, before, strict=True)))
            finally:
                stop.set()
            assert sum(worker.result(LONG) for worker in workers) > 0

    def test_a_stopped_one(
        self, server: Manager, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A call ends in an error that says so, and whether it was made is not guessed."""
        monkeypatch.setattr("instep.stores.manager.line.PATIENCE", 0.5)
        store.update(b"n", put(b"a"), LONG)
        server.pause()
        try:
            with pytest.raises(StoreError, match="stopped"):
                store.read(b"n")
            with pytest.raises(StoreError, match="does not answer"):
                store.update(b"n", put(b"b"), 0)
        finally:
            server.resume()
        assert data(store, b"n") in (b"a", b"b")

    def test_a_signal_ends_it_and_removes_its_socket(self, server: Manager) -> None:
        """The next one begins without a trace of it, but for the key."""
        path = server.folder / "s"
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
        key = server.keyfile.read_bytes()
        server.stop()
        assert not path.exists()
        server.start()
        assert server.keyfile.read_bytes() == key
        assert server.logged() == ""


class TestConnections:
    """Connections that break."""

    def test_a_lost_answer_is_asked_for(self, far: tuple[Manager, Proxy]) -> None:
        """A commit and an update that were made are not made again."""
        server, proxy = far
        with closing(opened(server.url_at(proxy.port))) as store:
            for code, write in (
                (COMMIT, lambda: count_by_hold(store, b"n")),
                (SWAP, lambda: store.update(b"n", add_one, LONG)),
                (PUT, lambda: store.update(b"m", Put(b"c8", lambda old: None), LONG)),
                (ADD, lambda: store.update(b"m", one_more, LONG)),
            ):
                store.update(b"m", put(b"c0"), LONG)
                lost = proxy.swallow_answer(asks(code))
                write()
                assert lost.spent
            assert data(store, b"n") == b"2"
            assert data(store, b"m") == b"c1"

    def test_a_lost_request_is_known_not_to_be_made(self, far: tuple[Manager, Proxy]) -> None:
        """The hold has ended with its connection, and the commit says so."""
        server, proxy = far
        with closing(opened(server.url_at(proxy.port))) as store:
            lost = proxy.lose_request(asks(COMMIT))
            with pytest.raises(LeaseLost, match="nothing was written"):
                count_by_hold(store, b"n")
            assert lost.spent
            assert data(store, b"n") is None
            assert count_by_hold(store, b"n") == 1

    def test_a_hold_that_lost_its_connection_is_over(self, far: tuple[Manager, Proxy]) -> None:
        """It is told at the next thing it does, also if that writes nothing."""
        server, proxy = far
        with closing(opened(server.url_at(proxy.port))) as store:
            for last in (
                lambda hold: hold.commit({b"n": b"a"}),
                lambda hold: hold.commit({}),
                lambda hold: hold.extend((b"m",), LONG),
            ):
                with store.hold((b"n",), LONG) as hold:
                    hold.load(b"n")
                    proxy.cut()
                    with pytest.raises(LeaseLost):
                        last(hold)
            store.update(b"n", put(b"a"), LONG)
            hold = store.hold((b"n",), LONG)
            proxy.cut()
            hold.release()
            store.hold((b"n",), LONG).release()

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_random_cuts_lose_nothing_and_double_nothing(
        self, far: tuple[Manager, Proxy], seed: int
    ) -> None:
        """What was acknowledged is there, once; what was refused is not."""
        server, proxy = far
        proxy.cut_randomly(0.02, seed)

        def load(by_hold: bool) -> int:
            done = 0
            for _ in range(150):
                try:
                    if by_hold:
                        count_by_hold(store, b"n")
                    else:
                        store.update(b"n", add_one, LONG)
                    done += 1
                except LeaseLost:
                    pass
            return done

        with closing(opened(server.url_at(proxy.port))) as store:
            with ThreadPoolExecutor(4) as pool:
                workers = [pool.submit(load, bool(number % 2)) for number in range(4)]
                made = sum(worker.result(120) for worker in workers)
            proxy.cut_randomly(0, 0)
            assert proxy.cuts > 10
            assert int(data(store, b"n") or b"0") == made

    def test_a_request_on_its_way_is_not_made_after_it_was_given_up(
        self, far: tuple[Manager, Proxy]
    ) -> None:
        """Asking for the outcome ends the old connection, whatever may still come on it."""
        server, proxy = far
        with (
            closing(opened(server.url_at(proxy.port))) as store,
            closing(opened(server.url)) as near,
        ):
            hold = store.hold((b"n",), LONG)
            hold.load(b"n")
            assert isinstance(hold, ManagerHold)
            line = hold.line
            assert line is not None
            assert near._lines.recover(line, time.monotonic() + LONG) is None  # type: ignore[attr-defined]
            near.hold((b"n",), 0).release()
            with pytest.raises(LeaseLost):
                hold.commit({b"n": b"late"})
            assert data(near, b"n") is None
