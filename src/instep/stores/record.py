"""Records and keys as the engines that keep plain bytes write them.

A record is a header and the data: format byte, flags, version, transaction id, expiry. Engines
limit their keys (LMDB: 511 bytes), so a longer key is stored under its beginning and its SHA-256,
and the whole of it is kept in the record.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from itertools import count
from struct import Struct

from ..errors import StoreError
from . import process
from .base import Record
from .keys import check_key

FORMAT = 1
SHORT = 479  # bytes; a longer key is shortened to one more, so that none looks like another
PREFIX = 447  # of a longer key; with the mark and the digest it makes 480 bytes

_HEADER = Struct("<BBQQd")
_LENGTH = Struct("<H")
_MARK = b"\xff"  # no UTF-8 text contains it, so no short key looks like a shortened one
_LONG = 1

_SHORT_RECORD = "a record is too short to be one: the store is damaged, or something else wrote it"

HEADER_SIZE = _HEADER.size
expiry = Struct("<18xd").unpack_from
"""The expiry of a stored record, in a tuple: for those who look at many."""

_pack = _HEADER.pack
_unpack = _HEADER.unpack_from
_size = _HEADER.size
_time = time.time
_new = tuple.__new__  # what the class of a named tuple calls, without its arguments


def shorten(key: bytes) -> bytes:
    """The key under which an engine with short keys stores `key`."""
    if 0 < len(key) <= SHORT:
        return key
    check_key(key)
    return key[:PREFIX] + _MARK + sha256(key).digest()


def successor(
    key: bytes,
    raw: bytes | None,
    data: bytes,
    expires: float | None = None,
    version: int | None = None,
) -> bytes:
    """The stored form of the record that follows `raw`, with a transaction id of its own.

    Args:
        key: the whole key.
        raw: what is stored now, or None.
        data: the new data.
        expires: the new expiry, or None to leave it as it is (an expired record had none).
        version: the new version, or None for the next one.
    """
    before, keep = 0, 0.0
    if raw is not None:
        _, _, before, _, keep = _unpack(raw)
    if expires is not None:
        keep = expires
    elif keep and keep <= time.time():
        keep = 0.0
    if len(key) <= SHORT:
        return _pack(FORMAT, 0, version or before + 1, next(_txids), keep) + data
    head = _pack(FORMAT, _LONG, version or before + 1, next(_txids), keep)
    return b"".join((head, _LENGTH.pack(len(key)), key, data))


def data_of(raw: bytes) -> bytes | None:
    """The data of a stored record, or None when it has expired."""
    if len(raw) < _size:
        raise StoreError(_SHORT_RECORD)
    form, flags, _, _, expires = _unpack(raw)
    if form != FORMAT or flags or expires:
        record = alive(decode(raw))
        return record.data if record else None
    return raw[_size:]


def decode(raw: bytes) -> Record:
    """The record in its stored form, expired or not."""
    if len(raw) < _size:
        raise StoreError(_SHORT_RECORD)
    form, flags, version, txid, expires = _unpack(raw)
    if form != FORMAT:
        raise StoreError(
            f"a record of format {form}, and this release reads up to {FORMAT}: "
            "it was written by a newer release of instep; upgrade this one"
        )
    start = _size
    if flags & _LONG:
        start += _LENGTH.size + _LENGTH.unpack_from(raw, _size)[0]
    return Record(version, txid, expires, raw[start:])


def live(raw: bytes) -> Record | None:
    """The record in its stored form, or None when it has expired: the hot path of reads."""
    if len(raw) < _size:
        raise StoreError(_SHORT_RECORD)
    form, flags, version, txid, expires = _unpack(raw)
    if form != FORMAT or flags:
        return alive(decode(raw))
    if expires and expires <= _time():
        return None
    return _new(Record, (version, txid, expires, raw[_size:]))


def alive(record: Record | None) -> Record | None:
    """The record, or None when it has expired."""
    if record is not None and record.expires and record.expires <= time.time():
        return None
    return record


def full_key(stored: bytes, raw: bytes) -> bytes:
    """The key that `shorten` was given."""
    if not raw[1] & _LONG:
        return stored
    start = _size + _LENGTH.size
    return raw[start : start + _LENGTH.unpack_from(raw, _size)[0]]


class _Numbering(process.Lockless):
    """Begins transaction ids anew in each process, at a random number, however it was forked."""

    def __init__(self) -> None:
        self.after_fork_in_child()
        process.watch(self)

    def after_fork_in_child(self) -> None:
        """The parent goes on with its own."""
        global _txids
        _txids = count(int.from_bytes(os.urandom(7), "big"))


def next_txid() -> int:
    """The id of a transaction that is like no other's."""
    if not process.here[0]:
        process.settle()
    return next(_txids)


_txids: count[int]
_numbering = _Numbering()
