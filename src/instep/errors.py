"""What can go wrong, as one tree:

InstepError
├── Misuse            yours: the call, the class or the configuration is at fault
├── StoreError        the store's: it cannot be opened, read or written
└── Conflict          somebody else was there; the same call may succeed when made again
    ├── LockTimeout   another caller held the object for longer than this one would wait
    ├── PoolTimeout   others had all connections of a pool for longer than this one would wait
    └── LeaseLost     this caller was paused beyond its lease, and its commit was refused

Nothing was changed, and the message names the way out. One StoreError is different and says so: a
server that could not be reached again before it told what became of a commit.
"""

from dataclasses import dataclass
from datetime import datetime


class InstepError(Exception):
    """Root of everything that instep raises on its own account."""


class Misuse(InstepError):
    """The program asks for what cannot be right: mend the call, the class or the configuration."""


class StoreError(InstepError):
    """The store cannot be opened, read or written, or holds what this code cannot understand."""


class Conflict(InstepError):
    """Somebody else was there first; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an object: the evidence that a `LockTimeout` carries.

    Args:
        host: the machine's name.
        pid: the process id on that machine.
        thread: the thread's (or greenlet's) identifier in that process; 0 if that is not known.
        since: seconds since the epoch at which the hold began.
    """

    host: str
    pid: int
    thread: int
    since: float

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).isoformat(sep=" ", timespec="milliseconds")
        thread = f" (thread {self.thread})" if self.thread else ""
        return f"process {self.pid}{thread} on {self.host} since {since}"


class LockTimeout(Conflict):
    """An object was held by somebody else for longer than the caller would wait.

    Args:
        message: what happened, for people.
        name: the object that was waited for.
        timeout: how long was waited, in seconds.
        holder: who held it when the wait ended, or None if that could not be told.
    """

    def __init__(
        self, message: str, *, name: str, timeout: float, holder: Holder | None = None
    ) -> None:
        super().__init__(message)
        self.name = name
        self.timeout = timeout
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Borrower:
    """Who has a connection of a pool: the evidence that a `PoolTimeout` carries.

    Args:
        thread: the thread's (or greenlet's) identifier.
        thread_name: its name.
        request: the request that it answered, as `GET /path`; empty if there was none.
        since: seconds since the epoch at which it took the connection.
        where: the line of code that took it; empty if that is not known.
    """

    thread: int
    thread_name: str
    request: str
    since: float
    where: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).isoformat(sep=" ", timespec="milliseconds")
        request = f", {self.request}," if self.request else ""
        where = f", at {self.where}" if self.where else ""
        return f"thread {self.thread_name} ({self.thread}){request} since {since}{where}"


class PoolTimeout(Conflict):
    """Others had all connections of a pool for longer than the caller would wait.

    Args:
        message: what happened, for people.
        name: the pool.
        timeout: how long was waited, in seconds.
        borrowers: who had the connections when the wait ended, the longest first.
    """

    def __init__(
        self, message: str, *, name: str, timeout: float, borrowers: tuple[Borrower, ...] = ()
    ) -> None:
        super().__init__(message)
        self.name = name
        self.timeout = timeout
        self.borrowers = borrowers


class LeaseLost(Conflict):
    """The caller's right to write ended before it wrote; its changes were refused."""
