"""What can be left over from before a fork, in the words in which server and prover tell it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was carried over the fork."""

    CONNECTION = "connection"
    DATABASE = "SQLite database"
    FILE = "open file"
    POOL = "thread pool"
    RANDOM = "random numbers"
    LOCK = "held lock"
    THREAD = "thread"


@dataclass(frozen=True, slots=True, order=True)
class Leftover:
    """One thing that was made before the fork and is still there after it.

    Args:
        kind: what it is.
        name: the variable that leads to it, or nothing if no variable of the program does.
        what: the class of what that variable holds.
        detail: the other end of a connection, the path of a file, what a thread runs.
    """

    kind: Kind
    name: str = ""
    what: str = ""
    detail: str = ""

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Leftover":
        """What `document` wrote."""
        return cls(**document | {"kind": Kind(document["kind"])})


@dataclass(frozen=True, slots=True)
class Scan:
    """What the processes of one server said.

    Args:
        processes: how many were asked, and could say it.
        leftovers: each with the processes that have it.
    """

    processes: int = 0
    leftovers: Mapping[Leftover, tuple[int, ...]] = field(default_factory=dict)


def scanned(told: Mapping[str, Mapping[str, Any]]) -> Scan:
    """Put together what several processes said.

    Args:
        told: by process id, what each said about itself.
    """
    left: dict[Leftover, tuple[int, ...]] = {}
    able = {
        int(pid): each["leftovers"] for pid, each in told.items() if each["leftovers"] is not None
    }
    for pid, leftovers in sorted(able.items()):
        for document in leftovers:
            leftover = Leftover.read(document)
            left[leftover] = (*left.get(leftover, ()), pid)
    return Scan(len(able), dict(sorted(left.items())))
