"""Copying: every record of a source to a store, and a comparison of all of them at the end.

How it stays right. Before anything is written, what the target has already is compared with the
source; what differs is refused, or expressly allowed. A record is written in one step of the
target, which refuses if meanwhile somebody else wrote there, so none is ever half there; one that
is equal is left alone, so an interrupted copy is run again and goes on. At the end everything is
read once more from both sides. Only the store contract is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..errors import Conflict, Misuse
from ..stores.base import Record, Store
from .findings import Findings, compared
from .lines import name_of
from .sources import Page, Source, StoreSource, gone, same

Watch = Callable[[str, int, int | None], object]
"""Is told of progress: the step, how many records are done, and of how many if that is known."""

TIMEOUT = 10.0  # seconds; the wait for somebody who holds a record of the target
_THREADS = 8  # towards a server, whose answers take time


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be at the target already.

    Args:
        merge: records that the source does not have: they are left alone.
        overwrite: records that differ from the source's: they are replaced.
        volatile: the target may be one that forgets.
    """

    merge: bool = False
    overwrite: bool = False
    volatile: bool = False


@dataclass(slots=True)
class Moved:
    """What a copy did.

    Args:
        written: records written.
        equal: records that were at the target already.
        expired: records that expired while they were copied.
        compared: records compared at the end.
        differing: those that were found to differ then.
    """

    written: int = 0
    equal: int = 0
    expired: int = 0
    compared: int = 0
    differing: Findings = field(default_factory=Findings)


def copy(
    source: Store,
    target: Store,
    *,
    prefix: str = "",
    merge: bool = False,
    overwrite: bool = False,
    volatile: bool = False,
    watch: Watch | None = None,
) -> Moved:
    """Copy the records of a store to another one, with their versions and expiry, and compare.

    Args:
        source: it is only read.
        target: it should be empty, or have the beginning of the same copy.
        prefix: only names that begin with it.
        merge: the target may have records that the source does not have.
        overwrite: replace records of the target that differ.
        volatile: the target may be one that forgets.
        watch: see `Watch`.

    Returns:
        What was done, and what differed at the end: nothing, unless somebody wrote meanwhile.

    Raises:
        Misuse: both are the same store, the source cannot list its records, or the target has
            something that is not allowed; nothing was written.
        Conflict: somebody else writes to the target; it ends there, and may be run again.
        StoreError: likewise.

    Example:
        >>> from instep.stores import engine
        >>> old, new = engine("memory:").open(), engine("memory:").open()
        >>> old.update(b"name", lambda data: (b"data", None), 1.0, version=7)
        >>> copy(old, new).written, new.read(b"name").version
        (1, 7)
    """
    if source is target or (source.url == target.url != "memory:"):
        raise Misuse(f"{target.url} is the source and the target: name two stores")
    if not source.powers.listing:
        raise Misuse(
            f"{source.url} cannot say which records it has, so they cannot be copied: let the "
            "program fill the new store"
        )
    rules = Rules(merge=merge, overwrite=overwrite, volatile=volatile)
    return move(StoreSource(source), target, encoded(prefix), rules, watch)


def encoded(prefix: str) -> bytes:
    """The bytes that the keys of all names with this beginning begin with."""
    try:
        return prefix.encode()
    except UnicodeEncodeError:
        raise Misuse(f"the prefix {prefix!r} is not valid Unicode text") from None


def move(
    source: Source, target: Store, prefix: bytes, rules: Rules, watch: Watch | None = None
) -> Moved:
    """What `copy` does, from any source."""
    if target.powers.volatile and not rules.volatile:
        raise Misuse(
            f"{target.url} may forget any record at any time: say --volatile (volatile=True) if "
            "the program can do without each of them"
        )
    return _Move(source, target, prefix, rules, watch or _nobody).run()


def _nobody(step: str, done: int, total: int | None) -> None:
    """Nobody watches."""


T = TypeVar("T")
Each = Callable[[Callable[[tuple[bytes, Record]], T], Page], Iterable[T]]


