"""Several private Redis servers that make one: a cluster, or a primary that sentinels watch."""

from typing import Literal, Self

from daemon import wait_for
from redis_servers import Redis

QUICK = {"repl-diskless-sync-delay": 0, "repl-ping-replica-period": 1}
"""What brings a replica in step soon."""


class Group:
    """Several servers that make one."""

    nodes: list[Redis]

    def start(self) -> Self:
        """Start all of them, make them one, and wait until it serves."""
        raise NotImplementedError

    def running(self) -> list[Redis]:
        """The nodes that run."""
        return [node for node in self.nodes if node.running]

    def kill(self, node: Redis | int) -> Redis:
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
    """A Redis Cluster on loopback, its slots spread evenly over its masters.

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
        lines: dict[str, object] = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": 1500,
            "cluster-replica-validity-factor": 0,  # a late replica is better than none
            **QUICK,
            **(options or {}),
        }
        self._masters = masters
        self.nodes = [Redis(append=append, options=lines) for _ in range(masters * (1 + replicas))]

    @property
    def url(self) -> str:
        """All of its nodes."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> Self:
        """Start the nodes; the first ones become masters, of equal shares."""
        for turn, node in enumerate(self.nodes):
            node.start()
            node.cli("CLUSTER", "SET-CONFIG-EPOCH", turn + 1)
            node.cli("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port)
        for turn, node in enumerate(self.nodes[: self._masters]):
            first, after = (self.SLOTS * place // self._masters for place in (turn, turn + 1))
            node.cli("CLUSTER", "ADDSLOTS", *range(first, after))
        wait_for(lambda: all(map(self._knows_all, self.nodes)), "every node knows all others")
        for turn, node in enumerate(self.nodes[self._masters :]):
            master = self.nodes[turn % self._masters]
            node.cli("CLUSTER", "REPLICATE", master.text("CLUSTER", "MYID"))
        wait_for(lambda: len(self.replicas()) == len(self.nodes) - self._masters, "replicas follow")
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until all that run say that every slot is served, and each replica is in step."""
        wait_for(lambda: all(map(self._is_well, self.running())), "the cluster is well")

    def masters(self) -> list[Redis]:
        """The running nodes that say they are masters with slots of their own."""
        return [node for node in self.running() if "master" in _myself(node)[2] and _slots(node)]

    def replicas(self) -> list[Redis]:
        """The running nodes that say they are replicas."""
        return [node for node in self.running() if "slave" in _myself(node)[2]]

    def master_of(self, key: str) -> Redis:
        """The running node that serves a key."""
        slot = int(self.running()[0].cli("CLUSTER", "KEYSLOT", key))
        return next(node for node in self.masters() if slot in _slots(node))

    def _knows_all(self, node: Redis) -> bool:
        others = [entry for entry in _table(node) if "handshake" not in entry[2]]
        return len(others) == len(self.nodes) and all(entry[7] == "connected" for entry in others)

    def _is_well(self, node: Redis) -> bool:
        return "cluster_state:ok" in node.text("CLUSTER", "INFO") and in_step(node)


class RedisSentinel(Group):
    """A primary, a replica, and sentinels that make the replica primary when the other is gone.

    Args:
        sentinels: how many; two of them have to agree that the primary is gone.
        append: of the data servers, as for one server.
        options: of the data servers, as for one server.
    """

    NAME = "mymaster"

    def __init__(
        self,
        sentinels: int = 3,
        append: Literal["no", "everysec", "always"] = "no",
        options: dict[str, object] | None = None,
    ) -> None:
        lines = {**QUICK, **(options or {})}
        primary = Redis(append=append, options=lines)
        lines |= {"replicaof": f"127.0.0.1 {primary.port}"}
        self.data = [primary, Redis(append=append, options=lines)]
        watch: dict[str, object] = {
            f"sentinel monitor {self.NAME}": f"127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds {self.NAME}": 500,
            f"sentinel failover-timeout {self.NAME}": 2000,
        }
        self.sentinels = [Redis(options=watch, sentinel=True) for _ in range(sentinels)]
        self.nodes = [*self.data, *self.sentinels]

    @property
    def url(self) -> str:
        """All of its sentinels, and what they watch."""
        where = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{where}/{self.NAME}"

    def start(self) -> Self:
        """Start all, and wait until the sentinels know each other and the replica."""
        for node in self.data:
            node.start()
        wait_for(lambda: all(map(in_step, self.data)), "the replica is in step")
        for node in self.sentinels:
            node.start()
        self.settle()
        return self

    def settle(self) -> None:
        """Wait until each sentinel knows all others, a live primary, and every replica in step."""
        wait_for(lambda: all(map(self._is_well, self.sentinels)), "the sentinels know enough")

    def primary_port(self) -> int:
        """The port of the primary, as the most of the running sentinels say."""
        running = [sentinel for sentinel in self.sentinels if sentinel.running]
        ask = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.NAME)
        said = [int(sentinel.cli(*ask)[1]) for sentinel in running]
        return max(said, key=said.count)

    def primary(self) -> Redis:
        """The server that the sentinels take for the primary."""
        port = self.primary_port()
        return next(node for node in self.data if node.port == port)

    def kill_primary(self) -> Redis:
        """Kill the primary and return it; `await_failover` waits for the next one."""
        return self.kill(self.primary())

    def await_failover(self, gone: Redis) -> Redis:
        """Wait until all sentinels and the new primary itself say that it is another one."""
        wait_for(lambda: self.primary_port() != gone.port, "another one is primary")
        found = self.primary()
        wait_for(lambda: "role:master" in found.text("INFO", "replication"), "it is primary")
        return found

    def _is_well(self, sentinel: Redis) -> bool:
        told = sentinel.cli("SENTINEL", "MASTER", self.NAME)
        live = len([node for node in self.data if node.running])
        return (
            told["flags"] == "master"
            and int(told["num-other-sentinels"]) == len(self.sentinels) - 1
            and int(told["num-slaves"]) >= live - 1
            and all(in_step(node) for node in self.data if node.running)
        )


def in_step(node: Redis) -> bool:
    """Whether a server is no replica, or one whose link to its primary is up."""
    told = node.text("INFO", "replication")
    return "role:slave" not in told or "master_link_status:up" in told


def _table(node: Redis) -> list[list[str]]:
    return [line.split(" ") for line in node.text("CLUSTER", "NODES").splitlines() if line]


def _myself(node: Redis) -> list[str]:
    return next(entry for entry in _table(node) if "myself" in entry[2])


def _slots(node: Redis) -> set[int]:
    """The slots that a node says it serves itself."""
    parts = [part for part in _myself(node)[8:] if not part.startswith("[")]
    bounds = [[int(bound) for bound in part.split("-")] for part in parts]
    return {slot for first, *last in bounds for slot in range(first, (last or [first])[0] + 1)}
