"""Processes that act in a test and tell what came of it."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE = 90.0  # seconds; far more than anything here takes, also beside many others
_TEST = os.getpid()  # whose children lead a process group each


class Child:
    """A forked process that runs a function and sends its result through a pipe.

    Args:
        work: what it runs.
        args: for it.
        plain: fork as a C program does, without Python's fork hooks.
    """

    def __init__(self, work: Callable[..., Any], *args: Any, plain: bool = False) -> None:
        self._pipe, write = os.pipe()
        self.status: int | None = None
        with warnings.catch_warnings():  # that there are other threads is the point
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = _without_hooks() if plain else os.fork()
        if not self.pid:
            if os.getppid() == _TEST:
                os.setpgid(0, 0)
            _act(work, args, write)
        os.close(write)

    def result(self, patience: float = PATIENCE) -> Any:
        """What the function returned; an error of its own fails the test."""
        said, deadline = b"", time.monotonic() + patience
        while True:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self._pipe], [], [], left)[0], f"nothing said in {patience:g} s"
            part = os.read(self._pipe, 1 << 16)
            if not part:
                break
            said += part
        self.wait()
        assert said, f"the process ended with status {self.status} and said nothing"
        what, value = json.loads(said)
        assert what == "returned", value
        return value

    def kill(self) -> None:
        """End it as the kernel does, whatever it is at."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def end(self) -> None:
        """Kill it and whatever it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.kill()

    def wait(self) -> None:
        """Wait for its end."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
            os.close(self._pipe)


def _without_hooks(tries: int = 10) -> int:
    """Fork as a C program does, into a child whose interpreter lock works.

    If another thread waited for that lock when the process was forked, CPython may hang in the
    child at any of the next times it is let go: the lock's queue names a thread that is not there
    (21 of 40 forks beside three busy threads). A program's fork has the same risk, and no library
    can mend it; so such a child is killed before it runs anything of the test.
    """
    for _ in range(tries):
        born, say = os.pipe()
        pid = int(ctypes.PyDLL(None).fork())
        if not pid:
            for _ in range(20):
                time.sleep(0)  # lets go of the lock
            os.write(say, b"!")
        os.close(say)
        if not pid or select.select([born], [], [], 3)[0]:
            os.close(born)
            return pid
        os.close(born)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    raise AssertionError(f"none of {tries} forks without hooks had a working interpreter lock")


def _act(work: Callable[..., Any], args: tuple[Any, ...], write: int) -> None:
    try:
        said = ("returned", work(*args))
    except BaseException:
        said = ("raised", traceback.format_exc())
    try:
        os.write(write, json.dumps(said).encode())
    finally:
        os._exit(0)


@contextmanager
def forking() -> Iterator[Callable[..., Child]]:
    """Something that runs functions in forked processes; what still lives at the end is killed."""
    children: list[Child] = []

    def start(work: Callable[..., Any], *args: Any, plain: bool = False) -> Child:
        children.append(Child(work, *args, plain=plain))
        return children[-1]

    try:
        yield start
    finally:
        for child in children:
            child.end()


def alone(scene: Callable[..., Any], *args: object) -> Any:
    """Run a function of a test's module in a new interpreter, and return what it returned.

    For forks without hooks: CPython itself may hang in the child of one if another thread wanted
    the interpreter at that moment, and the process of the tests has many.

    Args:
        scene: gets a function that forks, as the fixture `fork`, and then the arguments.
        args: what JSON can hold.
    """
    code = (
        "import importlib, json, sys; sys.path[:0] = json.loads(sys.argv[1]); import actors\n"
        "scene = getattr(importlib.import_module(sys.argv[2]), sys.argv[3])\n"
        "with actors.forking() as fork: print(json.dumps(scene(fork, *json.loads(sys.argv[4]))))"
    )
    where = json.dumps([path for path in sys.path if path])
    return json.loads(run(code, where, scene.__module__, scene.__name__, json.dumps(args)))


def run(code: str, *args: object, code_to_expect: int = 0) -> str:
    """Run a program in a new process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == code_to_expect, (done.returncode, done.stdout, done.stderr)
    return done.stdout.strip()


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.002)
    return found


class Gate:
    """A pipe that processes wait at: opened by whoever has passed what they wait for."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def open(self, times: int = 1) -> None:
        """Let so many through."""
        os.write(self._write, b"." * times)

    def pass_through(self, patience: float = PATIENCE) -> None:
        """Wait until it is open."""
        assert select.select([self._read], [], [], patience)[0], "the gate stayed shut"
        os.read(self._read, 1)


def url(folder: Path, durability: str = "none") -> str:
    """The URL of an embedded store; most tests need no checkpoints."""
    return f"lmdb:{folder}?durability={durability}"
