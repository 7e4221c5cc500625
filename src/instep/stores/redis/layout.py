"""Where a key's record is: the names of Redis keys, and the shards of a cluster.

A server's keys are all together. In a cluster they are spread over 256 shards, each with an index
of its own: a key's shard is its hash slot divided by 64, by Redis' own rule, so names with a hash
tag (`{orders}total`) stay together. All Redis keys of a shard carry one tag, so they are in one
slot and a script may use them together; the tags are chosen so that each shard has a slot among
its own 64, and the shards are spread over the cluster as evenly as the slots are.
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache

SLICE = 1.0  # seconds of waiting at the server at a time
ANNOUNCED = b"1200000"  # µs: waiting is announced for a little more than a slice
SHARDS = 256
SLOTS = 16384
_WIDTH = SLOTS // SHARDS


def slot_of(key: bytes) -> int:
    """The hash slot of a key in Redis Cluster: CRC16 (XMODEM) of its hash tag, or of all of it."""
    return crc_hqx(tag_of(key) or key, 0) % SLOTS


def tag_of(text: bytes) -> bytes:
    """What stands between the first brace and the next that closes, or nothing."""
    begin = text.find(b"{") + 1
    end = text.find(b"}", begin) if begin else -1
    return text[begin:end] if end > begin else b""


@cache
def _tags() -> list[bytes]:
    """A tag for each shard, whose slot is one of the shard's."""
    tags: dict[int, bytes] = {}
    number = 0
    while len(tags) < SHARDS:
        tag = b"%x" % number
        tags.setdefault(crc_hqx(tag, 0) % SLOTS // _WIDTH, tag)
        number += 1
    return [tags[shard] for shard in range(SHARDS)]


class Layout:
    """The names of what is kept in Redis.

    Args:
        namespace: what all of them begin with.
        cluster: whether there are shards.
    """

    def __init__(self, namespace: bytes, cluster: bool) -> None:
        self.cluster = cluster
        self.prefixes = [namespace]
        if cluster:
            self.prefixes = [b"%b{%b}" % (namespace, tag) for tag in _tags()]

    def shard(self, key: bytes) -> int:
        """The shard of a key."""
        return slot_of(key) // _WIDTH if self.cluster else 0

    def shards(self, prefix: bytes) -> range:
        """The shards in which keys that begin with `prefix` may be."""
        if self.cluster and not tag_of(prefix):
            return range(SHARDS)
        shard = self.shard(prefix)
        return range(shard, shard + 1)

    def slot(self, shard: int) -> int:
        """The hash slot that a shard's Redis keys are in."""
        return slot_of(self.prefixes[shard])

    def record(self, key: bytes) -> bytes:
        """The hash that a key's record is in."""
        return self.prefixes[self.shard(key)] + b"k:" + key

    def waiters(self, key: bytes) -> bytes:
        """The list that those who wait for a key are woken by."""
        return self.prefixes[self.shard(key)] + b"w:" + key

    def wish(self, shard: int, token: bytes) -> bytes:
        """What tells which key the holder of others waits for."""
        return self.prefixes[shard] + b"q:" + token

    def pair(self, shard: int, key: bytes) -> bytes:
        """A key's record and its waiters, packed."""
        prefix = self.prefixes[shard]
        size = len(prefix) + 2 + len(key)
        return b"$%d\r\n%bk:%b\r\n$%d\r\n%bw:%b\r\n" % (size, prefix, key, size, prefix, key)
