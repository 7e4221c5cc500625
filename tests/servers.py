"""Real servers for tests and benchmarks, private ones: each on loopback, in a folder of its own.

    with Redis(append="always") as redis:
        Space(redis.url)

A server that is not installed skips the test on a laptop, and fails it in CI (`CI` is set).
"""

import os

from daemon import Daemon, free_port, require, said
from postgres_server import Postgres
from redis_groups import RedisCluster, RedisSentinel
from redis_servers import Redis

__all__ = [
    "Daemon",
    "Memcached",
    "Postgres",
    "Redis",
    "RedisCluster",
    "RedisSentinel",
    "free_port",
    "require",
]


class Memcached(Daemon):
    """A memcached on a free port of loopback.

    Args:
        options: more of its command line, such as `["-m", "8"]`.
    """

    def __init__(self, options: list[str] | None = None) -> None:
        self._binary = require("memcached")
        super().__init__("memcached")
        self.port = free_port()
        self.options = options or []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"memcached://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """As nobody, where it would be root's."""
        whose = [] if os.geteuid() else ["-u", "nobody"]
        where = ["-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
        return [self._binary, *where, *whose, *self.options]

    def ready(self) -> bool:
        """It tells its version."""
        return self.cli("version").startswith("VERSION")

    def cli(self, line: str) -> str:
        """What it answers to a line of its text protocol; empty when it is not there."""
        return said(("127.0.0.1", self.port), f"{line}\r\n".encode()).decode().strip()
