"""What is made once and lives as long as the process: connections, caches, threads, secrets.

How it stays right. These rules look at what was made, not at traces: a table says for each maker
what goes wrong. A connection is a finding only if requests use it and no lock covers all the uses
(the lockset of Eraser again).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from instep.races.reading.model import Access, Actor, Kind, Location, Made, Program, Role, Root
from instep.races.rules.finding import Severity, Window
from instep.races.rules.locking import taken
from instep.races.rules.scene import CONCURRENT
from instep.races.rules.symptom import Symptom

_HIGH, _MEDIUM, _LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW

CONNECTIONS: dict[str, Severity] = {
    **dict.fromkeys(
        """sqlite3.connect pymysql.connect MySQLdb.connect mysql.connector.connect pyodbc.connect
        psycopg2.connect psycopg.connect pymssql.connect cx_Oracle.connect oracledb.connect
        mariadb.connect ibm_db.connect pg8000.connect sqlcipher3.connect pysqlite2.connect
        duckdb.connect sqlalchemy.orm.Session sqlalchemy.orm.session.Session
        snowflake.connector.connect MySQLdb.Connection pymysql.Connection
        pymysql.connections.Connection sqlite3.Connection psycopg2.extensions.connection
        sqlite3.dbapi2.connect pymysql.connections.connect apsw.Connection""".split(),
        _HIGH,
    ),
    **dict.fromkeys(
        """smtplib.SMTP smtplib.SMTP_SSL imaplib.IMAP4 imaplib.IMAP4_SSL ftplib.FTP telnetlib.Telnet
        http.client.HTTPConnection http.client.HTTPSConnection serial.Serial poplib.POP3
        paramiko.SSHClient ldap.initialize ldap3.Connection cv2.VideoCapture picamera.PiCamera
        picamera2.Picamera2 smbus.SMBus smbus2.SMBus spidev.SpiDev pyfirmata.Arduino
        minimalmodbus.Instrument bluetooth.BluetoothSocket socket.socket socket.create_connection
        websocket.create_connection pika.BlockingConnection pika.BlockingConnection.channel
        zmq.Context.socket zmq.Context.instance.socket""".split(),
        _MEDIUM,
    ),
}
"""What one request at a time may use; going by the libraries' own words (PEP 249: threadsafety)."""

CURSOR = re.compile(r"\.cursor(\(\))?$")

FORKED = frozenset(
    """socket.socket socket.create_connection random.Random redis.client.PubSub
    sqlalchemy.create_engine sqlalchemy.engine.create_engine psycopg_pool.ConnectionPool
    psycopg2.pool.SimpleConnectionPool psycopg2.pool.ThreadedConnectionPool
    http.client.HTTPConnection pika.BlockingConnection kafka.KafkaProducer zmq.Context
    grpc.insecure_channel pymongo.MongoClient multiprocessing.Pool multiprocessing.pool.Pool
    concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor
    pymysqlpool.ConnectionPool mysql.connector.pooling.MySQLConnectionPool""".split()
)
"""What a forked child must not go on using."""

USED_BY_FORKS = frozenset({"socket.socket", "socket.create_connection", "random.Random"})

LOCAL_CACHES = frozenset(
    """SimpleCache SimpleMemoryCache TTLCache LRUCache LFUCache MemoryCache MemoryStorage
    ExpiringDict""".split()
)

STARTED = re.compile(
    r"(Thread|Timer|Schedul|Executor|Process|Observer|Daemon|Poller|Worker|Consumer|APS)",
)

SECRETS = re.compile(r"^(secrets\.|os\.urandom|uuid\.uuid[14]|random\.|binascii\.hexlify|.*Fernet)")
SECRET_NAMES = re.compile(r"secret|key|salt|token|passw|nonce|jwt|sign|pepper|csrf", re.IGNORECASE)


def made(program: Program) -> Iterator[Symptom]:
    """Everything that was made where it should not be."""
    users = _users(program)
    for thing in program.made:
        yield from _connection(thing, users[thing.location])
        if thing.actor is Role.STARTUP:
            yield from _before_fork(thing, users[thing.location])
            yield from _started(thing)
            yield from _drawn(thing)
        if thing.actor in (Role.STARTUP, Role.VIEW, Role.HOOK):
            yield from _local(thing)


