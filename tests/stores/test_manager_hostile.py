"""Who comes to a manager without its key, with another release, or with bytes of any kind."""

import os
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from actors import until
from instep.errors import Misuse, StoreError
from instep.stores import engine
from instep.stores.base import Store
from instep.stores.manager import ManagerStore, serve
from instep.stores.manager.door import challenged
from instep.stores.manager.place import ENVIRONMENT, place
from instep.stores.manager.wire import (
    COMMIT,
    HOLD,
    LARGEST,
    LENGTH,
    MAGIC,
    Channel,
    greeted,
    hello,
    pack,
)
from instep.testing.steps import LONG, data, put
from manager_server import Manager

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[Manager]:
    """One server for all that is done to it."""
    with Manager() as server:
        yield server


@pytest.fixture
def store(server: Manager) -> Iterator[Store]:
    """A store on it."""
    with closing(ManagerStore(place(server.url))) as store:
        yield store


def knock(server: Manager) -> socket.socket:
    """A connection, before a word is said."""
    where = place(server.url)
    sock = where.socket()
    sock.settimeout(LONG)

    def connected() -> bool:
        with suppress(BlockingIOError):  # too many stand there
            sock.connect(where.address())
            return True
        return False

    until(connected)
    return sock


def let_in(server: Manager) -> socket.socket:
    """A connection that has shown the key."""
    sock = knock(server)
    channel = Channel(sock)
    channel.send_bytes(hello(b"host", struct.pack("!QQd", 1, 2, 3.0)))
    greeted(channel.recv_bytes())
    challenged(channel, server.keyfile.read_bytes().strip())
    return sock


def ended(sock: socket.socket) -> bool:
    """Whether the server closes the connection, whatever it says before."""
    with suppress(ConnectionError):
        while sock.recv(65536):
            pass
    return True


