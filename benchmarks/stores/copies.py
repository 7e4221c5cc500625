"""Copies of a record made inside a server: a million of them in seconds, not minutes.

They are what the store itself has written, under other names; whether the store finds the last of
them tells that they are right.
"""

from contextlib import closing
from typing import Any

import psycopg
import redis
from psycopg import sql

_BATCH = 10_000  # of which Redis makes copies in one script

_COPY = """
local function named(stem, number)
    return string.sub(stem, 1, -2) .. string.format('%.0f', number)
end
for number = tonumber(ARGV[2]), tonumber(ARGV[3]) do
    redis.call('COPY', KEYS[1], named(KEYS[1], number))
    redis.call('ZADD', KEYS[2], 0, named(ARGV[1], number))
end
"""

_INSERT = """
INSERT INTO {records} (key, name, version, txid, expires, data)
SELECT %(stem)s || convert_to(number::text, 'UTF8'), name, version, txid, expires, data
FROM {records}, generate_series(1, %(last)s) AS number WHERE key = %(like)s
"""


def in_redis(url: str, like: bytes, size: int) -> None:
    """Make members 1 to `size` - 1 like number 0, whose key is `like`."""
    with closing(redis.Redis.from_url(url)) as client:
        keys: Any = client.keys()
        [record] = [key for key in keys if key.endswith(like)]
        [index] = [
            key
            for key in keys
            if client.type(key) == b"zset" and client.zscore(key, like) is not None
        ]
        copy = client.register_script(_COPY)
        for first in range(1, size, _BATCH):
            copy([record, index], [like, first, min(first + _BATCH, size) - 1])


def in_postgres(url: str, like: bytes, size: int) -> None:
    """The same in PostgreSQL; its statistics and its log are then as after a quiet night."""
    place, _, schema = url.partition("?schema=")
    values = {"stem": like.removesuffix(b"0"), "like": like, "last": size - 1}
    records = sql.Identifier(schema, "records")
    with closing(psycopg.connect(place, autocommit=True)) as connection:
        connection.execute(sql.SQL(_INSERT).format(records=records), values)
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(records))
