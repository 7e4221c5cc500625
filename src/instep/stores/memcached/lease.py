"""A lease in memcached: a key that only its owner replaces, and that ends by itself.

It is taken by `add`, which one caller wins, and renewed and given back by `cas`, so that nobody
touches one that has become somebody else's. The server ends it when its owner is silent; it may
also throw it out when memory is short. So it orders those who come, and nothing more: truth is the
comparison of the record.

The server's clock goes by whole seconds. Whoever will not wait that long watches the lease's `cas`
number, which each renewal changes, by a clock of its own, and takes what has not been renewed.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from struct import Struct

from ...errors import Holder, StoreError
from .link import PATIENCE, Item, Link, Links, Lost, Server, silent

_OWNER = Struct("<16sQQd")  # token, pid, thread, since; then the host
_FIRST_SLEEP, _LAST_SLEEP = 0.2e-3, 10e-3  # seconds between two tries
_COARSE = 1.5  # seconds by which memcached's clock, of whole seconds, may end a lease early
_ENDED = -1  # an expiry in the past
_TRIES = 3  # to give one back over connections that break; others would wait until it ends


class Lease:
    """A right to one key, for some seconds.

    Args:
        links: this process's connections.
        server: where the key is.
        name: of the lease.
        seconds: that it lasts without a renewal; whole ones.
        silence: seconds without a renewal after which it is taken from its owner, if not None.
    """

    __slots__ = (
        "_cas",
        "_heard",
        "_links",
        "_seconds",
        "_server",
        "_silence",
        "_sure",
        "_token",
        "name",
        "sure_until",
        "value",
    )

    def __init__(
        self,
        links: Links,
        server: Server,
        name: bytes,
        seconds: int,
        silence: float | None = None,
    ) -> None:
        self._links = links
        self._server = server
        self.name = name
        self._seconds = seconds
        self._silence = silence
        self._sure = silence or seconds - _COARSE
        self._heard: tuple[bytes | None, float] = (None, 0.0)  # the owner's last number, and when
        self._token = os.urandom(16)
        owner = _OWNER.pack(self._token, os.getpid(), threading.get_ident(), time.time())
        self.value = owner + socket.gethostname().encode()
        self._cas: Item | None = None  # the item by which it can be given back at once
        self.sure_until = 0.0  # of `time.monotonic`: before that it has not run out

    def take(self, deadline: float) -> bool:
        """Try until it is ours or the deadline of `time.monotonic` has passed, once at least.

        Raises:
            StoreError: the server is not there, or does not answer.
        """
        try:
            return self._take(deadline)
        except StoreError:
            raise
        except BaseException:  # somebody ended the call: others would wait for nobody
            self.give_back(self._links.take(self._server))
            raise

    def _take(self, deadline: float) -> bool:
        pause, silent_until = _FIRST_SLEEP, 0.0
        while True:
            began = time.monotonic()
            try:
                mine = self._try(asked=bool(silent_until)) or self._wrest(began)
            except Lost as error:
                self._links.close()  # the others that are idle are as dead
                silent_until = silent_until or began + PATIENCE
                if time.monotonic() > silent_until:
                    raise silent(self._server, error) from None
            else:
                if mine:
                    self.sure_until = began + self._sure
                if mine or time.monotonic() >= deadline:
                    return mine
            pause = nap(pause, max(deadline, silent_until))

    def _try(self, *, asked: bool) -> bool:
        """Take it if it is free; an earlier `add` whose answer was lost may have been made."""
        link = self._links.take(self._server)
        try:
            mine = link.add(self.name, self.value, self._seconds)
            return mine or (asked and self.is_mine(link.look(self.name)[0]))
        finally:
            self._links.give_back(link)

    def _wrest(self, now: float) -> bool:
        """Take it from an owner who has been silent for too long; whether that was done."""
        if self._silence is None:
            return False
        link = self._links.take(self._server)
        try:
            [item] = link.look(self.name)
            number, since = self._heard
            if item.cas != number or item.value is None:
                self._heard = item.cas, now
                return False
            if now - since < self._silence:
                return False
            return bool(item.replace(self.name, self.value, self._seconds))
        finally:
            self._links.give_back(link)

    def is_mine(self, item: Item) -> bool:
        """Whether what is at the lease's key is this very lease; remembered for its end."""
        mine = item.value is not None and item.value.startswith(self._token)
        self._cas = item if mine else None
        return mine

    def renew(self) -> bool:
        """Begin its seconds anew; False if it is no longer ours.

        Raises:
            Lost: the server does not answer.
            StoreError: it is not there.
        """
        began = time.monotonic()
        link = self._links.take(self._server)
        try:
            [item] = link.look(self.name)
            if item.value is None or not item.value.startswith(self._token):
                self.sure_until = 0.0
                return False
            if item.replace(self.name, self.value, self._seconds):
                self.sure_until = began + self._sure
                return True
            return False
        finally:
            self._links.give_back(link)

    def give_back(self, link: Link) -> bool:
        """End it, if it is ours; whether it was. If that cannot be done, it ends by itself.

        Args:
            link: is given back too.
        """
        try:
            return self._give_back(link)
        except BaseException:  # somebody ended the call: others would wait for nobody
            self._give_back(self._links.take(self._server))
            raise

    def _give_back(self, link: Link) -> bool:
        for _ in range(_TRIES):
            try:
                return self._end(link)
            except Lost:
                self._links.close()  # the others that are idle are as dead
            except StoreError:
                break
            finally:
                self._links.give_back(link)
            link = self._links.take(self._server)
        return False

    def _end(self, link: Link) -> bool:
        item = self._cas if self._cas is not None and self._cas.link is link else None
        while True:
            if item is None:
                [item] = link.look(self.name)
            if not self.is_mine(item):
                return False
            if item.replace(self.name, b"", _ENDED):
                return True
            item = None  # it was renewed in between


def nap(pause: float, deadline: float) -> float:
    """Sleep about so long, and tell how long to sleep the next time."""
    left = deadline - time.monotonic()
    time.sleep(max(0.0, min(left, pause * (0.5 + random.random()))))
    return min(pause * 1.5, _LAST_SLEEP)


def owner(value: bytes | None) -> Holder | None:
    """Who has a lease, as its value tells."""
    if value is None or len(value) < _OWNER.size:
        return None
    _, pid, thread, since = _OWNER.unpack_from(value)
    return Holder(value[_OWNER.size :].decode(errors="replace"), pid, thread, since)