class _Move:
    """One run: look at the target, write, compare."""

    def __init__(
        self, source: Source, target: Store, prefix: bytes, rules: Rules, watch: Watch
    ) -> None:
        self.source = source
        self.target = target
        self.prefix = prefix
        self.rules = rules
        self.watch = watch
        self.moved = Moved()

    def run(self) -> Moved:
        empty = self._look()
        with _workers(_THREADS if self.target.powers.machines else 1) as each:
            count = self._write(empty, each)
            present = self._compare(count, each)
        if self.target.powers.listing and not self.rules.merge:
            self._find_strangers(present)
        return self.moved

    def _look(self) -> bool:
        """Refuse what the target must not have; whether it has nothing."""
        if not self.target.powers.listing:
            self._refuse(self._differing_from_source(), Findings())
            return False
        different, strange, seen = Findings(), Findings(), 0
        for page in StoreSource(self.target).pages(self.prefix):
            for key, there in page:
                here = self.source.read(key)
                if here is None and not gone(there):
                    strange.add(key)
                elif here is not None and not same(here, there):
                    different.add(key, compared(here, there))
            seen += len(page)
            self.watch("looking at the target", seen, None)
        self._refuse(different, strange)
        return not seen

    def _differing_from_source(self) -> Findings:
        different, seen = Findings(), 0
        for page in self.source.pages(self.prefix):
            for key, here in page:
                there = self.target.read(key)
                if there is not None and not same(here, there):
                    different.add(key, compared(here, there))
            seen += len(page)
            self.watch("looking at the target", seen, None)
        return different

    def _refuse(self, different: Findings, strange: Findings) -> None:
        if different and not self.rules.overwrite:
            raise Misuse(
                f"{self.target.url} has {_records(different.count)} already that "
                f"{_differ(different.count)} from the source's: {different}. Nothing was written: "
                "copy to an empty store, or replace them with --overwrite (overwrite=True)"
            )
        if strange and not self.rules.merge:
            raise Misuse(
                f"{self.target.url} has {_records(strange.count)} that {self.source.shown} does "
                f"not have: {strange}. Nothing was written: copy to an empty store, or keep them "
                "beside the copied ones with --merge (merge=True)"
            )

    def _write(self, empty: bool, each: Each[Any]) -> int:
        """Write what is not there yet; how many records the source has."""
        moved, count = self.moved, 0
        one = partial(self._write_one, empty)
        for page in self.source.pages(self.prefix):
            for done in each(one, page):
                if done is None:
                    moved.expired += 1
                elif done:
                    moved.written += 1
                else:
                    moved.equal += 1
            count += len(page)
            self.watch("copying", count, None)
        return count

    def _write_one(self, empty: bool, item: tuple[bytes, Record]) -> bool | None:
        """Whether a record was written; None if it has expired."""
        key, record = item
        if gone(record):
            return None
        there = None if empty else self.target.read(key)
        if there is not None and same(record, there):
            return False
        change = partial(self._replace, key, record.data, there.data if there else None)
        expires, version = record.expires, record.version
        self.target.update(key, change, TIMEOUT, expires=expires, version=version)
        return True

    def _replace(
        self, key: bytes, new: bytes, seen: bytes | None, old: bytes | None
    ) -> tuple[bytes, None]:
        if old is not None and old not in (seen, new):
            raise Conflict(
                f"{name_of(key)} was written at {self.target.url} while it was being copied: end "
                "the program that uses that store, and copy again"
            )
        return new, None

    def _compare(self, total: int, each: Each[Any]) -> int:
        """Read everything once more, from both; how many of the source's the target has."""
        moved, present, count = self.moved, 0, 0
        for page in self.source.pages(self.prefix):
            for (key, here), there in zip(page, each(self._read, page), strict=True):
                present += there is not None
                if gone(here):
                    continue
                moved.compared += 1
                if there is None or not same(here, there):
                    moved.differing.add(key, compared(here, there))
            count += len(page)
            self.watch("comparing", count, max(total, count))
        return present

    def _read(self, item: tuple[bytes, Record]) -> Record | None:
        return self.target.read(item[0])

    def _find_strangers(self, present: int) -> None:
        """Name what the target has and the source has not (any more)."""
        pages = StoreSource(self.target).pages
        if sum(len(page) for page in pages(self.prefix)) <= present:
            return
        for page in pages(self.prefix):
            for key, there in page:
                if self.source.read(key) is None and not gone(there):
                    self.moved.differing.add(key, compared(None, there))


@contextmanager
def _workers(threads: int) -> Iterator[Each[Any]]:
    """Something that calls a function for each record of a page, in order of the page."""
    if threads == 1:
        yield map
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="instep-copy")
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)


def _records(count: int) -> str:
    return f"{count:,} record{'' if count == 1 else 's'}"


def _differ(count: int) -> str:
    return "differs" if count == 1 else "differ"
