"""Redis servers that die, come back, are full, locked, or no Redis servers at all."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from actors import until
from instep import LockTimeout, Misuse, Space, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.change import Put
from instep.testing.steps import LONG, add_one, data, put, replace
from redis_load import ADD, Load
from servers import Memcached, Redis, free_port


def fails(url: str, match: str, timeout: float = 0.5) -> None:
    """Every verb fails with one clear error that shows the URL and no password, and soon."""
    with closing(engine(url).open()) as store:
        for attempt in (
            lambda: store.update(b"update", add_one, timeout),
            lambda: store.update(b"add", ADD, timeout),
            lambda: store.hold((b"hold",), timeout),
        ):
            began = time.monotonic()
            with pytest.raises(StoreError, match=match) as caught:
                attempt()
            assert time.monotonic() - began < timeout + 15
            assert store.url in str(caught.value)
            assert "sesame" not in str(caught.value)
            assert caught.value.__cause__ is None


def test_a_killed_server_comes_back() -> None:
    """With appendfsync always, no commit that was acknowledged is lost, and none is made twice."""
    with Redis(append="always") as server:
        with Load(server.url) as load:
            for _ in range(3):
                load.await_more(100)
                server.kill()
                time.sleep(0.2)
                server.start()
            load.await_more(100)
        with closing(engine(server.url).open()) as store:
            load.check(store)
        assert load.longest < LONG + 5


def test_a_server_that_stays_away_is_an_error_in_time() -> None:
    """Calls end when their time is up, and succeed again when the server is there."""
    with Redis() as server, closing(engine(f"{server.url}?timeout=1").open()) as store:
        store.update(b"n", add_one, LONG)
        hold = store.hold((b"n",), LONG)
        server.kill()
        for attempt in (
            lambda: store.update(b"n", add_one, 0.3),
            lambda: store.hold((b"m",), 0.3),
            lambda: hold.commit({b"n": b"7"}),
            lambda: store.read(b"n"),
            lambda: store.scan(b""),
        ):
            began = time.monotonic()
            with pytest.raises(StoreError, match="cannot be reached"):
                attempt()
            assert time.monotonic() - began < 15
        server.start()
        assert store.update(b"n", add_one, LONG) == 1


def test_a_server_that_forgets_everything_loses_holds() -> None:
    """A commit finds that its hold is gone, and does not write on the strength of it."""
    from instep import LeaseLost

    with Redis() as server, closing(engine(server.url).open()) as store:
        hold = store.hold((b"n",), LONG)
        server.cli("FLUSHALL")
        with pytest.raises(LeaseLost, match="nothing was written"):
            hold.commit({b"n": b"a"})
        assert store.read(b"n") is None


def test_a_wrong_password() -> None:
    """And none where one is needed."""
    with Redis(password="open-sesame") as server:
        right = server.url
        with closing(engine(right).open()) as store:
            replace(store, b"n", b"a")
            assert "sesame" not in repr(store) + store.url
        wrong = right.replace("open-sesame", "shut-sesame")
        fails(wrong, "does not let this program in")
        fails(f"redis://127.0.0.1:{server.port}", "wants a password|let this program in")
        fails(server.unix_url.replace("open-sesame", "shut-sesame"), "let this program in")


def test_a_database_that_there_is_not(redis_server: Redis) -> None:
    """The server says how many it has."""
    fails(redis_server.url.removesuffix("/0") + "/99", "no such database")


def test_databases_and_namespaces_part_stores(redis_server: Redis) -> None:
    """What is in one of them is not in another, over TCP and the unix socket."""
    base = redis_server.url.removesuffix("/0")
    urls = [
        f"{base}/0",
        f"{base}/1",
        f"{base}/0?namespace=app:",
        f"unix://{redis_server.socket}?db=2",
    ]
    for url in urls:
        with closing(engine(url).open()) as store:
            assert store.update(b"n", add_one, LONG) == 1
            assert [key for key, _ in store.scan(b"")] == [b"n"]
    assert redis_server.cli("HGET", "app:k:n", "d") == "1"


def test_tls() -> None:
    """A certificate is checked; either side of a mismatch is told what to look at."""
    with Redis(tls=True, password="open-sesame") as server:
        bare = server.rediss_url.partition("?")[0]
        for url in (server.rediss_url, f"{bare}?ca={server.ca}", f"{bare}?ssl_cert_reqs=none"):
            with closing(engine(url).open()) as store:
                replace(store, b"n", b"a" * 300_000)
                assert data(store, b"n") == b"a" * 300_000
        fails(bare, "TLS fails.*certificate")
        fails(server.url.replace("redis:", "rediss:"), "TLS fails|cannot be reached")
        plain = f"redis://:open-sesame@127.0.0.1:{server.tls_port}"
        fails(plain, "wants TLS|no Redis server")


@contextmanager
def full(server: Redis) -> Iterator[None]:
    """Its memory is full meanwhile."""
    server.cli("CONFIG", "SET", "maxmemory", "1mb")
    try:
        yield
    finally:
        server.cli("CONFIG", "SET", "maxmemory", "100mb")


class TestAFullMemory:
    """Whatever asks for more is refused; what gives some back goes through."""

    @pytest.fixture
    def server(self) -> Iterator[Redis]:
        """One that forgets nothing to make room."""
        with Redis(options={"maxmemory": "100mb", "maxmemory-policy": "noeviction"}) as server:
            yield server

    @pytest.fixture
    def store(self, server: Redis) -> Iterator[Store]:
        """A store on it whose leases are short, with records."""
        with closing(engine(f"{server.url}?lease=3").open()) as store:
            for key in (b"n", b"m", b"o"):
                store.update(key, add_one, LONG)
            yield store

    def test_nothing_is_written(self, server: Redis, store: Store) -> None:
        """What is there can be read and let go of; when there is room again, all goes on."""
        with full(server):
            for attempt in (
                lambda: store.update(b"new", add_one, LONG),
                lambda: store.update(b"count", ADD, LONG),
                lambda: store.update(b"n", Put(b"1v", bool), LONG),
                lambda: store.hold((b"n",), LONG).commit({b"n": b"2"}),
                lambda: store.hold((b"n", b"m"), LONG).commit({b"n": b"2", b"m": None}),
                lambda: store.hold((b"new",), LONG).commit({b"new": b"2"}),
            ):
                with pytest.raises(StoreError, match="memory is full") as caught:
                    attempt()
                assert store.url in str(caught.value)
            assert [data(store, key) for key in (b"n", b"m", b"new")] == [b"1", b"1", None]
        store.hold((b"n",), 0).release()
        assert store.update(b"n", add_one, LONG) == 2

    def test_deletions_go_through(self, server: Redis, store: Store) -> None:
        """By one step, or under a hold that is taken then; and through a space."""
        with full(server):
            store.update(b"n", lambda old: (None, old), LONG)
            with store.hold((b"m", b"o"), LONG) as hold:
                assert hold.load(b"m") == b"1"
                hold.commit({b"m": None})
            assert [data(store, key) for key in (b"n", b"m", b"o")] == [None, None, b"1"]

    def test_a_space_is_emptied(self, server: Redis) -> None:
        """A mapping, entry by entry, and a name that has nothing."""
        with closing(Space(server.url)) as space:
            stock = space.mapping("stock")
            stock["tea"] = stock["rice"] = 3
            with full(server):
                del stock["tea"]
                assert space.delete("stock")
                assert not space.delete("nothing")
                assert space.names() == []

    def test_a_hold_lasts_and_ends(self, server: Redis, store: Store) -> None:
        """It is renewed beyond its lease, and who waits for it gets it when it is let go."""
        held, new = store.hold((b"n",), LONG), store.hold((b"new",), LONG)
        other = engine(server.url).open()
        with full(server), closing(other), ThreadPoolExecutor(1) as pool:
            time.sleep(4)
            with pytest.raises(LockTimeout):
                other.hold((b"n",), 0)
            waiting = pool.submit(other.hold, (b"n", b"new"), LONG)
            held.commit({})
            new.release()
            waiting.result(LONG).release()
        until(lambda: not server.cli("EXISTS", "instep:k:new"))


def test_too_many_clients() -> None:
    """It may pass, so it is tried until the time is up."""
    with (
        Redis(options={"maxclients": 1}) as server,
        socket.create_connection(("127.0.0.1", server.port)),
    ):
        fails(server.url, "maxclients")


def test_a_read_only_replica() -> None:
    """It can be read, and says where to write."""
    with Redis() as primary:
        options = {"replicaof": f"127.0.0.1 {primary.port}", "repl-diskless-sync-delay": 0}
        with Redis(options=options) as replica:
            with closing(engine(primary.url).open()) as store:
                replace(store, b"n", b"a")
            with closing(engine(replica.url).open()) as store:
                deadline = time.monotonic() + 20
                while data(store, b"n") != b"a":
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            fails(replica.url, "read-only replica.*name its primary")


def test_something_else_listens(memcached_server: Memcached) -> None:
    """A server that does not speak Redis, and a port where nobody is."""
    fails(
        memcached_server.url.replace("memcached", "redis"), "no Redis server|cannot be reached", 0.5
    )
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        fails(f"redis://127.0.0.1:{port}", "no Redis server")
    fails(f"redis://127.0.0.1:{free_port()}", "cannot be reached.*check that it runs")
    fails("unix:///no/such/redis.sock", "cannot be reached")


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server that says the same to everybody; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(1 << 16)
                    client.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_replicas_that_do_not_follow(redis_server: Redis) -> None:
    """With ?wait=, a commit that too few have is an error that says that it stands."""
    url = f"{redis_server.url}?wait=1"
    with closing(engine(url).open()) as store:
        writes: list[Callable[[Store], object]] = [
            lambda store: replace(store, b"n", b"c1"),
            lambda store: store.update(b"n", put(b"c2"), LONG),
            lambda store: store.update(b"n", ADD, LONG),
            lambda store: store.update(b"n", Put(b"c4", lambda old: None), LONG),
        ]
        for turn, write in enumerate(writes, 1):
            with pytest.raises(StoreError, match="0 of 1 replicas"):
                write(store)
            assert data(store, b"n") == b"c%d" % turn
            store.hold((b"n",), 0).release()


def test_replicas_that_follow() -> None:
    """With ?wait=, a commit is on a replica when the call returns."""
    with Redis() as primary:
        options = {"replicaof": f"127.0.0.1 {primary.port}", "repl-diskless-sync-delay": 0}
        with Redis(options=options) as replica:
            deadline = time.monotonic() + 20
            while "master_link_status:up" not in replica.text("INFO", "replication"):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            with (
                closing(engine(f"{primary.url}?wait=1").open()) as store,
                closing(engine(replica.url).open()) as copy,
            ):
                for turn in range(1, 20):
                    replace(store, b"n", b"%d" % turn)
                    assert data(copy, b"n") == b"%d" % turn
                    assert store.update(b"number", ADD, LONG) == turn
                    assert data(copy, b"number") == b"c%x" % turn


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("redis://:open-sesame@h:1,h:2/0", "cluster"),
        ("redis://:open-sesame@h/first", "number of a database"),
        ("redis+cluster://:open-sesame@h/1", "database 0 only"),
        ("redis+cluster://", "at least one host"),
        ("redis+sentinel://:open-sesame@h", "mymaster"),
        ("unix://?db=0", "unix:///path"),
        ("redis://:open-sesame@h?leese=3", "knows no option 'leese'"),
        ("redis://:open-sesame@h?lease=0", "at least 1"),
        ("redis://:open-sesame@h?namespace={a}", "braces"),
        ("rediss://:open-sesame@h?ssl_cert_reqs=maybe", "none, optional or required"),
    ],
)
def test_urls_that_cannot_be_right(url: str, match: str) -> None:
    """They are refused before anything is touched, and the message shows no password."""
    with pytest.raises(Misuse, match=match) as caught:
        engine(url)
    assert "sesame" not in str(caught.value)
