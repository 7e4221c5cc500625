"""The limit on a record's size, for what is written without a transaction."""

from __future__ import annotations

from ..cells import too_large
from .names import Owner

LEAST = 64  # bytes that every record may have: what is shorter needs no look at the limit


def limited(data: bytes, key: bytes, space: Owner) -> bytes:
    """The data, unless it is more than a record may have."""
    limit = space.opened().max_record
    if len(data) > limit:
        raise too_large(key, len(data), limit)
    return data
