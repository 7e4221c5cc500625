"""Work in a forked process, which has an exact copy of all memory and may hang or die.

How it stays right. The child gets everything that the parent has imported and made; what it does
to it, nobody else sees. Its answer comes back as JSON through a pipe; it ends without any clean-up
of the program. Files, databases and other processes are not copied, nor are threads.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from instep.errors import Misuse

GRACE = 2.0
"""Seconds beyond its limit after which a child that does not answer is killed."""


LENGTH = 12
"""Digits of the length that goes before what a child tells."""

AT_ONCE = 3
"""So many ended children may wait to be collected."""

_ended: list[int] = []


class Failed(Exception):
    """The child did not answer: it was killed, or could not do its work."""


def forked(work: Callable[[], Any], limit: float) -> Any:
    """Do some work in a forked process.

    Args:
        work: returns what JSON can tell.
        limit: seconds.

    Raises:
        Failed: it took too long, or ended without an answer.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads that are here stay here
        pid = os.fork()
    if pid == 0:
        os.close(reading)
        _child(work, writing)
    os.close(writing)
    _ended.append(pid)
    try:
        text = _read(reading, time.monotonic() + limit + GRACE)
    except BaseException:  # also Ctrl-C, which the child does not hear
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(reading)
        reap(AT_ONCE)
    told = json.loads(text)
    if "failed" in told:
        raise Failed(told["failed"])
    return told["done"]


def _read(pipe: int, deadline: float) -> bytes:
    """All that the child tells: the length comes first, so nobody waits for its end."""
    text, wanted = bytearray(), LENGTH
    while len(text) < wanted:
        left = deadline - time.monotonic()
        ready, _, _ = select.select([pipe], [], [], max(0.0, left))
        if not ready or left < 0:
            raise Failed("it took too long and was ended")
        part = os.read(pipe, 1 << 18)
        if not part:
            raise Failed("the process died: a crash in C, or it ended itself")
        text += part  # in place: a copy for each part would take for ever
        if wanted == LENGTH and len(text) >= LENGTH:
            wanted += int(text[:LENGTH])
    return bytes(text[LENGTH:])


def reap(left: int = 0) -> None:
    """Collect children that have told everything; a few may still be on their way out."""
    while len(_ended) > left:
        pid = _ended.pop(0)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            pass  # somebody else has collected it


def _child(work: Callable[[], Any], pipe: int) -> None:
    """Never returns: what the parent is in the middle of is not the child's to finish."""
    try:
        gc.disable()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _silence()
        try:
            told = {"done": work()}
        except Misuse as misuse:
            told = {"failed": str(misuse)}
        except BaseException:
            told = {"failed": traceback.format_exc(limit=-3)}
        rest = json.dumps(told).encode()
        rest = b"%0*d%b" % (LENGTH, len(rest), rest)
        while rest:
            rest = rest[os.write(pipe, rest) :]
    finally:
        os._exit(0)


@contextmanager
def aside() -> Iterator[None]:
    """Let what a program prints here, its libraries and its processes too, be no output of ours."""
    if sys.stdout is None:  # closed before we began: there is nothing to be kept apart
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _silence() -> None:
    """What a program prints a hundred times over is not wanted."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = sys.stderr = os.fdopen(nowhere, "w")
