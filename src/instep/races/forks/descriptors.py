"""The open files and sockets of this process, told apart by what they are and not by their number.

Two processes that show the same number with the same inode have one and the same open file after a
fork, with one offset, or one connection, with one stream of answers.
"""

import ctypes
import fcntl
import os
import socket
import stat
import sys
from dataclasses import dataclass

FOLDER = "/proc/self/fd"


@dataclass(frozen=True, slots=True)
class Open:
    """An open file or socket.

    Args:
        number: the descriptor.
        device: of the file.
        inode: of the file; each socket has one of its own.
        kind: `stat.S_IFMT` of its mode.
    """

    number: int
    device: int
    inode: int
    kind: int

    @property
    def is_socket(self) -> bool:
        """Whether it is a socket."""
        return self.kind == stat.S_IFSOCK

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.kind == stat.S_IFREG


def descriptors() -> dict[int, Open]:
    """All that is open now, by number; empty where the system does not tell (no /proc)."""
    try:
        numbers = [int(name) for name in os.listdir(FOLDER)]
    except OSError:
        return {}
    opened = (described(number) for number in numbers)
    return {each.number: each for each in opened if each is not None}


def described(number: int) -> Open | None:
    """One descriptor, or None if it is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return Open(number, found.st_dev, found.st_ino, stat.S_IFMT(found.st_mode))


def peer(number: int) -> str | None:
    """Who is at the other end of a connected socket, in words; None if nobody with a name is.

    A pair of sockets without names, with which a process wakes itself up, is none. The system is
    asked without a Python socket: making one of a descriptor can change its blocking mode.
    """
    address, length = ctypes.create_string_buffer(128), ctypes.c_uint32(128)
    if ctypes.CDLL(None).getpeername(number, address, ctypes.byref(length)):
        return None
    raw = address.raw[: length.value]
    family = int.from_bytes(raw[:2], sys.byteorder)
    port = int.from_bytes(raw[2:4], "big")
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(family, raw[4:8])}:{port}"
    if family == socket.AF_INET6:
        return f"[{socket.inet_ntop(family, raw[8:24])}]:{port}"
    return os.fsdecode(raw[2:].replace(b"\0", b"")) or None


def appends(number: int) -> bool:
    """Whether each write goes to the end, which is one step of the system's."""
    try:
        return bool(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_APPEND)
    except OSError:
        return False


def path(number: int) -> str:
    """The name of an open file."""
    try:
        return os.readlink(f"{FOLDER}/{number}")
    except OSError:
        return ""
