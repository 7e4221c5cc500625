"""Where a key is in a set of memcached servers, and under which name.

Every process comes to the same server: the one whose digest together with the key is the greatest
(rendezvous hashing), whatever order the URL names them in. A server that is down is not passed
over: two processes that see it differently would go on with two records of one key.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256
from urllib.parse import quote_from_bytes

from ...errors import Misuse
from ..address import Address
from ..keys import check_key
from .link import Server

PORT = 11211
_LONGEST = 200  # bytes of a readable name; memcached takes 250


class Names:
    """The servers of a URL, and the names of keys in them.

    Args:
        address: the URL.

    Raises:
        Misuse: it cannot be right.
    """

    def __init__(self, address: Address) -> None:
        prefix = address.options.get("prefix", "instep")
        if not prefix.isascii() or not prefix.isprintable() or " " in prefix or len(prefix) > 30:
            raise Misuse("memcached: ?prefix= is up to 30 visible ASCII characters")
        self._prefix = prefix.encode()
        if address.user or address.password:
            raise Misuse(f"{address.shown}: memcached asks for no user and no password")
        hosts = [(host, port or PORT) for host, port in address.hosts]
        self._servers: list[Server] = [*hosts] if hosts else [address.path]
        if not all(self._servers) or (hosts and address.path.strip("/")):
            raise Misuse(
                f"{address.shown}: the URL is memcached://HOST:PORT,HOST:PORT or "
                "memcached:/PATH/OF.sock"
            )
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, key: bytes) -> tuple[Server, bytes, bytes]:
        """The server of a key, the name of its record and the name of its lease."""
        check_key(key)
        name = quote_from_bytes(key, safe="").encode()
        if len(name) > _LONGEST:
            name = b"#" + sha256(key).hexdigest().encode()  # which no quoted name begins with
        server = max(self._servers, key=lambda server: _weight(server, key))
        return server, self._prefix + b":" + name, self._prefix + b"!" + name


def _weight(server: Server, key: bytes) -> bytes:
    return blake2b(key, key=sha256(repr(server).encode()).digest()).digest()
