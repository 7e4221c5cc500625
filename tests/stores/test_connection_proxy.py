"""The proxy that loses connections: what it loses, and what the server has done by then."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from actors import until
from daemon import said
from proxy import Proxy
from servers import Memcached, Postgres, Redis


@pytest.fixture
def proxy(redis_server: Redis) -> Iterator[Proxy]:
    """A proxy before the shared Redis."""
    with Proxy("127.0.0.1", redis_server.port) as made:
        yield made


def client(proxy: Proxy, *, single: bool = False) -> Any:
    """A client that gives up at the first loss; a single one connects now."""
    return redis.Redis(
        port=proxy.port,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=single,
        socket_timeout=30,
        protocol=2,
    )


def test_it_forwards_and_counts(proxy: Proxy) -> None:
    """What is large passes whole, and each question with its answer is one round trip."""
    with client(proxy, single=True) as calls:
        value = b"x" * 3_000_000
        before = proxy.round_trips
        calls.set("key", value)
        assert calls.get("key") == value
        assert proxy.round_trips == before + 2
        assert proxy.accepted == proxy.connections == 1
    until(lambda: proxy.connections == 0)


def test_it_forwards_to_a_unix_socket(redis_server: Redis) -> None:
    """The server may be at a path."""
    with Proxy(redis_server.socket) as proxy, client(proxy) as calls:
        assert calls.ping()


def test_what_a_server_says_before_it_closes_arrives(redis_server: Redis) -> None:
    """An ordinary end is none of the proxy's cuts."""
    with Proxy("127.0.0.1", redis_server.port) as proxy:
        for _ in range(50):
            assert said(("127.0.0.1", proxy.port), b"QUIT\r\n") == b"+OK\r\n"
        assert proxy.cuts == 0


def test_a_lost_request_never_arrives(proxy: Proxy, redis_server: Redis) -> None:
    """The client fails, and the server has not heard of it."""
    with client(proxy) as calls:
        calls.set("other", 1)
        fault = proxy.lose_request(lambda data: b"INCR" in data)
        calls.get("other")
        with pytest.raises(redis.ConnectionError):
            calls.incr("n")
        fault.wait()
        assert redis_server.cli("GET", "n") is None
        assert calls.incr("n") == 1


@pytest.mark.parametrize("late", [True, False], ids=["answer", "at-once"])
def test_a_swallowed_answer_leaves_the_work_done(
    proxy: Proxy, redis_server: Redis, late: bool
) -> None:
    """The client fails, and the server has done it: once, at the nth request that fits."""
    with client(proxy) as calls:
        fits = lambda data: b"INCR" in data  # noqa: E731
        fault = (
            proxy.swallow_answer(fits, nth=2)
            if late
            else proxy.cut_after_request(nth=2, predicate=fits)
        )
        assert calls.incr("n") == 1
        assert not fault.spent
        with pytest.raises(redis.ConnectionError):
            calls.incr("n")
        fault.wait()
        assert fault.spent
        until(lambda: redis_server.cli("GET", "n") == "2")
        assert calls.incr("n") == 3
        assert proxy.cuts == 1


def test_a_commit_whose_answer_is_lost_stays(postgres_server: Postgres) -> None:
    """A transaction of PostgreSQL is there, though its client was told nothing."""
    with Proxy("127.0.0.1", postgres_server.port) as proxy:
        url = postgres_server.url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        connection = psycopg.connect(url, sslmode="disable")
        connection.execute("CREATE TABLE t (x int)")
        fault = proxy.swallow_answer(lambda data: b"COMMIT" in data)
        with pytest.raises(psycopg.OperationalError):
            connection.commit()
        fault.wait()
        connection.close()
        assert postgres_server.sql("SELECT count(*) FROM t") == [(0,)]


def test_the_refusal_of_a_server_passes() -> None:
    """What PostgreSQL says to the one client too many comes before the end."""
    with (
        Postgres({"max_connections": 5}, fsync=False) as server,
        Proxy("127.0.0.1", server.port) as proxy,
    ):
        url = server.url.replace(f":{server.port}/", f":{proxy.port}/")
        taken = []
        with pytest.raises(psycopg.OperationalError, match="reserved"):
            while len(taken) < 5:
                taken.append(psycopg.connect(url))
        for connection in taken:
            connection.close()


def test_cut_loses_all_connections_there_are(proxy: Proxy) -> None:
    """Each of them fails at its next use, and a new one works."""
    with client(proxy, single=True) as one, client(proxy, single=True) as two:
        assert one.ping()
        assert two.ping()
        assert proxy.cut() == 2
        for lost in (one, two):
            with pytest.raises(redis.ConnectionError):
                lost.connection.send_command("PING", check_health=False)
                lost.connection.read_response()
        until(lambda: proxy.connections == 0)
        assert one.ping()


def test_random_cuts_come_in_both_ways(proxy: Proxy, redis_server: Redis) -> None:
    """Some lost calls were done, some were not; none is done twice; and it ends when told to."""
    proxy.cut_randomly(0.2, seed=7)
    answered = lost = 0
    with client(proxy) as calls:
        for _ in range(300):
            try:
                calls.incr("n")
                answered += 1
            except redis.ConnectionError:
                lost += 1
        proxy.cut_randomly(0, seed=0)
        with suppress(redis.ConnectionError):
            calls.ping()
        assert calls.ping()
    assert proxy.cuts >= lost > 0
    done = int(redis_server.cli("GET", "n"))
    assert answered < done < answered + lost


def test_frozen_it_holds_back_and_thawed_it_delivers(proxy: Proxy, redis_server: Redis) -> None:
    """A request that meets a frozen proxy waits there, and is not lost."""
    with client(proxy, single=True) as calls:
        calls.ping()
        proxy.freeze()
        calls.connection.send_command("INCR", "n")
        time.sleep(0.1)
        assert redis_server.cli("GET", "n") is None
        proxy.thaw()
        assert calls.connection.read_response() == 1


def test_refused_is_refused_until_it_accepts_again(proxy: Proxy) -> None:
    """New connections are refused, those there are stay, and the port stays the same."""
    with client(proxy) as early, client(proxy) as late:
        assert early.ping()
        proxy.refuse()
        with pytest.raises(redis.ConnectionError, match="refused"):
            late.ping()
        assert early.ping()
        proxy.accept()
        assert late.ping()


def test_a_server_that_is_down_ends_the_connection(proxy: Proxy) -> None:
    """The client sees an error, and works again when the server does."""
    with Memcached() as server, Proxy("127.0.0.1", server.port) as before:
        where = ("127.0.0.1", before.port)
        assert said(where, b"version\r\n").startswith(b"VERSION")
        server.kill()
        assert said(where, b"version\r\n") == b""
        server.start()
        assert said(where, b"version\r\n").startswith(b"VERSION")
