"""The manager's protocol: frames of a code and byte fields, as both ends write and read them.

A frame is its length, a code, the number of its fields, their lengths and their bytes; a field may
be None. Nothing in it is ever unpickled or looked up by name: what somebody else sends is numbers
and bytes, and what does not fit is a `Garbled`. Both ends begin with `hello`, whose first bytes are
the same in every release, so that two that do not understand each other can say so.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import NamedTuple

from ..base import Record

PROTOCOL = 1
MAGIC = b"instep manager "
LARGEST = 64 << 20  # bytes in a frame; both ends refuse more before they read it
UNKNOWN = 256  # bytes in a frame of somebody who has not shown the key yet
NONE = 0xFFFFFFFF  # the length of a field that is None

LENGTH = Struct("!I")
RECORD = Struct("!QQd")  # version, transaction id, expiry; then the data
SERIAL = Struct("!Q")  # of a connection's writes
WAIT = Struct("!dQ")  # the longest wait in seconds, the thread that waits
WRITE = Struct("!dQdQ")  # likewise; the new expiry (NaN: as it is), the new version (0: the next)
HOLDER = Struct("!QQd")  # pid, thread, since
NUMBER = Struct("!q")

# What a client asks for.
READ, HOLD, COMMIT, RELEASE, PUT, ADD, SWAP, SCAN, RECOVER, PING = range(1, 11)
# What the server answers.
RECORDS, DONE, LATE, CHANGED, OTHER, PAGE, MORE, MISSED, FORGOTTEN, REFUSED = range(101, 111)

Field = bytes | None


class Garbled(Exception):
    """These bytes are not this protocol."""


class Held(NamedTuple):
    """Who holds a key, as the server tells it; `wanted` is what of ours that one waits for."""

    host: str
    pid: int
    thread: int
    since: float
    wanted: bytes | None


_COUNT = Struct("!BI")


@lru_cache(maxsize=64)
def _head(count: int) -> Struct:
    return Struct(f"!BI{count}I")


def pack(code: int, *fields: Field) -> bytes:
    """A frame's bytes, its length first."""
    head = _head(len(fields))
    sizes = [NONE if field is None else len(field) for field in fields]
    body = b"".join([field for field in fields if field])
    length = LENGTH.pack(head.size + len(body))
    return b"".join((length, head.pack(code, len(fields), *sizes), body))


def unpack(frame: bytes) -> tuple[int, list[Field]]:
    """The code and the fields of a frame without its length.

    Raises:
        Garbled: it is none.
    """
    try:
        code, count = _COUNT.unpack_from(frame)
        if count > len(frame):
            raise Garbled("more fields than bytes")
        head = _head(count)
        sizes = head.unpack_from(frame)[2:]
    except StructError:
        raise Garbled("a frame that is too short") from None
    fields: list[Field] = []
    at = head.size
    for size in sizes:
        if size == NONE:
            fields.append(None)
        else:
            fields.append(frame[at : at + size])
            at += size
    if at != len(frame):
        raise Garbled("a frame whose fields are not as long as it says")
    return code, fields


def record_field(record: Record | None) -> Field:
    """A record as a field."""
    if record is None:
        return None
    return RECORD.pack(record.version, record.txid, record.expires) + record.data


def record_of(field: Field) -> Record | None:
    """The record in a field."""
    if field is None:
        return None
    version, txid, expires = RECORD.unpack_from(field)
    return Record(version, txid, expires, field[RECORD.size :])


def holder_fields(held: Held) -> tuple[Field, ...]:
    """A holder as fields."""
    host = held.host.encode(errors="replace")
    return host, HOLDER.pack(held.pid, held.thread, held.since), held.wanted


def holder_of(host: Field, numbers: Field, wanted: Field) -> Held:
    """The holder in three fields."""
    pid, thread, since = HOLDER.unpack(numbers or b"")
    return Held((host or b"").decode(errors="replace"), pid, thread, since, wanted)


def hello(*fields: Field) -> bytes:
    """The first frame that either end sends, without its length."""
    return MAGIC + bytes([PROTOCOL]) + pack(0, *fields)[LENGTH.size :]


def greeted(frame: bytes) -> list[Field]:
    """The fields of the other end's hello.

    Raises:
        Garbled: it is none, or of a release that speaks otherwise.
    """
    if not frame.startswith(MAGIC) or len(frame) == len(MAGIC):
        raise Garbled("what answers there is not an instep manager")
    protocol = frame[len(MAGIC)]
    if protocol != PROTOCOL:
        raise Garbled(
            f"another release of instep is there: it speaks protocol {protocol}, and this one "
            f"speaks {PROTOCOL}; run the same release at both ends"
        )
    return unpack(frame[len(MAGIC) + 1 :])[1]


class Channel:
    """Frames over a socket; what `multiprocessing` authenticates, which needs just these two verbs.

    Args:
        sock: connected, with a timeout; the program's own kind, so that under gevent a wait lets
            others go on.

    Attributes:
        early: what has come of the next frame.
        largest: bytes that a frame may have, at most.
    """

    __slots__ = ("__weakref__", "early", "largest", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.largest = UNKNOWN
        self.early = b""

    def send_bytes(self, frame: bytes) -> None:
        """Send one frame, which comes without its length."""
        self.sock.sendall(LENGTH.pack(len(frame)) + frame)

    def recv_bytes(self, largest: int = LARGEST) -> bytes:
        """The next frame, without its length.

        Args:
            largest: bytes that the caller takes; the channel may have its own, lower limit.

        Raises:
            EOFError: the other end has gone.
            Garbled: the frame is larger than it may be.
        """
        parts, self.early = [self.early or self._more()], b""
        while (have := len(parts[0])) < LENGTH.size:
            parts[0] += self._more()
        end = LENGTH.unpack_from(parts[0])[0] + LENGTH.size
        if have == end:  # the usual answer comes whole
            return parts[0][LENGTH.size :]
        if end - LENGTH.size > min(largest, self.largest):
            raise Garbled("a frame that is larger than it may be")
        while have < end:
            parts.append(self._more())
            have += len(parts[-1])
        whole = b"".join(parts)
        self.early = whole[end:]
        return whole[LENGTH.size : end]

    def ask(self, frame: bytes) -> tuple[int, list[Field]]:
        """Send a frame, which comes with its length, and wait for the answer.

        Raises:
            OSError: the connection broke, or the answer did not come in the socket's timeout.
            EOFError: the other end has gone.
            Garbled: what came is no answer.
        """
        self.sock.sendall(frame)
        return unpack(self.recv_bytes())

    def _more(self) -> bytes:
        part = self.sock.recv(262144)
        if not part:
            raise EOFError("the other end closed the connection")
        return part