class TestKeys:
    """The key, and where it may lie."""

    def test_another_key(self, server: Manager, tmp_path: Path) -> None:
        """A clear error, which tells no key; nothing is read."""
        key = tmp_path / "key"
        key.touch(0o600)
        key.write_text(KEY)
        with closing(engine(f"{server.url}?keyfile={key}").open()) as store:
            with pytest.raises(StoreError, match="the key here is not the server's") as caught:
                store.read(b"n")
            assert KEY not in str(caught.value)
            key.write_text(server.keyfile.read_text())
            assert store.read(b"n") is None

    def test_a_key_from_the_environment(
        self, server: Manager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It comes before the file beside the socket, and after one that the URL names."""
        monkeypatch.setenv(ENVIRONMENT, KEY)
        with closing(ManagerStore(place(server.url))) as store:
            with pytest.raises(StoreError, match="is not the server's"):
                store.read(b"n")
            monkeypatch.setenv(ENVIRONMENT, server.keyfile.read_text().strip())
            assert store.read(b"n") is None
        monkeypatch.setenv(ENVIRONMENT, KEY)
        with closing(engine(f"{server.url}?keyfile={server.keyfile}").open()) as store:
            assert store.read(b"n") is None

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
    def test_a_key_that_others_may_read(self, tmp_path: Path, mode: int) -> None:
        """Neither end takes it."""
        key = tmp_path / "s.key"
        key.write_text(KEY)
        key.chmod(mode)
        for use in (
            engine(f"manager:{tmp_path}/s").open().read,
            lambda _: serve(f"manager:{tmp_path}/s"),
        ):
            with pytest.raises(StoreError, match="others may read or write the key"):
                use(b"n")
        assert not (tmp_path / "s").exists()

    def test_a_key_that_is_a_link(self, tmp_path: Path) -> None:
        """Nobody can make a process take another file for its key."""
        (tmp_path / "elsewhere").write_text(KEY)
        (tmp_path / "elsewhere").chmod(0o600)
        (tmp_path / "s.key").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="key cannot be read"):
            engine(f"manager:{tmp_path}/s").open().read(b"n")

    def test_no_key(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By TCP there is no file beside a socket: the error names both ways to give one."""
        monkeypatch.delenv(ENVIRONMENT, raising=False)
        with pytest.raises(StoreError, match=r"INSTEP_MANAGER_KEY.*keyfile="):
            engine("manager://127.0.0.1:9").open().read(b"n")
        with pytest.raises(StoreError, match="instep serve"):
            engine(f"manager:{tmp_path}/s").open().read(b"n")

    def test_a_key_that_can_be_guessed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is refused, without being repeated."""
        monkeypatch.setenv(ENVIRONMENT, "hunter2")
        with pytest.raises(StoreError, match="at least 16") as caught:
            engine("manager://127.0.0.1:9").open().read(b"n")
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "manager://me:hunter2@127.0.0.1:99",
            "manager://:hunter2@127.0.0.1:99",
            "manager://127.0.0.1:99?key=hunter2",
            "manager://127.0.0.1",
            "manager://127.0.0.1:99/path",
            "manager://a:1,b:2",
            "manager:",
            "manager:/" + "x" * 110,
        ],
    )
    def test_urls_that_are_none(self, url: str) -> None:
        """A password does not belong there, and no message repeats it."""
        with pytest.raises(Misuse) as caught:
            engine(url)
        assert "hunter2" not in str(caught.value)

    def test_powers(self) -> None:
        """Machines share it by TCP."""
        assert engine("manager://127.0.0.1:99").powers.machines
        assert not engine("manager:/tmp/s").powers.machines


class TestListening:
    """The place where a server listens."""

    def test_a_second_server(self, server: Manager, store: Store) -> None:
        """It is refused, and the first goes on."""
        with pytest.raises(StoreError, match="listens there already"):
            serve(server.url)
        store.read(b"n")

    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        """The error says so."""
        with Manager(tcp=True) as server, pytest.raises(StoreError, match="already in use"):
            serve(server.url)

    def test_a_socket_that_a_killed_server_left(self) -> None:
        """The next server takes its place."""
        with Manager() as server:
            server.kill()
            assert (server.folder / "s").is_socket()
            server.start()
            with closing(ManagerStore(place(server.url))) as store:
                assert store.read(b"n") is None

    def test_a_file_that_is_no_socket(self, tmp_path: Path) -> None:
        """It is nobody's to remove."""
        (tmp_path / "s").write_text("precious")
        with pytest.raises(StoreError, match="no socket"):
            serve(f"manager:{tmp_path}/s")
        assert (tmp_path / "s").read_text() == "precious"

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        """The error names it."""
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="file"):
            serve(f"manager:{tmp_path}/file/s")

    def test_a_server_in_a_thread(self, tmp_path: Path) -> None:
        """It tells when it is ready, ends when it is told to, and leaves no socket."""
        ready, stop = threading.Event(), threading.Event()
        url = f"manager:{tmp_path}/s"
        thread = threading.Thread(
            target=serve, args=(url,), kwargs={"ready": ready.set, "stop": stop}
        )
        thread.start()
        assert ready.wait(LONG)
        with closing(ManagerStore(place(url))) as store:
            store.update(b"n", put(b"a"), LONG)
            stop.set()
            thread.join(LONG)
            assert not thread.is_alive()
            assert not (tmp_path / "s").exists()
            with pytest.raises(StoreError):
                store.read(b"n")
        assert (tmp_path / "s.key").stat().st_mode & 0o777 == 0o600


