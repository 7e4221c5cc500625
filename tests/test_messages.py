"""What people are told who have mistyped a URL, named another server, or lack a library."""

import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from actors import run
from instep import InstepError, Misuse, Space
from instep.stores import engine
from instep.stores.address import shown
from instep.testing.steps import data, put
from manager_server import Manager
from servers import Memcached, Redis, free_port


def told(attempt: Callable[[], object]) -> str:
    """What an attempt fails with, and that it fails with one error only."""
    with pytest.raises(InstepError) as caught:
        attempt()
    error = caught.value
    assert "Traceback" not in "".join(traceback.format_exception(error)).partition("\n")[2], error
    return str(error)


def used(url: str) -> str:
    """What the first use of a store fails with."""

    def use() -> None:
        with closing(engine(url).open()) as store:
            store.update(b"n", put(b"a"), 0.5)

    return told(use)


class TestAnotherServer:
    """The URL is right in its form, and something else listens there."""

    def test_redis_without_tls(self, redis_server: Redis) -> None:
        """It waits for more of what it takes for a command: the port is the wrong one."""
        said = used(redis_server.url.replace("redis:", "rediss:"))
        assert "redis:// is without" in said

    def test_no_sentinel(self, redis_server: Redis) -> None:
        """It knows no such command."""
        said = used(f"redis+sentinel://127.0.0.1:{redis_server.port}/mymaster")
        assert "no sentinel is there" in said
        assert "write redis://" in said

    def test_no_cluster(self, redis_server: Redis) -> None:
        """It is a server by itself."""
        said = used(f"redis+cluster://127.0.0.1:{redis_server.port}")
        assert "in no cluster" in said
        assert "write redis://" in said

    def test_an_authority_that_is_not_there(self, redis_server: Redis) -> None:
        """It is the file that cannot be reached, not the server."""
        said = used(f"rediss://127.0.0.1:{redis_server.port}?ca=/nope")
        assert "?ca= cannot be read: /nope" in said

    def test_memcached_on_the_port_of_redis(self, redis_server: Redis) -> None:
        """It does answer, though in another language."""
        said = used(f"memcached://127.0.0.1:{redis_server.port}")
        assert "is no memcached" in said

    def test_redis_on_the_port_of_memcached(self, memcached_server: Memcached) -> None:
        """Likewise."""
        assert "no Redis server" in used(f"redis://127.0.0.1:{memcached_server.port}")


class TestUrls:
    """Mistakes, and what is none."""

    @pytest.mark.parametrize(
        ("url", "match"),
        [
            ("redis:/localhost/0", r"two slashes: redis://HOST"),
            ("redis:localhost", r"two slashes: redis://HOST"),
            ("rediss+cluster:/h", r"rediss\+cluster://HOST"),
            ("lmdb://tmp/x", r"write lmdb:tmp/x for .*, or lmdb:/tmp/x"),
            ("lmdb://state", r"write lmdb:state for .*, or lmdb:/state"),
            (
                "redis://u:s3cret@h?foo=1",
                r"redis://u:\*\*\*@h\?foo=1: redis: knows no option 'foo'",
            ),
            ("memcached://h?foo=1", r"memcached://h\?foo=1: .*'foo'"),
            ("lmdb:/tmp/y?foo=1", r"lmdb:/tmp/y\?foo=1: .*'foo'"),
            ("manager:/tmp/x.sock?foo=1", r"manager:/tmp/x\.sock\?foo=1: .*'foo'"),
            ("postgresql://h/d?foo=1", r"postgresql://h/d\?foo=1: .*'foo'"),
            ("redis://h?lease=x", r"redis://h\?lease=x: lease='x'"),
        ],
    )
    def test_a_mistake(self, url: str, match: str) -> None:
        """It is refused before anything is touched; the message has the URL and no secret."""
        with pytest.raises(Misuse, match=match) as caught:
            engine(url)
        assert "s3cret" not in str(caught.value)

    def test_what_is_no_text(self) -> None:
        """Its type is named as one."""
        with pytest.raises(Misuse, match="this is of type int"):
            engine(6379)  # type: ignore[arg-type]

    def test_three_slashes_are_a_path(self, tmp_path: Path) -> None:
        """A URL whose host is empty, as in file:///path."""
        with closing(engine(f"lmdb://{tmp_path}/state").open()) as store:
            store.update(b"n", put(b"a"), 1.0)
            assert engine(f"lmdb:{tmp_path}/state").open() is store

    def test_capitals(self, redis_server: Redis, tmp_path: Path) -> None:
        """A scheme may be written in them, and the store is the same one."""
        assert engine("MEMORY:").powers == engine("memory:").powers
        assert engine(f"LMDB:{tmp_path}/s").open() is engine(f"lmdb:{tmp_path}/s").open()
        loud = redis_server.url.replace("redis:", "Redis:")
        assert engine(loud).open() is engine(redis_server.url).open()

    def test_valkey_has_a_scheme_of_its_own(self, redis_server: Redis) -> None:
        """It is the same as that of Redis."""
        with closing(engine(redis_server.url.replace("redis:", "valkey:")).open()) as store:
            store.update(b"n", put(b"a"), 1.0)
            assert store.url.startswith("valkey://")
        with closing(engine(redis_server.url).open()) as store:
            assert data(store, b"n") == b"a"
        for scheme in ("valkey", "valkeys", "redis", "rediss"):
            for kind in ("", "+sentinel", "+cluster"):
                assert engine(f"{scheme}{kind}://h/s" if "sen" in kind else f"{scheme}{kind}://h")

    def test_valkeys_is_with_tls(self) -> None:
        """A certificate is checked."""
        with Redis(tls=True) as server:
            url = server.rediss_url.replace("rediss:", "valkeys:")
            with closing(engine(url).open()) as store:
                store.update(b"n", put(b"a"), 1.0)
            assert "TLS fails" in used(url.partition("?")[0])

    @pytest.mark.parametrize("name", ["keyfile", "passfile", "sslkey"])
    def test_a_path_is_no_secret(self, name: str) -> None:
        """Whoever reads the message must know which file it is about."""
        assert shown(f"x://h?{name}=/a/b&password=p") == f"x://h?{name}=/a/b&password=***"


