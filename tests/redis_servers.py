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
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        client = redis.Redis(
            unix_socket_path=self.socket,
            password=self.password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
        )
        with closing(client):
            return client.execute_command(*command)

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


class Group:
    """Several servers that make one."""

    nodes: list[Redis]

    def start(self) -> Self:
        """Start all of them, make them one, and wait until it serves."""
        raise NotImplementedError

    def kill(self, node: "Redis | int") -> Redis:
        """Kill a server, one of `nodes` or its place among them, and return it."""
        found = self.nodes[node] if isinstance(node, int) else node
        found.kill()
        return found

    def close(self) -> None:
        """End all of them for good."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *what: object) -> None:
        self.close()


class RedisCluster(Group):
    """A Redis Cluster on loopback, all slots spread over its masters.

    Args:
        masters: how many, at least three.
        replicas: how many for each master.
        append: as for one server.
        options: as for one server; `cluster-node-timeout` (ms) is short, for failovers soon.
    """

    SLOTS = 16384

    def __init__(
        self,
        masters: int = 3,
        replicas: int = 1,
        append: Literal["no", "everysec", "always"] = "no",
        options: dict[str, object] | None = None,
    ) -> None:
        lines = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": 1500,
            "cluster-replica-validity-factor": 0,  # a late replica is better than none
            "repl-diskless-sync-delay": 0,
            "repl-ping-replica-period": 1,
            **(options or {}),
        }
        self._first = masters
        self.nodes = [
            Redis(append=append, options=lines) for _ in range(masters * (1 + replicas))
        ]

    @property
    def url(self) -> str:
        """All of its nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> Self:
        """Start the nodes; the first ones become masters, of equal shares."""
        for node in self.nodes:
            node.start()
        step = -(-self.SLOTS // self._first)
        for turn, node in enumerate(self.nodes):
            node.cli("CLUSTER", "SET-CONFIG-EPOCH", turn + 1)
            if turn < self._first:
                slots = range(turn * step, min(self.SLOTS, (turn + 1) * step))
                node.cli("CLUSTER", "ADDSLOTS", *slots)
            self.nodes[0].cli("CLUSTER", "MEET", "127.0.0.1", node.port)
        wait_for(self._all_known, "every node knows all others")
        names = [node.cli("CLUSTER", "MYID") for node in self.nodes]
        for turn, node in enumerate(self.nodes[self._first :]):
            node.cli("CLUSTER", "REPLICATE", names[turn % self._first])
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until the nodes that run agree that all is well and each replica is in step."""
        wait_for(lambda: all(map(self._is_well, self._running())), "the cluster is well")

    def masters(self) -> list[Redis]:
        """The running nodes that say they are masters with slots of their own."""
        return [node for node in self._running() if "master" in _myself(node)[2] and _slots(node)]

    def replicas(self) -> list[Redis]:
        """The running nodes that say they are replicas."""
        return [node for node in self._running() if "slave" in _myself(node)[2]]

    def master_of(self, key: str) -> Redis:
        """Who serves a key."""
        slot = int(self.nodes[0].cli("CLUSTER", "KEYSLOT", key)) if self.nodes[0].running else (
            int(self._running()[0].cli("CLUSTER", "KEYSLOT", key))
        )
        return next(node for node in self.masters() if slot in _slots(node))

    def _running(self) -> list[Redis]:
        return [node for node in self.nodes if node.running]

    def _all_known(self) -> bool:
        return all(
            sum(1 for entry in _table(node) if entry[7] == "connected") == len(self.nodes)
            and not any("handshake" in entry[2] for entry in _table(node))
            for node in self.nodes
        )

    def _is_well(self, node: Redis) -> bool:
        if "cluster_state:ok" not in _text(node.cli("CLUSTER", "INFO")):
            return False
        return _in_step(node)