class TestBytes:
    """Whatever is sent, the server goes on, and others' records stay as they are."""

    def test_another_release(self, server: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both ends say that they do not understand each other."""
        monkeypatch.setattr("instep.stores.manager.wire.PROTOCOL", 2)
        theirs = pytest.raises(StoreError, match=r"another release.*protocol 1.*speaks 2")
        with closing(ManagerStore(place(server.url))) as store, theirs:
            store.read(b"n")
        with knock(server) as sock:
            Channel(sock).send_bytes(MAGIC + b"\2")
            assert ended(sock)

    def test_another_server(self, tmp_path: Path) -> None:
        """What is there is no manager: the error says so."""
        (tmp_path / "s.key").touch(0o600)
        (tmp_path / "s.key").write_text(KEY)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "s"))
            other.listen()

            def answer() -> None:
                with other.accept()[0] as come:
                    come.sendall(LENGTH.pack(20) + b"HTTP/1.1 400 Bad Req")
                    come.recv(100)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(StoreError, match="not an instep manager"):
                engine(f"manager:{tmp_path}/s").open().read(b"n")
            thread.join(LONG)

    @pytest.mark.parametrize("seed", range(5))
    def test_garbage_at_the_door(self, server: Manager, store: Store, seed: int) -> None:
        """Bytes of any kind, lengths of any size."""
        dice = random.Random(seed)
        store.update(b"n", put(b"kept"), LONG)
        for size in (0, 1, 3, 4, 5, 300, 70_000):
            with knock(server) as sock:
                lead = LENGTH.pack(dice.choice((0, size, 257, 1 << 31, (1 << 32) - 1)))
                with suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(dice.choice((b"", lead)) + dice.randbytes(size))
                    sock.shutdown(socket.SHUT_WR)
                assert ended(sock)
        assert data(store, b"n") == b"kept"

    @pytest.mark.parametrize("seed", range(5))
    def test_garbage_behind_the_door(self, server: Manager, store: Store, seed: int) -> None:
        """From one who has the key: what no client sends ends its connection, and its hold."""
        dice = random.Random(seed)
        store.update(b"n", put(b"kept"), LONG)
        commit = pack(COMMIT, bytes(8), b"n", bytes(8), b"bad")
        for bad in (
            LENGTH.pack(LARGEST + 1),
            LENGTH.pack((1 << 32) - 1),
            LENGTH.pack(5) + struct.pack("!BI", HOLD, (1 << 32) - 1),
            pack(HOLD, b"short", b"n"),
            pack(HOLD, None, b"n"),
            pack(HOLD, struct.pack("!dQ", 0, 0), b""),
            pack(HOLD, struct.pack("!dQ", 0, 0), b"\0n"),
            pack(99, b"n"),
            commit,
            *(
                pack(code, *[dice.randbytes(dice.choice((0, 8, 16, 32))) for _ in range(count)])
                for code in (*range(3, 7), 8, 9)
                for count in (0, 1, 3, 7)
            ),
            LENGTH.pack(40) + dice.randbytes(40),
        ):
            with let_in(server) as sock:
                sock.sendall(pack(HOLD, struct.pack("!dQ", 10, 0), b"held"))
                assert sock.recv(1000)
                with suppress(BrokenPipeError, ConnectionResetError):
                    sock.sendall(bad)
                    sock.shutdown(socket.SHUT_WR)
                assert ended(sock)
            store.hold((b"held",), LONG).release()
        assert data(store, b"n") == b"kept"

    def test_requests_without_waiting_for_answers(self, server: Manager, store: Store) -> None:
        """Who waits has nothing to ask; the wait ends with the connection."""
        with store.hold((b"n",), LONG), let_in(server) as sock:
            sock.sendall(pack(HOLD, struct.pack("!dQ", 60, 0), b"n"))
            sock.sendall(pack(HOLD, struct.pack("!dQ", 60, 0), b"n"))
            assert ended(sock)
        store.hold((b"n",), 0).release()

    def test_who_does_not_read_the_answer(self, server: Manager, store: Store) -> None:
        """The server keeps one answer for such a client, and serves the others."""
        store.update(b"big", put(b"x" * 8_000_000), LONG)
        with let_in(server) as sock:
            sock.sendall(pack(1, b"big"))
            for number in range(20):
                store.update(b"n", put(b"%d" % number), LONG)
            received = 0
            while received < 8_000_000:
                received += len(sock.recv(1 << 20))
        store.update(b"big", put(None), LONG)

    def test_thousands_that_hang_up(self, server: Manager, store: Store) -> None:
        """At every point of the greeting; who is silent keeps nobody out."""
        with ExitStack() as stack:
            for _ in range(200):
                stack.enter_context(knock(server))
            for number in range(2000):
                with knock(server) as sock:
                    if number % 2:
                        sock.sendall(hello()[: number % 30])
                    if number % 3:
                        linger = struct.pack("ii", 1, 0)
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            store.update(b"n", put(b"a"), LONG)
            assert data(store, b"n") == b"a"
        assert len(os.listdir(f"/proc/{server.pid}/fd")) < 100

    def test_a_write_over_the_limit(self, store: Store) -> None:
        """It is refused before it is sent, with its size; what is held is let go of."""
        store.update(b"n", put(b"a"), LONG)
        big = bytes(LARGEST)
        with pytest.raises(StoreError, match=r"67,\d+,\d+ bytes"):
            store.update(b"n", put(big), LONG)
        with store.hold((b"n",), LONG) as hold:
            hold.load(b"n")
            with pytest.raises(StoreError, match=r"67,\d+,\d+ bytes"):
                hold.commit({b"n": big})
            store.hold((b"n",), 0).release()
        assert data(store, b"n") == b"a"

    def test_pages_are_bounded_in_bytes(self, store: Store) -> None:
        """A page of large records comes in several answers."""
        for number in range(6):
            store.update(b"large %d" % number, put(b"x" * 3_000_000), LONG)
        page = store.scan(b"large ", None, 6)
        assert [(key, len(record.data)) for key, record in page] == [
            (b"large %d" % number, 3_000_000) for number in range(6)
        ]
        for key, _ in page:
            store.update(key, put(None), LONG)
