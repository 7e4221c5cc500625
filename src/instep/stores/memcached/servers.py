"""The memcached servers of a store: where its keys are, how they are reached, who leases them."""

from __future__ import annotations

from math import ceil

from ...errors import Holder
from ..address import Address
from ..lease import Keepers
from .lease import Lease, owner
from .link import Item, Links
from .names import Names

LEASE = 10.0  # seconds
SHORTEST = 3.0  # seconds: memcached's clock goes by whole ones


class Servers:
    """What the store, its holds and its updates share.

    Args:
        address: the URL.

    Attributes:
        url: it, for messages.
        names: the servers and names of keys.
        links: the connections.
        keepers: renew the leases that are held.
    """

    def __init__(self, address: Address) -> None:
        self.url = address.shown
        self.names = Names(address)
        self.links = Links()
        self._seconds = int(address.number("lease", LEASE, SHORTEST))
        self.keepers = Keepers(self._seconds)

    def lease(self, key: bytes, silence: float | None = None) -> Lease:
        """A new lease on a key, not taken yet.

        Args:
            key: the key.
            silence: seconds without a renewal after which it may be taken from its owner; None to
                leave that to the server's clock.
        """
        server, _, name = self.names.of(key)
        seconds = self._seconds if silence is None else ceil(silence) + 1  # of a coarse clock
        return Lease(self.links, server, name, seconds, silence)

    def holder(self, key: bytes) -> Holder | None:
        """Who has the lease on a key."""
        server, _, name = self.names.of(key)
        [item] = self.links.ask(server, lambda link: link.look(name))
        return owner(item.value)

    def item(self, key: bytes) -> Item:
        """What is stored for a key."""
        server, name, _ = self.names.of(key)
        [item] = self.links.ask(server, lambda link: link.look(name))
        return item
