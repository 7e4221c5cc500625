"""Sites: the places in the source where an instrumented program tells what it does.

The instrumented code knows a site by its number alone, which costs nothing to pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from instep.races.reading.model import Place

READ = "read"
WRITE = "write"
UPDATE = "update"
"""Reads and writes in one step: `setdefault`, `pop`."""
ITERATE = "iterate"
TEST = "test"
"""A read that only decides: `if x is None`, `k in d`, `len(d)`."""
LOCK = "lock"


@dataclass(slots=True)
class Site:
    """One access or lock operation in the source.

    Args:
        kind: what it does: `read`, `write`, `update`, `iterate`, `test`; `lock` for locks.
        key: the name of the attribute or global, mangled; of an item its text in the source.
        place: where.
        item: it is about what is inside a container, not about an attribute or global.
        text: the owner and the key as the source has them: `self.count`, `orders['n']`.
        namespace: the `__dict__` of the module, for a global.
        method: of a container, or of a lock.
    """

    kind: str
    key: str
    place: Place
    item: bool = False
    text: str = ""
    namespace: dict[str, Any] | None = None
    method: str = ""


SITES: list[Site] = []
"""By number. It only grows: code that was instrumented may run for as long as the process."""


def register(site: Site) -> int:
    """Give a site its number."""
    SITES.append(site)
    return len(SITES) - 1
