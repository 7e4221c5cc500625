"""Which locks keep two accesses apart.

How it stays right. Two accesses cannot come between each other if one lock is held at both (the
lockset idea of Eraser: Savage et al., 1997). A read and the write that follows from it are one step
only if they lie in the same *hold* of such a lock, and every other writer takes it too. A lock that
was made in the function that takes it is another one for each caller and keeps nobody out; one of
many locks, chosen by a key, keeps out only who has the same key.
"""

from __future__ import annotations

from collections.abc import Iterable

from instep.races.reading.model import Access, Hold, Lock
from instep.races.rules.methods import is_literal


def is_item(access: Access) -> bool:
    """Whether it concerns an entry that the request names; a lock for its key protects that."""
    named = access.key is not None and not is_literal(access.key)
    return named or "[]" in access.location.path[:-1]


def common_hold(accesses: Iterable[Access]) -> frozenset[Lock]:
    """The locks that are held all the time from the first access to the last."""
    holds: frozenset[Hold] | None = None
    for access in accesses:
        holds = access.held if holds is None else holds & access.held
    return frozenset(hold.lock for hold in holds or () if not hold.lock.private)


def taken(access: Access) -> frozenset[Lock]:
    """The locks held at an access that exclude anybody."""
    return frozenset(hold.lock for hold in access.held if not hold.lock.private)


def excludes(span: frozenset[Lock], access: Access, other: Access) -> bool:
    """Whether another one's access cannot fall into a span of locks.

    Args:
        span: the locks that are held throughout.
        access: what they protect.
        other: an access of another actor, or of the same in another request.
    """
    return any(
        mine.name == theirs.name
        and not (mine.shared and theirs.shared)
        and (not mine.per_key or (is_item(access) and is_item(other)))
        for mine in span
        for theirs in taken(other)
    )
