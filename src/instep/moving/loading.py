"""Loading: what `dump` wrote, into a store.

How it stays right. The whole file is read and decoded, and its digest compared, before anything is
written; what cannot be read twice is kept in a temporary file first. Then it is copied like any
other source, and compared at the end; should the file itself change meanwhile, that is an error.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from tempfile import TemporaryFile
from typing import BinaryIO

from ..errors import Misuse, StoreError
from ..stores.base import Record, Store
from .copying import Moved, Rules, Watch, encoded, move
from .dumping import FORMAT
from .lines import name_of, read, record_of
from .sources import Page

_PAGE, _BYTES = 1000, 4 << 20
_LONGEST = 1 << 30  # bytes of a line
_HEADER = 1 << 16


def load(
    file: BinaryIO,
    target: Store,
    *,
    prefix: str = "",
    merge: bool = False,
    overwrite: bool = False,
    volatile: bool = False,
    watch: Watch | None = None,
) -> Moved:
    """Write the records of a dump into a store, with their versions and expiry, and compare.

    Args:
        file: open for reading bytes.
        target: it should be empty, or have the beginning of the same dump.
        prefix: only names that begin with it.
        merge: the target may have records that the dump does not have.
        overwrite: replace records of the target that differ.
        volatile: the target may be one that forgets.
        watch: see `instep.moving.copying.Watch`.

    Returns:
        What was done, and what differed at the end: nothing, unless somebody wrote meanwhile.

    Raises:
        Misuse: it is no dump, or a newer release's, or the target has what is not allowed.
        StoreError: the dump is damaged or truncated; nothing was written.
        Conflict: somebody else writes to the target.
    """
    with _twice(file) as whole:
        source = DumpSource(whole, watch or (lambda step, done, total: None))
        rules = Rules(merge=merge, overwrite=overwrite, volatile=volatile)
        return move(source, target, _narrower(source.prefix, prefix), rules, watch)


class DumpSource:
    """A dump as a source of records; checked as a whole when it is made.

    Args:
        file: can be read several times.
        watch: is told how far the check is.
    """

    def __init__(self, file: BinaryIO, watch: Watch) -> None:
        self.shown = "the dump"
        self.prefix = ""
        self._file = file
        self._head = file.readline(_HEADER)
        self._begin = file.tell()
        self._digest: str | None = None
        self._index: dict[int, int] | None = None
        self._read_header()
        self._check(watch)

    def pages(self, prefix: bytes) -> Iterator[Page]:
        page: Page = []
        size = 0
        for _, key, record in self._records():
            if not key.startswith(prefix):
                continue
            page.append((key, record))
            size += len(record.data)
            if len(page) == _PAGE or size > _BYTES:
                yield page
                page, size = [], 0
        if page:
            yield page

    def read(self, key: bytes) -> Record | None:
        """A record, found by its place in the file: what makes this slow is done only if needed."""
        if self._index is None:
            self._index = {hash(found): at for at, found, _ in self._records()}
        at = self._index.get(hash(key))
        if at is None:
            return None
        self._file.seek(at)
        found, record = self._record(self._file.readline(), at)
        return record if found == key else None

    def _read_header(self) -> None:
        try:
            line = read(self._head)
        except ValueError:
            line = {}
        if line.get("instep") != "dump":
            raise Misuse("this is not a dump: its first line is not the one that instep dump makes")
        form, prefix = line.get("format"), line.get("prefix", "")
        if type(form) is not int or form > FORMAT:
            raise Misuse(
                f"this is a dump of format {form!r}, made by instep {line.get('version')}, and "
                f"this release reads up to {FORMAT}: upgrade this one"
            )
        self.shown = f"the dump of {line.get('url')} from {line.get('when')}"
        if not isinstance(prefix, str):
            raise self._damaged(0, "its prefix is not a text")
        self.prefix = prefix

    def _check(self, watch: Watch) -> None:
        prefix = encoded(self.prefix)
        for count, (at, key, _) in enumerate(self._records(), 1):
            if not key.startswith(prefix):
                raise self._damaged(at, f"{name_of(key)} does not begin with {self.prefix!r}")
            if count % 1000 == 0:
                watch("checking the dump", count, None)

    def _records(self) -> Iterator[tuple[int, bytes, Record]]:
        """Place, key and record of each line; at the end the digest is compared."""
        digest, count, at = sha256(self._head), 0, self._begin
        self._file.seek(at)
        while text := self._file.readline(_LONGEST):
            if not text.endswith(b"\n"):
                break
            if text.startswith(b'{"end"'):
                self._finish(at, text, count, digest.hexdigest())
                return
            digest.update(text)
            key, record = self._record(text, at)
            yield at, key, record
            count, at = count + 1, at + len(text)
            self._file.seek(at)  # whoever got the record may have read elsewhere meanwhile
        raise StoreError(
            f"{self.shown} is truncated after {count:,} records: its last line is missing; "
            "nothing of a part is loaded, take a whole one"
        )

    def _finish(self, at: int, text: bytes, count: int, digest: str) -> None:
        """Compare what was read with what the last line says."""
        try:
            last = read(text)
        except ValueError as error:
            raise self._damaged(at, str(error)) from None
        if self._file.read(1):
            raise self._damaged(at, "something follows its last line")
        if (last.get("records"), last.get("sha256")) != (count, digest):
            raise self._damaged(at, "its digest is not the one that its last line tells")
        if self._digest not in (None, digest):
            raise self._damaged(at, "it was changed while it was being loaded")
        self._digest = digest

    def _record(self, text: bytes, at: int) -> tuple[bytes, Record]:
        try:
            return record_of(read(text))
        except ValueError as error:
            raise self._damaged(at, str(error)) from None

    def _damaged(self, at: int, why: str) -> StoreError:
        return StoreError(f"{self.shown} is damaged at byte {at:,}: {why}; take one that is whole")


def _narrower(dumped: str, wanted: str) -> bytes:
    if not wanted.startswith(dumped) and not dumped.startswith(wanted):
        raise Misuse(f"the dump has only names that begin with {dumped!r}, none with {wanted!r}")
    return encoded(max(dumped, wanted, key=len))


@contextmanager
def _twice(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file, or a temporary copy of what can be read only once; nobody else can open that."""
    if file.seekable():
        yield file
        return
    with TemporaryFile(prefix="instep-load-") as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy
