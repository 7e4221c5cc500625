"""Where a manager listens: one at a time at a place, found out by a lock that the kernel frees."""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from ...errors import StoreError
from .place import Place

_BACKLOG = 1024
_SILENT, _BETWEEN, _PROBES = 5, 5, 3  # seconds, seconds, times: after them a machine is gone


@contextmanager
def listening(where: Place) -> Iterator[socket.socket]:
    """A socket that listens, and whose file is gone afterwards.

    Raises:
        StoreError: another server listens there, or nobody can.
    """
    with ExitStack() as stack:
        try:
            listener = stack.enter_context(closing(where.socket()))
            if where.path is None:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(where.address())
            else:
                stack.enter_context(_own(where))
                stack.enter_context(_bound(listener, where.path))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise StoreError(
                f"{where.shown}: a manager cannot listen there: {error.strerror or error}"
            ) from error
        yield listener


@contextmanager
def _own(where: Place) -> Iterator[None]:
    """Be the only server of a socket's path; a lock that its holder's death frees."""
    path = f"{where.path}.lock"
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(
                f"{where.shown}: a manager listens there already: use it, or end it first"
            ) from None
        yield
    finally:
        os.close(lock)


@contextmanager
def _bound(listener: socket.socket, path: str) -> Iterator[None]:
    """Bind to a path, in the place of the socket that a killed server has left."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise StoreError(f"{path}: there is a file that is no socket: choose another path")
        os.unlink(path)
    listener.bind(path)
    try:
        os.chmod(path, 0o600)  # nobody can connect before it listens
        yield
    finally:
        with suppress(FileNotFoundError):
            os.unlink(path)


def prompt(sock: socket.socket) -> None:
    """Let TCP send at once, and notice that the machine at the other end is gone."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", _SILENT),
        ("TCP_KEEPINTVL", _BETWEEN),
        ("TCP_KEEPCNT", _PROBES),
        ("TCP_USER_TIMEOUT", 1000 * (_SILENT + _BETWEEN * _PROBES)),
    ):
        number = getattr(socket, option, None)  # not every system has each of them
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)


def allow_files() -> None:
    """As many open files, and so as many connections, as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
