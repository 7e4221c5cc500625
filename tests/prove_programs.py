"""The programs that the prover's tests run: counters that are wrong in every way, and a right one.

Plain WSGI, so that what is tested is the prover and not a framework.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def answering(number: Callable[[], object], status: str = "200 OK") -> Application:
    """A WSGI application whose body is what a function returns."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        body = f"<p>visitor {number()}</p>".encode()
        start_response(status, [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
        return [body]

    return application


class Plain:
    """A module global; right only while there is one process."""

    def __init__(self, start: int = 0) -> None:
        self.last = start

    def step(self) -> int:
        self.last += 1
        return self.last


class Window(Plain):
    """A module global with a wait between read and write."""

    def step(self) -> int:
        seen = self.last
        time.sleep(0.002)
        self.last = seen + 1
        return seen + 1


def stored(*, locked: bool) -> int:
    """A number in a file that all processes share, under a lock or not."""
    descriptor = os.open(os.path.join(os.environ["INSTEP_FRESH"], "n"), os.O_RDWR | os.O_CREAT)
    try:
        if locked:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        number = int(os.pread(descriptor, 20, 0) or b"0") + 1
        if not locked:
            time.sleep(0.002)
        os.pwrite(descriptor, str(number).encode(), 0)
        return number
    finally:
        os.close(descriptor)


def every_second(step: Callable[[], int]) -> Application:
    """Counts each request, and answers every second one with an error."""
    right, broken = answering(step), answering(step, "503 Service Unavailable")
    turns = count()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return (broken if next(turns) % 2 else right)(environ, start_response)

    return application


def raising(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """An application that fails."""
    raise RuntimeError("no more numbers")


def make(start: int, *, text: str = "") -> Application:
    """An application factory with arguments."""
    counter = Plain(start)
    return answering(lambda: f"{text}{counter.step()}")


class Blocks(Plain):
    """Every process hands out a range of its own."""

    def step(self) -> int:
        self.last = self.last or os.getpid() * 1000
        return super().step()


plain = answering(Plain().step)
window = answering(Window().step)
locked = answering(lambda: stored(locked=True))
unlocked = answering(lambda: stored(locked=False))
blocks = answering(Blocks().step)
silent = answering(lambda: "without a number")
failing = answering(Plain().step, "500 Internal Server Error")
refusing = answering(Plain().step, "403 Forbidden")
halting = every_second(Plain().step)
nothing = 7
