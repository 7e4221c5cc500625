"""Values as PostgreSQL's binary protocol has them."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from typing import NamedTuple

from ..base import Record
from .link import Result
from .outcome import Mark

number = struct.Struct(">q").pack
"""A bigint."""

real = struct.Struct(">d").pack
"""A double precision."""

_number = struct.Struct(">q").unpack
_real = struct.Struct(">d").unpack
_ARRAY = struct.Struct(">iiIii")  # dimensions, whether there are NULLs, type, length, first index
_LENGTH = struct.Struct(">i")
BYTEA, BIGINT = 17, 20  # the numbers of types


class Row(NamedTuple):
    """A held row.

    Args:
        version: 0 for a place that is held without a record.
        txid: of the transaction that wrote it, in 8 bytes.
        expires: as in `Record`.
        data: the bytes.
    """

    version: int
    txid: bytes
    expires: float
    data: bytes

    def lives(self) -> bool:
        """Whether it is a record, and has not expired."""
        return bool(self.version) and not 0.0 < self.expires <= time.time()


def array(values: Sequence[bytes | None], kind: int = BYTEA) -> bytes:
    """An array of values in their binary form: of bytea, or of another type by its number."""
    parts = [_ARRAY.pack(1, None in values, kind, len(values), 1)]
    for value in values:
        parts += [_LENGTH.pack(-1)] if value is None else [_LENGTH.pack(len(value)), value]
    return b"".join(parts)


def held_row(found: Result, row: int, first: int, lives: dict[bytes, bytes]) -> tuple[Row, Mark]:
    """A row of `lock` or `load`, and what identifies the transaction.

    Args:
        found: their result.
        row: its number.
        first: the number of the first column, the version.
        lives: the tokens of the server's life, by the process that runs the transaction.
    """
    value = found.get_value
    [version], [expires] = _number(value(row, first)), _real(value(row, first + 2))  # type: ignore[arg-type]
    held = Row(version, value(row, first + 1) or b"", expires, value(row, first + 3) or b"")
    return held, Mark(value(row, first + 4) or b"", lives.get(value(row, first + 5) or b"", b""))


def real_of(value: bytes | None) -> float:
    """The number that a double precision is; 0.0 for NULL."""
    found: float = _real(value)[0] if value else 0.0
    return found


def record(found: Result, row: int, first: int) -> Record:
    """A row of `read` or `scan`, with the arguments of `held_row`."""
    value = found.get_value
    return Record(
        _number(value(row, first))[0],  # type: ignore[arg-type]
        _number(value(row, first + 1))[0],  # type: ignore[arg-type]
        _real(value(row, first + 2))[0],  # type: ignore[arg-type]
        value(row, first + 3) or b"",
    )
