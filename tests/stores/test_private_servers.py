"""The private servers that other tests stand on: they start, lose what they should, and end."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import daemon
from actors import run, until
from instep.stores import engine
from instep.testing.steps import LONG, add_one, put
from manager_server import Manager
from servers import Memcached, Postgres, Redis, RedisCluster, RedisSentinel

TESTS = Path(daemon.__file__).parent


def ended(pid: int) -> bool:
    """Whether a process is gone, or at least dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_redis_keeps_what_it_appended_through_a_kill() -> None:
    """With `append="always"` a killed server comes back at its port with its data."""
    with Redis(append="always") as server:
        server.cli("SET", "key", "value")
        before = server.pid
        server.kill()
        with pytest.raises(redis.ConnectionError):
            server.cli("GET", "key")
        server.start()
        assert server.cli("GET", "key") == "value"
        assert server.pid != before
        for url in (server.url, server.unix_url):
            with redis.Redis.from_url(url) as client:
                assert client.get("key") == b"value"


def test_redis_without_append_forgets() -> None:
    """A restart of a server that keeps nothing empties it."""
    with Redis() as server:
        server.cli("SET", "key", "value")
        assert server.restart().cli("GET", "key") is None


def test_redis_asks_for_its_password() -> None:
    """A client without it is refused, the URL has it."""
    with Redis(password="abc") as server:
        with (
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()
        with redis.Redis.from_url(server.url) as client:
            assert client.ping()


def test_redis_over_tls() -> None:
    """Its certificate is good for loopback, with the authority that it names."""
    with Redis(tls=True) as server, redis.Redis.from_url(server.rediss_url) as client:
        assert client.ping()


def test_postgres_keeps_commits_through_a_kill() -> None:
    """All of its processes die, and it comes back with what it had acknowledged."""
    with Postgres(fsync=False) as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (x int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            server.sql("SELECT 1")
        server.start()
        assert server.sql("SELECT x FROM kept") == [(7,)]
        server.stop(immediate=True)
        server.start()
        with psycopg.connect(server.unix_url) as connection:
            assert connection.execute("SELECT x FROM kept").fetchall() == [(7,)]
            assert connection.execute("SELECT current_user").fetchall() == [("instep",)]


def test_postgres_asks_for_its_password() -> None:
    """Over TCP the role's password is checked."""
    with Postgres(fsync=False) as server:
        wrong = server.url.replace(server.password, "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)


def test_the_shared_postgres_is_empty_for_each_test(postgres_server: Postgres) -> None:
    """Tables of whatever schema are gone after `clear`, and so is who used them."""
    left = psycopg.connect(postgres_server.url)
    left.execute("CREATE SCHEMA instep")
    left.execute("CREATE TABLE instep.a (x int)")
    left.execute("CREATE TABLE b (x int)")
    left.commit()
    left.execute("LOCK TABLE b")
    postgres_server.clear()
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    left.close()
    found = "SELECT tablename FROM pg_tables WHERE schemaname IN ('instep', 'public')"
    assert postgres_server.sql(found) == []
    with psycopg.connect(postgres_server.url) as connection:
        connection.execute("CREATE TABLE b (x int)")


def test_the_shared_manager_is_empty_for_each_test(manager_server: Manager) -> None:
    """What it was given is gone after `clear`, and its clients go on."""
    with closing(engine(manager_server.url).open()) as store:
        store.update(b"n", put(b"a"), LONG)
        manager_server.clear()
        assert store.read(b"n") is None
        assert store.scan(b"") == []
        assert store.update(b"n", add_one, LONG) == 1


def test_memcached_forgets_at_a_restart() -> None:
    """It answers at the same port, without what it had."""
    with Memcached() as server:
        assert server.cli("set key 0 0 5\r\nvalue") == "STORED"
        assert server.cli("get key").startswith("VALUE key")
        assert server.restart().cli("get key") == "END"


def test_a_flushed_memcached_takes_new_items_at_once(memcached_server: Memcached) -> None:
    """What is stored in the second of the flush, but after it, stays."""
    assert memcached_server.cli("set key 0 0 3\r\nold") == "STORED"
    assert memcached_server.cli("flush_all") == "OK"
    assert memcached_server.cli("get key") == "END"
    assert memcached_server.cli("set key 0 0 3\r\nnew") == "STORED"
    assert memcached_server.cli("get key").startswith("VALUE key")


START = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from servers import *
servers = [Redis().start(), Postgres(fsync=False).start(), Memcached().start()]
print(servers[0].session.folder, *(server.pid for server in servers), flush=True)
"""


def test_servers_end_with_the_program_that_started_them() -> None:
    """Nobody closed them: the exit of the interpreter does, and their folder is gone."""
    folder, *pids = run(START).split()
    assert not Path(folder).exists()
    assert all(ended(int(pid)) for pid in pids)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_servers_end_when_their_program_is_killed(how: signal.Signals) -> None:
    """No code of the program runs any more, and still nothing is left behind."""
    program = subprocess.Popen(
        [sys.executable, "-c", START + "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with program:
        assert program.stdout
        folder, *pids = program.stdout.readline().decode().split()
        os.kill(program.pid, how)
    until(lambda: all(ended(int(pid)) for pid in pids))
    until(lambda: not Path(folder).exists())


def test_a_missing_server_skips_on_a_laptop_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In CI nothing is skipped."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not installed"):
        daemon.require("no-such-server")
    monkeypatch.setenv("CI", "1")
    with pytest.raises(RuntimeError, match="no-such-server is not installed"):
        daemon.require("no-such-server")


def test_a_standby_reads_what_its_primary_commits() -> None:
    """It follows, refuses writes, and keeps serving reads when the primary is gone."""
    with Postgres(fsync=False) as primary:
        with psycopg.connect(primary.url) as connection:
            connection.execute("CREATE TABLE t (x int)")
        with primary.replica() as standby:
            with psycopg.connect(primary.url) as connection:
                connection.execute("INSERT INTO t VALUES (1)")
            until(lambda: standby.sql("SELECT x FROM t") == [(1,)])
            with (
                psycopg.connect(standby.url) as connection,
                pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
            ):
                connection.execute("INSERT INTO t VALUES (2)")
            primary.kill()
            assert standby.sql("SELECT x FROM t") == [(1,)]


def test_postgres_over_tls() -> None:
    """Its certificate is good for loopback, with the authority that it names."""
    with Postgres(fsync=False, tls=True) as server:
        url = f"{server.url}?sslmode=verify-full&sslrootcert={server.ca}"
        with psycopg.connect(url) as connection:
            assert connection.pgconn.ssl_in_use


def test_a_paused_server_answers_when_it_goes_on() -> None:
    """Connections stay while nothing is answered."""
    with Redis() as server, redis.Redis(port=server.port) as client:
        client.set("key", "value")
        connection = client.connection_pool.get_connection()
        server.pause()
        connection.send_command("GET", "key")
        assert not connection.can_read(timeout=0.1)
        server.resume()
        assert connection.read_response() == b"value"
        client.connection_pool.release(connection)


def test_a_cluster_survives_a_node() -> None:
    """Its slots are served again by the replica of the killed master, which comes back as one."""
    with RedisCluster() as cluster:
        assert len(cluster.masters()) == len(cluster.replicas()) == 3
        gone = cluster.master_of("key")
        assert gone.cli("SET", "key", "value") is True
        assert gone.cli("WAIT", 1, 10_000) == 1
        cluster.kill(gone)
        until(lambda: len(cluster.masters()) == 3)
        cluster.settle()
        assert cluster.master_of("key").cli("GET", "key") == "value"
        gone.start()
        until(lambda: gone in cluster.replicas())
        cluster.settle()


def test_sentinels_make_the_replica_primary() -> None:
    """The killed primary's place is taken by the replica, which has what was waited for."""
    with RedisSentinel() as watched:
        first = watched.primary()
        first.cli("SET", "key", "value")
        assert first.cli("WAIT", 1, 10_000) == 1
        assert watched.kill_primary() is first
        second = watched.await_failover(first)
        assert second is not first
        assert second.cli("GET", "key") == "value"
        second.cli("SET", "key", "newer")
