"""Private Redis servers for tests."""

import os
from contextlib import closing
from typing import Any, Literal

from daemon import Daemon, certificate, free_port, require, said


class Redis(Daemon):
    """A Redis (or Valkey) server on a free port of loopback and a unix socket.

    Args:
        tls: serve TLS too, at `tls_port`, with a certificate that the authority at `ca` signed.
        password: what clients have to know.
        append: keep data on disk: "always" syncs each write before its answer; "no" keeps none.
        options: more lines of redis.conf, by name.
        sentinel: run as a sentinel.
    """

    def __init__(
        self,
        tls: bool = False,
        password: str | None = None,
        append: Literal["no", "everysec", "always"] = "no",
        options: dict[str, object] | None = None,
        *,
        sentinel: bool = False,
    ) -> None:
        self._binary = require("redis-server", "valkey-server")
        super().__init__("sentinel" if sentinel else "redis")
        self.port = free_port()
        self.password = password
        self.socket = str(self.folder / "redis.sock")
        self.config = self.folder / "redis.conf"
        self._sentinel = sentinel
        lines: dict[str, object] = {
            "port": self.port,
            "bind": "127.0.0.1",
            "unixsocket": self.socket,
            "unixsocketperm": 700,
            "dir": self.folder,
        }
        if not sentinel:
            lines |= {"save": '""', "appendonly": "no" if append == "no" else "yes"}
            lines |= {"appendfsync": append} if append != "no" else {}
        lines |= {"requirepass": password} if password else {}
        lines |= self._tls() if tls else {}
        self._configure(lines | (options or {}))

    @property
    def url(self) -> str:
        """Its database 0 over TCP."""
        return f"redis://{self._login}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """Its database 0 over the unix socket."""
        return f"unix://{self._login}{self.socket}?db=0"

    @property
    def rediss_url(self) -> str:
        """Its database 0 over TLS."""
        return f"rediss://{self._login}127.0.0.1:{self.tls_port}/0?ssl_ca_certs={self.ca}"

    def command(self) -> list[str]:
        """As its own configuration says."""
        return [self._binary, str(self.config), *(["--sentinel"] if self._sentinel else [])]

    def ready(self) -> bool:
        """It answers a PING, if only to say that one has to log in."""
        return said(self.socket, b"PING\r\n").startswith((b"+PONG", b"-NOAUTH"))

    def cli(self, *command: object) -> Any:
        """What it answers to a command, such as `cli("GET", "key")`; an error is raised."""
        with closing(self._client()) as client:
            return client.execute_command(*command)

    def text(self, *command: object) -> str:
        """The text that it answers, such as INFO's, as it came."""
        with closing(self._client()) as client:
            client.response_callbacks.clear()
            return str(client.execute_command(*command))

    def _client(self) -> Any:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return redis.Redis(
            unix_socket_path=self.socket,
            password=self.password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )

    @property
    def _login(self) -> str:
        return f":{self.password}@" if self.password else ""

    def _tls(self) -> dict[str, object]:
        self.tls_port = free_port()
        self.ca, self.cert, self.key = certificate(self.folder)
        return {
            "tls-port": self.tls_port,
            "tls-ca-cert-file": self.ca,
            "tls-cert-file": self.cert,
            "tls-key-file": self.key,
            "tls-auth-clients": "no",
        }

    def _configure(self, lines: dict[str, object]) -> None:
        opened = os.open(self.config, os.O_WRONLY | os.O_CREAT, 0o600)
        with open(opened, "w") as config:
            config.writelines(f"{name} {value}\n" for name, value in lines.items())
