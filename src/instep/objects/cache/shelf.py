"""The entries of one cache in a store: read, stored, marked and deleted, each in one step.

How it stays right: an entry says itself until when it is fresh. The record's expiry only lets the
store forget it, so it may be later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from ...errors import InstepError, Misuse, StoreError
from ...stores.change import Put
from ...stores.keys import TEXT
from ...stores.listing import everything
from ...transaction import Opened
from ..kinds import CACHE, expect
from ..names import Owner, utf8
from ..size import limited
from . import entry as entries
from .bound import Bound
from .entry import Entry
from .figures import Figures
from .tags import ALL, Tags
from .terms import Terms

log = logging.getLogger("instep")


class Made(NamedTuple):
    """An entry that can be stored.

    Args:
        data: its bytes.
        fresh: until when it is fresh, in seconds since the epoch.
        expires: when the record ends; 0.0 for never.
    """

    data: bytes
    fresh: float
    expires: float


Revise = Callable[[float, dict[str, bytes], Entry | None], Made]
"""See `Shelf.revise`."""


class _Otherwise(Exception):
    """Something else is there than was thought: nothing is written, not even an expiry."""


class Shelf:
    """Where a cache's entries are.

    Args:
        space: the space.
        name: the cache's.
        prefix: what all of its keys begin with.
        terms: what was declared.
        figures: the cache's.
    """

    def __init__(
        self, space: Owner, name: str, prefix: bytes, terms: Terms, figures: Figures
    ) -> None:
        self._codec = space.codec
        self._space = space
        self._name = name
        self._terms = terms
        self.lead = prefix + TEXT
        self.tags = Tags(space.codec, prefix)
        self._figures = figures
        self._bound = Bound(terms.max_entries, prefix) if terms.max_entries else None
        self._warned = False

    def key(self, key: str) -> bytes:
        """The key of an entry's record.

        Raises:
            Misuse: it is no text.
        """
        if type(key) is not str:
            raise Misuse(
                f"{self._name!r}: a cache's keys are texts; this is {key!r}: make one of it, such "
                "as str(…), or let cached() do so"
            )
        return self.lead + utf8(key)

    def read(self, opened: Opened, full: bytes) -> Entry | None:
        """The entry of a key, fresh or not, unless its tags are invalid."""
        found = self._entry(opened, full)
        if found is not None and found.tags and not self.tags.valid(opened.store, found.tags):
            return None
        return found

    def tagged(self, opened: Opened, tags: tuple[str, ...], fresh: float) -> dict[str, bytes]:
        """What the tags of an entry that is about to be made are now.

        Args:
            opened: the store.
            tags: the tags.
            fresh: until when the entry will be fresh, about; in seconds since the epoch.
        """
        if not opened.store.powers.listing:
            tags = (*tags, ALL)
        if not tags:
            return {}
        until = self._terms.expires(fresh)
        return self.tags.now(opened.store, tags, until and until + entries.MARKED, opened.timeout)

    def made(
        self, full: bytes, value: object, fresh: float, cost: float, tags: dict[str, bytes]
    ) -> Made:
        """An entry of a value.

        Args:
            full: its key.
            value: the value.
            fresh: until when it is fresh, in seconds since the epoch.
            cost: how long it took to make, in seconds.
            tags: as `tagged` gave them.

        Raises:
            Misuse: the value cannot be stored, or is too large.
        """
        new = Entry(entries.new_flight(), time.time(), fresh, cost, tags, value)
        where = f"{self._name}[{full[len(self.lead) :].decode()!r}]"
        data = limited(entries.pack(self._codec, new, where), full, self._space)
        return Made(data, fresh, self._terms.expires(fresh))

    def value(self, made: Made) -> Any:
        """The value of an entry, as others will get it."""
        found = entries.read(self._codec, made.data)
        assert found is not None
        return found.value

    def put(self, opened: Opened, full: bytes, made: Made) -> None:
        """Store an entry, whatever there was; of one that has ended already, nothing stays."""
        if made.fresh <= time.time():
            self.delete(opened, full)
            return
        change = Put(made.data, self._check)
        opened.store.update(full, change, opened.timeout, expires=made.expires)
        self._stored(opened)

    def revise(
        self,
        opened: Opened,
        full: bytes,
        revised: Revise,
        end: Callable[[Entry | None], float],
    ) -> Made:
        """Replace an entry by what a function makes of it, in one step.

        Args:
            opened: the store.
            full: the entry's key.
            revised: gets until when the new entry is to be fresh, its tags, and the old one if it
                is fresh; returns the new one; may run more than once.
            end: until when the new one is to be fresh; gets the entry if it is.

        Returns:
            What was stored.
        """
        while True:
            # What cannot be done inside the step is done before it, and checked in it: the look at
            # the tags, and the new expiry.
            there = self._entry(opened, full)
            seen = there if there and self._good(opened, there) else None
            until = end(seen)
            with suppress(_Otherwise):
                tags = self._tags_of(opened, seen, until)
                step = partial(self._revised, there, seen, partial(revised, until, tags))
                expires = self._terms.expires(until)
                made: Made = opened.store.update(full, step, opened.timeout, expires=expires)
                self._stored(opened)
                return made

    def mark(self, opened: Opened, full: bytes) -> int:
        """Let a flight begin: if its mark, a number, is still there when it ends, it may store."""

        def marked(old: bytes | None) -> tuple[bytes, int]:
            self._check(old)
            return entries.marked(self._codec, old)

        until = time.time() + entries.MARKED + self._terms.stale
        return opened.store.update(full, marked, opened.timeout, expires=until)

    def land(self, opened: Opened, full: bytes, number: int, made: Made) -> None:
        """Store what a flight has made, if its mark is still there."""
        lasts = made.fresh > time.time()

        def landed(old: bytes | None) -> tuple[bytes | None, None]:
            if not entries.is_marked(old, number):
                raise _Otherwise
            return (made.data if lasts else None), None

        expires = made.expires if lasts else None
        try:
            opened.store.update(full, landed, opened.timeout, expires=expires)
        except _Otherwise:
            return
        if lasts:
            self._stored(opened)

    def unmark(self, opened: Opened, full: bytes, number: int) -> None:
        """Take away the mark of a flight that failed, unless it is at a value that may be served.

        What cannot be taken away ends.
        """

        def unmarked(old: bytes | None) -> tuple[bytes | None, None]:
            gone = entries.is_marked(old, number) and self.fresh(old, self._terms.stale) is None
            return (None if gone else old), None

        with suppress(InstepError):
            opened.store.update(full, unmarked, opened.timeout)

    def fresh(self, data: bytes | None, stale: float = 0.0) -> Entry | None:
        """The entry in some data if it is fresh; its tags are not looked at.

        Args:
            data: of its record.
            stale: seconds for which it may be older than that.
        """
        found = None if data is None else self._unpacked(data)
        return found if found is not None and time.time() < found.fresh + stale else None

    def delete(self, opened: Opened, full: bytes) -> bool:
        """Delete an entry; whether there was one that was fresh."""

        def deleted(old: bytes | None) -> tuple[None, bool]:
            self._check(old)
            return None, self.fresh(old) is not None

        return opened.store.update(full, deleted, opened.timeout)

    def delete_all(self, opened: Opened, start: bytes) -> int:
        """Delete the entries whose keys begin with some bytes; how many were fresh."""
        if not opened.store.powers.listing:
            raise Misuse(
                f"{self._name!r}: {opened.store.url} cannot list its keys, so no prefix can be "
                "found there: give what belongs together a tag, and use delete_tag(…)"
            )
        return sum(self.delete(opened, full) for full, _ in everything(opened.store, start))

    def clear(self, opened: Opened) -> None:
        """Delete all entries, or make them invalid where they cannot be listed."""
        if opened.store.powers.listing:
            self.delete_all(opened, self.lead)
        else:
            self.tags.delete(opened, ALL)

    def _stored(self, opened: Opened) -> None:
        """Make room, if there are too many."""
        if self._bound is not None:
            for _ in range(self._bound.stored(opened.store, opened.timeout)):
                self._figures.evicted()

    def _good(self, opened: Opened, found: Entry) -> bool:
        return time.time() < found.fresh and self.tags.valid(opened.store, found.tags)

    def _tags_of(self, opened: Opened, found: Entry | None, until: float) -> dict[str, bytes]:
        """The tags of an entry that is made of another one, which last as long as itself.

        Raises:
            _Otherwise: they are invalid by now.
        """
        before = found.tags if found else {}
        now = self.tagged(opened, tuple(before), until)
        if any(now[tag] != number for tag, number in before.items()):
            raise _Otherwise
        return now

    def _revised(
        self,
        there: Entry | None,
        seen: Entry | None,
        revised: Callable[[Entry | None], Made],
        old: bytes | None,
    ) -> tuple[bytes, Made]:
        self._check(old)
        found = self.fresh(old)
        if found is not None and found.tags:
            if there is None or found.made != there.made:
                raise _Otherwise
            found = seen
        if (found and found.fresh) != (seen and seen.fresh):
            raise _Otherwise
        made = revised(found)
        return made.data, made

    def _entry(self, opened: Opened, full: bytes) -> Entry | None:
        record = opened.store.read(full)
        return None if record is None else self._unpacked(record.data)

    def _unpacked(self, data: bytes) -> Entry | None:
        """What this program cannot read it makes anew: a class is not declared, or refuses it."""
        self._check(data)
        try:
            return entries.read(self._codec, data)
        except Exception as error:
            if not self._warned:
                self._warned = True
                why = error if isinstance(error, StoreError) else repr(error)
                log.warning("instep: %r has what is made anew, because %s", self._name, why)
            return None

    def _check(self, data: bytes | None) -> None:
        if data is not None and data[:1] != CACHE:
            raise expect(CACHE, data, self._name)
