"""What a Redis store's verbs have in common in a process: calls, names, holds, and waiting."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from ...errors import Holder, Misuse, StoreError
from .. import process
from ..base import Record
from ..holds import TABLE_SIZE, Holds
from ..keys import readable
from ..lease import Keepers
from ..record import alive
from .address import Settings
from .calls import Calls
from .layout import SLICE, Layout
from .route import route
from .scripts import command, packed

SLACK = 1.0  # seconds that the server has to answer where the caller would not wait at all
_WISH = b"3000"  # ms that what a holder waits for is known

_monotonic = time.monotonic


class Place(process.Lockless):
    """A Redis server, or a cluster, as this process reaches it.

    Args:
        settings: what its URL says.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = settings.shown
        self._settings = settings
        self.layout = Layout(settings.namespace, settings.kind == "cluster")
        self.patience = settings.patience
        self.keepers = Keepers(settings.lease)
        self._lease = microseconds(settings.lease)
        self.calls: Calls
        self._begin()
        process.watch(self)

    def lease(self, lease: float | None) -> bytes:
        """How long a hold lasts, packed; None for as long as the URL says."""
        return self._lease if lease is None else microseconds(lease)

    def close(self) -> None:
        """Close the connections that nobody uses; the next call makes new ones."""
        self.calls.route.close()

    def after_fork_in_child(self) -> None:
        """The connections, the holds and the requests' numbers are the parent's."""
        process.forget(self.calls)
        self._begin()

    def _begin(self) -> None:
        self.holds = Holds(bytearray(TABLE_SIZE), None)
        self.calls = Calls(self._settings, self.layout, route(self._settings, self.layout))
        self.who = b"%b %d" % (socket.gethostname().encode(), os.getpid())

    def together(self, keys: Iterable[bytes]) -> None:
        """Raise Misuse for keys that no one script can have."""
        if not self.layout.cluster:
            return
        first, *others = keys
        for other in others:
            if self.layout.shard(other) != self.layout.shard(first):
                raise Misuse(
                    f"{readable(first)} and {readable(other)} are in different slots of the "
                    f"cluster {self.url}, and one transaction is in one: declare both with "
                    'space.options(group="…"), or give their names the same hash tag, as in '
                    '"{orders}stock"'
                )

    def until(self, deadline: float) -> float:
        """When to give up asking the server, for a call that would wait until a deadline."""
        return max(deadline, _monotonic() + SLACK)

    def found(self, key: bytes, until: float) -> tuple[bytes | None, Record | None]:
        """A record's transaction id, also if it has expired, and the record if it has not."""
        layout = self.layout
        question = command(b"HMGET", layout.record(key), b"d", b"v", b"t", b"x")
        [fields] = self.calls.ask(layout.shard(key), question, until)
        return fields[2], alive(record_of(fields))

    def each(self, questions: list[tuple[int, bytes]]) -> list[Any]:
        """What commands for shards answer, in their order."""
        return self.calls.each(questions, _monotonic() + self.patience)

    def await_turn(self, key: bytes, seconds: float) -> bool:
        """Wait until whoever holds a key wakes this waiter; whether it did."""
        seconds = min(max(seconds, 0.001), SLICE)
        question = command(b"BLPOP", self.layout.waiters(key), b"%.3f" % seconds)
        until = _monotonic() + seconds + 3 * SLACK
        try:
            [woken] = self.calls.ask(self.layout.shard(key), question, until)
        except StoreError:  # the next request finds out whether it is gone for longer
            return False
        return woken is not None

    def tell(self, shard: int, token: bytes, wanted: bytes) -> None:
        """Let others know what the holder with a token waits for."""
        wish = self.layout.wish(shard, token)
        with suppress(StoreError):  # it explains, and decides nothing
            self.calls.ask(shard, command(b"SET", wish, wanted, b"PX", _WISH), _monotonic() + SLACK)

    def rival(self, key: bytes) -> tuple[bytes | None, bytes | None]:
        """The token that holds a key, and the key that its holder waits for; None if unknown."""
        layout, until = self.layout, _monotonic() + SLACK
        shard = layout.shard(key)
        try:
            [[token]] = self.calls.ask(shard, command(b"HMGET", layout.record(key), b"h"), until)
            if not token:
                return None, None
            [wanted] = self.calls.ask(shard, command(b"GET", layout.wish(shard, token)), until)
        except StoreError:
            return None, None
        return token, wanted

    def holder(self, key: bytes) -> Holder | None:
        """Who holds a key on the server, as far as that can be told."""
        return holder_of(self.rival(key)[0])


def microseconds(seconds: float) -> bytes:
    """A duration as the scripts read it, packed; in whole milliseconds."""
    return packed(b"%d" % (round(seconds * 1000) * 1000))


def record_of(fields: list[Any]) -> Record | None:
    """The record in the fields d, v, t and x of a hash."""
    data, version, txid, expires = fields
    if data is None:
        return None
    return Record(int(version), int(txid), float(expires or 0), data)


def holder_of(token: bytes | None) -> Holder | None:
    """Who a token is."""
    words = (token or b"").decode(errors="replace").split(" ")
    if len(words) != 5:
        return None
    return Holder(words[0], int(words[1]), int(words[2]), float(words[3]))
