"""Which server has a shard: the one of the URL, the sentinels' primary, or a cluster's node."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from .address import Settings
from .connections import Node
from .errors import TROUBLE
from .layout import Layout
from .scripts import command
from .wire import Lost, Refused

_ASK = 2.0  # seconds that one sentinel, or one node of a cluster, is given to tell


@contextmanager
def _alone(lock: threading.Lock, until: float) -> Iterator[None]:
    """One caller at a time finds the way for all."""
    if not lock.acquire(timeout=max(0.0, until - time.monotonic())):
        raise Lost("it is being looked for")
    try:
        yield
    finally:
        lock.release()


class Route(Protocol):
    """Finds servers."""

    def node(self, shard: int, until: float) -> Node:
        """The server that has a shard; raises TROUBLE if it cannot be found."""

    def failed(self, node: Node | None, error: Exception) -> None:
        """A call on a node failed in a way that another one may not."""

    def at(self, host: str, port: int) -> Node:
        """The server at an address."""

    def close(self) -> None:
        """Close all connections that nobody uses."""


class Single:
    """One server.

    Args:
        settings: where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        host, port = settings.hosts[0] if settings.hosts else ("", 0)
        self._node = Node(settings, host, port)

    def node(self, shard: int, until: float) -> Node:
        return self._node

    def failed(self, node: Node | None, error: Exception) -> None:
        self._node.close(for_good=False)  # they go the same way

    def at(self, host: str, port: int) -> Node:
        return self._node

    def close(self) -> None:
        self._node.close(for_good=False)


class Sentinel:
    """The primary that sentinels name.

    Args:
        settings: where they are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._node: Node | None = None
        self._lock = threading.Lock()

    def node(self, shard: int, until: float) -> Node:
        return self._node or self._find(until)

    def failed(self, node: Node | None, error: Exception) -> None:
        if node is not None and node is self._node:
            self._node = None
            node.close()

    def at(self, host: str, port: int) -> Node:
        return Node(self._settings, host, port, primary=True)

    def close(self) -> None:
        node = self._node
        if node is not None:
            node.close(for_good=False)

    def _find(self, until: float) -> Node:
        """Ask one sentinel after the other; the first that knows a primary is believed."""
        service = self._settings.service
        question = command(b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", service.encode())
        trouble: Exception = Lost("no sentinel can be reached")
        with _alone(self._lock, until):
            if self._node is not None:
                return self._node
            for host, port in self._settings.hosts:
                sentinel = Node(self._settings, host, port, guard=True)
                try:
                    [found] = sentinel.ask(question, min(until, time.monotonic() + _ASK))
                except TROUBLE as error:
                    trouble = error
                    continue
                finally:
                    sentinel.close()
                if found is None:
                    trouble = Lost(f"the sentinel {host}:{port} knows no primary {service}")
                    continue
                self._node = self.at(found[0].decode(), int(found[1]))
                return self._node
        raise trouble


class Cluster:
    """The nodes of a Redis Cluster.

    Args:
        settings: where some of them are.
        layout: which slot a shard is in.
    """

    def __init__(self, settings: Settings, layout: Layout) -> None:
        self._settings = settings
        self._slots = [layout.slot(shard) for shard in range(len(layout.prefixes))]
        self._nodes: dict[tuple[str, int], Node] = {}
        self._shards: list[Node | None] = []
        self._lock = threading.Lock()

    def node(self, shard: int, until: float) -> Node:
        shards = self._shards or self._find(until)
        node = shards[shard]
        if node is None:
            raise Refused(f"CLUSTERDOWN slot {self._slots[shard]} is not served")
        return node

    def failed(self, node: Node | None, error: Exception) -> None:
        self._shards = []
        if node is not None and not isinstance(error, Refused):
            node.close(for_good=False)

    def at(self, host: str, port: int) -> Node:
        address = (host, port)
        return self._nodes.get(address) or self._nodes.setdefault(
            address, Node(self._settings, host, port)
        )

    def close(self) -> None:
        for node in self._nodes.copy().values():
            node.close(for_good=False)

    def _find(self, until: float) -> list[Node | None]:
        """Ask one node after the other who has what."""
        trouble: Exception = Lost("no node of the cluster can be reached")
        with _alone(self._lock, until):
            if self._shards:
                return self._shards
            for host, port in [*dict.fromkeys([*self._nodes.copy(), *self._settings.hosts])]:
                known = self.at(host, port)
                try:
                    asked = min(until, time.monotonic() + _ASK)
                    [ranges] = known.ask(command(b"CLUSTER", b"SLOTS"), asked)
                except TROUBLE as error:
                    trouble = error
                    known.close(for_good=False)
                    continue
                if ranges:
                    self._shards = shards = self._served(ranges, host)
                    return shards
        raise trouble

    def _served(self, ranges: list[Any], asked: str) -> list[Node | None]:
        """The node of each shard, from an answer to CLUSTER SLOTS."""
        found: list[Node | None] = [None] * len(self._slots)
        for first, last, (host, port, *_), *_ in ranges:
            name = host.decode() if host else asked
            for shard, slot in enumerate(self._slots):
                if first <= slot <= last:
                    found[shard] = self.at(name, port)
        return found


def route(settings: Settings, layout: Layout) -> Route:
    """The route for a URL."""
    if settings.kind == "cluster":
        return Cluster(settings, layout)
    return Sentinel(settings) if settings.kind == "sentinel" else Single(settings)
