"""Redis URLs: what is where, and how to get in.

redis://[user:password@]host:port/db      rediss://… with TLS
unix://[user:password@]/path/of.sock?db=0
valkey:// and valkeys://, with +sentinel and +cluster, are the same
redis+sentinel://host:port,host:port/service/db
redis+cluster://host:port,host:port
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import Misuse
from ..address import Address, parse

OPTIONS = (
    "namespace",
    "lease",
    "timeout",
    "wait",
    "db",
    "ca",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "sentinel_password",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a Redis URL says.

    Args:
        shown: the URL without its secrets.
        kind: server, sentinel or cluster.
        hosts: pairs of host and port: the server's, the sentinels', some of the cluster's nodes.
        socket: the path of a unix socket, or empty.
        service: what the sentinels call the primary.
        login: for redis-py, to get into the server.
        guard: for redis-py, to get into the sentinels.
        tls: for redis-py, what a certificate must prove; None without TLS.
        namespace: what all Redis keys begin with.
        lease: how long a hold lasts without a word of its holder, in seconds.
        patience: how long reads and commits are tried, in seconds.
        replicas: how many must have a commit before it counts.
    """

    shown: str
    kind: str
    hosts: tuple[tuple[str, int], ...]
    socket: str
    service: str
    login: dict[str, Any]
    guard: dict[str, Any]
    tls: dict[str, Any] | None
    namespace: bytes
    lease: float
    patience: float
    replicas: int


def settings(url: str) -> Settings:
    """Take a Redis URL apart.

    Raises:
        Misuse: it says what cannot be; the message shows no secret.
    """
    address = parse(url)
    address.allow(*OPTIONS)
    kind = address.scheme.partition("+")[2] or "server"
    if address.scheme != "unix" and "//" not in url:
        raise Misuse(
            f"{address.shown}: a host comes behind two slashes: {address.scheme}://HOST:PORT/DB"
        )
    service, db = _path(address, kind)
    namespace = address.options.get("namespace", "instep:")
    if "{" in namespace or "}" in namespace:
        raise Misuse(f"{address.shown}: a namespace has no braces, which part keys in a cluster")
    login: dict[str, Any] = {"username": address.user, "password": address.password, "db": db}
    return Settings(
        shown=address.shown,
        kind=kind,
        hosts=_hosts(address, kind),
        socket=address.path if address.scheme == "unix" else "",
        service=service,
        login=login,
        guard={"password": address.options.get("sentinel_password")},
        tls=_tls(address) if address.scheme.startswith(("rediss", "valkeys")) else None,
        namespace=namespace.encode(),
        lease=address.number("lease", 10, least=1),
        patience=address.number("timeout", 10, least=0.1),
        replicas=int(address.number("wait", 0)),
    )


def _hosts(address: Address, kind: str) -> tuple[tuple[str, int], ...]:
    if address.scheme == "unix":
        if address.hosts or not address.path.strip("/"):
            raise Misuse(f"{address.shown}: write unix:///path/of/the.sock?db=0")
        return ()
    port = 26379 if kind == "sentinel" else 6379
    hosts = tuple((host, given or port) for host, given in address.hosts)
    if not hosts and kind == "server":
        return (("localhost", port),)
    if not hosts:
        raise Misuse(f"{address.shown}: name at least one host")
    if len(hosts) > 1 and kind == "server":
        raise Misuse(
            f"{address.shown}: one server has one address; for more of them write "
            f"{address.scheme}+cluster:// or {address.scheme}+sentinel://"
        )
    return hosts


def _path(address: Address, kind: str) -> tuple[str, int]:
    """The service's name and the database's number."""
    path = "" if address.scheme == "unix" else address.path.strip("/")
    service = ""
    if kind == "sentinel":
        service, _, path = path.partition("/")
        if not service:
            raise Misuse(
                f"{address.shown}: say what the sentinels call the primary: "
                f"{address.scheme}://host:26379/mymaster/0"
            )
    db = path or address.options.get("db", "0")
    if not (db.isascii() and db.isdecimal()):
        raise Misuse(f"{address.shown}: {db[:20]!r} is not the number of a database")
    if kind == "cluster" and int(db):
        raise Misuse(f"{address.shown}: a cluster has database 0 only")
    return service, int(db)


def _tls(address: Address) -> dict[str, Any]:
    proof = address.options.get("ssl_cert_reqs", "required")
    if proof not in ("none", "optional", "required"):
        raise Misuse(f"{address.shown}: ssl_cert_reqs is none, optional or required")
    authority = address.options.get("ca") or address.options.get("ssl_ca_certs")
    return {
        "ssl_ca_certs": authority,
        "ssl_cert_reqs": proof,
        "ssl_check_hostname": proof != "none",
    }
