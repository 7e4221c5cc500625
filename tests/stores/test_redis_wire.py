"""What is said between the store and a Redis server, byte by byte."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from instep.stores.redis.scripts import Script, command
from instep.stores.redis.wire import TICK, Garbled, Lost, Refused, exchange

ANSWERS = b"*4\r\n:7\r\n$5\r\na\r\nb\0\r\n$-1\r\n*2\r\n$0\r\n\r\n:-1\r\n"
ANSWERS += b"+OK\r\n-MOVED 1 h:2\r\n*-1\r\n*0\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection."""
    ours, theirs = socket.socketpair()
    ours.settimeout(TICK)
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    """Long enough for everything here."""
    return time.monotonic() + 10


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_answers_in_pieces(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    """They are the same wherever the network cuts them, and an error is one of them."""
    ours, theirs = pair

    def answer() -> None:
        theirs.recv(100)
        for at in range(0, len(ANSWERS), size):
            theirs.sendall(ANSWERS[at : at + size])
            time.sleep(0.0005)

    thread = threading.Thread(target=answer)
    thread.start()
    first, ok, moved, none, empty = exchange(ours, b"?", soon(), 5)
    thread.join()
    assert first == [7, b"a\r\nb\0", None, [b"", -1]]
    assert (ok, none, empty) == (b"OK", None, [])
    assert (type(moved), moved.code, str(moved)) == (Refused, "MOVED", "MOVED 1 h:2")


def test_large_requests_and_answers(pair: tuple[socket.socket, socket.socket]) -> None:
    """Larger than any buffer on the way, both at once one after the other."""
    ours, theirs = pair
    large = b"x" * 5_000_000

    def echo() -> None:
        got = 0
        while got < len(large):
            got += len(theirs.recv(1 << 16))
        theirs.sendall(b"$%d\r\n%b\r\n" % (len(large), large))

    thread = threading.Thread(target=echo)
    thread.start()
    [answer] = exchange(ours, large, soon())
    thread.join()
    assert answer == large
    assert ours.gettimeout() == TICK


def test_what_is_no_answer(pair: tuple[socket.socket, socket.socket]) -> None:
    """It is told from one that is not complete yet."""
    ours, theirs = pair
    theirs.sendall(b"HTTP/1.1 400")
    with pytest.raises(Garbled, match=r"HTTP/1\.1"):
        exchange(ours, b"?", soon())


def test_an_end_and_a_silence(pair: tuple[socket.socket, socket.socket]) -> None:
    """Both are a lost connection; a silence ends when the time is up."""
    ours, theirs = pair
    began = time.monotonic()
    with pytest.raises(Lost, match="does not answer"):
        exchange(ours, b"?", began + 0.1)
    assert time.monotonic() - began >= 0.1
    theirs.sendall(b"$100\r\nabc")
    theirs.close()
    with pytest.raises(Lost):
        exchange(ours, b"?", soon())


def test_commands_and_scripts() -> None:
    """Words are told by their length, so they may contain anything."""
    assert command(b"GET", b"a\r\nb") == b"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n"
    script = Script("record", "release")
    assert script.short.startswith(b"$7\r\nEVALSHA\r\n$40\r\n")
    assert b"Let go of what a token holds" in script.long