Use = tuple[Actor, Access]


def _users(program: Program) -> dict[Location, list[Use]]:
    """Who uses what was made, while requests run."""
    wanted = {thing.location for thing in program.made}
    found: dict[Location, list[Use]] = defaultdict(list)
    for actor in program.actors:
        if actor.role in CONCURRENT:
            for access in actor.trace:
                if access.location in wanted:
                    found[access.location].append((actor, access))
    return found


def _connection(thing: Made, users: list[Use]) -> Iterator[Symptom]:
    severity = _HIGH if CURSOR.search(thing.what) else CONNECTIONS.get(thing.what)
    used = [use for use in users if use[1].kind is Kind.READ and use[1].method]
    if severity is None or not used or thing.location.root is Root.CONTEXT:
        return
    if all(actor is used[0][0] for actor, _ in used) and not used[0][0].repeated:
        return
    if thing.what.startswith("socket.") and not any("recv" in use[1].method for use in used):
        return  # what is only sent goes out whole
    pattern = "connection" if severity is _HIGH else "device"
    for actor, access in _outside_of_one_lock(used):
        yield _symptom("IS120", severity, Window.EXPOSED, pattern, thing, actor, access)


def _outside_of_one_lock(used: list[Use]) -> Iterable[Use]:
    """All uses, unless one lock covers them all."""
    common = frozenset.intersection(*(
        frozenset(lock.name for lock in taken(access) if not lock.per_key) for _, access in used
    ))  # fmt: skip
    if common:
        return ()
    return [use for use in used if not taken(use[1])] or used


def _before_fork(thing: Made, users: list[Use]) -> Iterator[Symptom]:
    if thing.what in FORKED:
        near = bool(users) and thing.what in USED_BY_FORKS
        severity = _MEDIUM if near else _LOW
        yield _symptom("IS130", severity, Window.PROCESSES, "forked", thing)


def _started(thing: Made) -> Iterator[Symptom]:
    if thing.started and STARTED.search(thing.what):
        yield _symptom("IS131", _MEDIUM, Window.PROCESSES, "started", thing)


def _local(thing: Made) -> Iterator[Symptom]:
    pattern = _of_one_process(thing)
    if pattern:
        steady = "reads: file" in thing.arguments and pattern == "remembered"
        severity = _LOW if steady else _MEDIUM  # most files that programs read do not change
        yield _symptom("IS132", severity, Window.PROCESSES, pattern, thing)


def _of_one_process(thing: Made) -> str:
    """What kind of memory of one process it is; empty if it is none."""
    words = " ".join(thing.arguments).lower()
    last = thing.what.rpartition(".")[2]
    if last in LOCAL_CACHES:
        return "local cache"
    if last == "Cache" and "flask_caching" in thing.what and "simple" in words:
        return "local cache"
    if last == "Limiter" and "memory://" in words:
        return "local limits"
    return "remembered" if last in ("lru_cache", "cache", "cached") and "reads:" in words else ""


def _drawn(thing: Made) -> Iterator[Symptom]:
    if SECRETS.match(thing.what) and thing.what != "random.Random":
        secret = SECRET_NAMES.search(f"{thing.location} {' '.join(thing.arguments)}")
        yield _symptom("IS133", _MEDIUM if secret else _LOW, Window.PROCESSES, "drawn", thing)


def _target(thing: Made) -> str | None:
    """What a thread runs, as its argument says."""
    names = [one.partition("=")[2] for one in thing.arguments if one.startswith("target=")]
    return names[0] if names else None


def _symptom(
    rule: str,
    severity: Severity,
    window: Window,
    pattern: str,
    thing: Made,
    actor: Actor | None = None,
    use: Access | None = None,
) -> Symptom:
    making = Access(
        -1, Kind.WRITE, thing.location, thing.place, _target(thing), thing.what, pattern
    )
    maker = actor or Actor(thing.place.function or "the import", thing.actor, thing.place)
    return Symptom(
        rule,
        severity,
        window,
        pattern,
        thing.location,
        maker,
        use or making,
        making if use else None,
    )
