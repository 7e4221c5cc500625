"""How deep packed data nests, found without nesting.

Decoding recurses in C, where too much depth is not an exception but the end of the process. So
what nests through many extensions is measured first, with a list of what is still to be opened.
"""

from typing import Any

from ormsgpack import unpackb

from .values import NESTING

LIMIT = 1000
EXTENSIONS = 64  # inside each other: each takes several Python frames
MEASURED = 4  # the extension level at which what is below is measured


def too_deep(data: bytes) -> bool:
    """Tell whether packed data nests deeper than `LIMIT` (counting generously).

    Raises:
        ValueError: the data is corrupt.
    """
    if len(data) <= LIMIT:
        return False  # every level takes a byte at least
    pending = [(data, 0)]
    while pending:
        packed, above = pending.pop()
        inside: list[bytes] = []

        def keep(code: int, payload: bytes, inside: list[bytes] = inside) -> None:
            if code in NESTING:
                inside.append(payload)

        depth = above + 1 + _levels(unpackb(packed, ext_hook=keep))
        if depth > LIMIT:
            return True
        pending += [(payload, depth) for payload in inside if len(payload) > LIMIT - depth]
    return False


def _levels(value: Any) -> int:
    level, count = [value], 0
    while level := [
        child
        for nest in level
        if type(nest) in (dict, list)
        for child in (nest.values() if type(nest) is dict else nest)
    ]:
        count += 1
    return count