class TestManager:
    """The one server that is ours."""

    def test_none_is_there(self) -> None:
        """One error, without the ones that led to it."""
        with Manager() as server, closing(engine(server.url).open()) as store:
            store.update(b"n", put(b"a"), 1.0)
            hold = store.hold((b"n",), 1.0)
            server.kill()
            assert "no manager is there" in told(lambda: hold.commit({b"n": b"b"}))
            assert "no manager is there" in told(lambda: store.read(b"n"))
            assert "no manager is there" in told(lambda: store.update(b"n", put(b"b"), 0.5))

    def test_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither in the environment, nor in a file, nor in what is no file."""
        monkeypatch.delenv("INSTEP_MANAGER_KEY", raising=False)
        assert "cannot be read from" in used(f"manager:{tmp_path}/m.sock")
        folder = f"manager://127.0.0.1:{free_port()}?keyfile={tmp_path}"
        assert f"{tmp_path} is not a file" in used(folder)


def test_memcached_that_is_away() -> None:
    """One error, without the ones that led to it."""
    assert "no memcached is at" in used(f"memcached://127.0.0.1:{free_port()}")


class TestWithoutExtras:
    """The core alone is installed."""

    def without(self, *names: str) -> str:
        """Code that makes some packages as good as not installed."""
        return f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""

    def test_flask(self) -> None:
        """One line, with the command that installs it."""
        code = "try: import instep.flask\nexcept ImportError as error: print(error)"
        assert run(self.without("flask") + code).endswith("pip install 'instep[flask]'")

    @pytest.mark.parametrize("name", ["click", "rich"])
    def test_the_command_line(self, name: str) -> None:
        """Likewise, and no traceback."""
        code = self.without(name) + "from instep.cli import main"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert done.stderr == f"instep needs {name}: pip install 'instep[cli]'\n"

    @pytest.mark.parametrize(
        ("url", "library", "extra"),
        [
            ("redis://h", "redis", "redis"),
            ("postgresql://h/d", "psycopg", "postgresql"),
            ("memcached://h", "pymemcache", "memcached"),
        ],
    )
    def test_a_store(self, url: str, library: str, extra: str) -> None:
        """Likewise."""
        code = f"import instep\ntry: instep.Space({url!r})\nexcept instep.Misuse as e: print(e)"
        said = run(self.without(library) + code)
        assert said.endswith(f"pip install 'instep[{extra}]'")


def instep(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    command = [sys.executable, "-m", "instep.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


class TestCommands:
    """What they say, and their exit codes."""

    def test_a_dump_that_is_not_there(self, tmp_path: Path) -> None:
        """In words."""
        done = instep("load", "/nope", f"lmdb:{tmp_path}/new")
        assert done.returncode == 2
        assert done.stderr.startswith("could not load: /nope cannot be read: No such file")
        assert not (tmp_path / "new").exists()

    def test_a_key_that_is_a_folder(self, tmp_path: Path) -> None:
        """Likewise."""
        done = instep("serve", f"manager:{tmp_path}/m.sock?keyfile={tmp_path}")
        assert done.returncode == 2
        assert f"{tmp_path} is not a file that could have a key" in done.stderr
        assert "Errno" not in done.stderr

    def test_nothing_to_copy(self, tmp_path: Path) -> None:
        """That is not what was wanted, so it is not a success."""
        with closing(Space(f"lmdb:{tmp_path}/old")) as space:
            space.counter("n").increment()
        old, new = f"lmdb:{tmp_path}/old", f"lmdb:{tmp_path}/new"
        done = instep("copy", old, new, "--prefix", "nothing")
        assert done.returncode == 1
        assert "no record to compare" in done.stdout
        assert instep("dump", old, f"{tmp_path}/none.jsonl", "--prefix", "nothing").returncode == 0
        assert instep("load", f"{tmp_path}/none.jsonl", new).returncode == 1
        assert instep("copy", old, new).returncode == 0

    def test_capitals(self, tmp_path: Path) -> None:
        """The command has nothing against them either."""
        done = instep("serve", f"MANAGER:{tmp_path}/m.sock?keyfile={tmp_path}")
        assert "is not a file" in done.stderr
