"""LMDB's data file as a file: its blocks, and what its first pages say."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from ..errors import StoreError

_MAGIC = 0xBEEFC0DE
_PAGE_HEAD = 16
# mdb.c, MDB_meta: magic, version, address, size, two databases, last page, transaction
_META = struct.Struct("=IIQQ48x48xQQ")


def allocate(path: Path, size: int, *, whole: bool = False) -> int:
    """Make a file at least `size` bytes long, with its blocks on the disk; the length it has.

    What it has already is gone over only if `whole`, that is while nobody writes: where the file
    system cannot allocate, the C library does it by reading and writing.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        length = os.fstat(fd).st_size
        start, end = 0 if whole else length, max(length, size)
        if start < end:
            os.posix_fallocate(fd, start, end - start)
        return end
    finally:
        os.close(fd)


def check(data: Path) -> None:
    """Refuse a file that LMDB would trip over: foreign, or cut short."""
    if not data.exists() or not data.stat().st_size:
        return
    with data.open("rb") as file:
        head, length = file.read(1 << 16), data.stat().st_size
    pages = [size for size in (4096, 8192, 16384, 32768) if _meta(head, size)]
    if not _meta(head, 0) or not pages:
        raise StoreError(f"{data} is not a data file of this store, or its beginning is damaged")
    newest = max(filter(None, (_meta(head, 0), _meta(head, pages[0]))), key=lambda meta: meta[1])
    if (newest[0] + 1) * pages[0] > length:
        raise StoreError(
            f"{data} is cut short: it has {length:,} bytes of at least "
            f"{(newest[0] + 1) * pages[0]:,}; to go back to the last checkpoint, stop "
            "every process that uses it and copy checkpoint.mdb over it"
        )


def _meta(head: bytes, offset: int) -> tuple[int, int] | None:
    """Last page and transaction of the meta page at an offset, or None if there is none."""
    if len(head) < offset + _PAGE_HEAD + _META.size:
        return None
    magic, _, _, _, last, txid = _META.unpack_from(head, offset + _PAGE_HEAD)
    return (last, txid) if magic == _MAGIC else None
