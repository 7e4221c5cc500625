"""Who holds what in PostgreSQL: asked after a wait was too long, as evidence for its error."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from hashlib import blake2b

from ...errors import Holder, StoreError
from .link import Refused, Result
from .pool import Connections
from .values import BIGINT, array, real_of

_PATIENCE = 1.0  # seconds that a name is worth
_NAME = re.compile(r"instep (\d+)@(.*)")


def holders(pool: Connections, keys: Sequence[bytes]) -> dict[bytes, Holder]:
    """Who holds rows, as far as the server tells; does not raise.

    Args:
        pool: connections to the server.
        keys: as they are stored.
    """
    try:
        asked = "holders", (array(keys), evidence(pool.settings.schema, keys))
        [found] = pool.ask((asked,), time.monotonic() + _PATIENCE)
    except (StoreError, Refused):
        return {}
    return dict(filter(None, (_holder(found, row) for row in range(found.ntuples))))


def evidence(schema: str, keys: Sequence[bytes]) -> bytes:
    """The numbers of the locks that show who holds keys without rows, as a bigint[]."""
    place = schema.encode()
    return array([blake2b(key, digest_size=8, key=place).digest() for key in keys], BIGINT)


def _holder(found: Result, row: int) -> tuple[bytes, Holder] | None:
    """Connections of this package say in their name of what process they are."""
    name = (found.get_value(row, 1) or b"").decode(errors="replace")
    said = _NAME.fullmatch(name)
    if not said:
        return None
    since = real_of(found.get_value(row, 2))
    return found.get_value(row, 0) or b"", Holder(said[2], int(said[1]), 0, since)
