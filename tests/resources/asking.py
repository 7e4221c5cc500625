"""A program that asks other servers, with globals or with resources, and clients that check it."""

import http.client
import http.server
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from instep.races.servers import Cell
from serving import serving

LIBRARIES = ("sqlalchemy", "psycopg", "redis", "requests", "httpx")

ASK = """
def sqlalchemy(engine, n):
    from sqlalchemy import text
    with engine.connect() as connection:
        return connection.execute(text("SELECT CAST(:n AS INTEGER)"), {"n": n}).scalar()

def psycopg(pool, n):
    with pool.connection() as connection:
        return connection.execute("SELECT %s::int", (n,)).fetchone()[0]

def redis(client, n):
    return client.echo(str(n))

def requests(session, n):
    return session.get(f"{os.environ['ECHO']}/{n}", timeout=PATIENCE).text

def httpx(client, n):
    return client.get(f"{os.environ['ECHO']}/{n}").text
"""

PROGRAM = (
    """
import os
from flask import Flask

app = Flask(__name__)
PATIENCE = 3 if os.environ["NAIVE"] else 60
"""
    + ASK
    + """
def naive(library):
    if library == "sqlalchemy":
        from sqlalchemy import create_engine
        return create_engine(os.environ["ALCHEMY"])
    if library == "psycopg":
        from psycopg_pool import ConnectionPool
        return ConnectionPool(os.environ["POSTGRES"], min_size=1, open=True, timeout=PATIENCE)
    if library == "redis":
        import redis
        return redis.Redis.from_url(os.environ["REDIS"], single_connection_client=True)
    if library == "requests":
        import requests
        return requests.Session()
    import httpx
    return httpx.Client(timeout=PATIENCE)

def declared(library):
    if library == "sqlalchemy":
        from instep.integrations.sqlalchemy import engine
        return engine(shared, lambda: os.environ["ALCHEMY"], pool_size=2)
    if library == "psycopg":
        from instep.integrations.psycopg import pool
        return pool(shared, lambda: os.environ["POSTGRES"], min_size=1, max_size=4)
    if library == "redis":
        from instep.integrations.redis import client
        return client(shared, os.environ["REDIS"], max_connections=2)
    if library == "requests":
        from instep.integrations.requests import session
        return session(shared)
    from instep.integrations.httpx import client
    return client(shared, timeout=PATIENCE)

if os.environ["NAIVE"]:
    things = {name: (lambda made: lambda: made)(naive(name)) for name in [os.environ["NAIVE"]]}
else:
    from instep.flask import Instep
    shared = Instep(app)
    things = {name: declared(name) for name in os.environ["LIBRARIES"].split()}

for name, get in things.items():
    globals()[name](get(), 0)  # used before the server forks

@app.route("/<library>/<int:n>")
def answer(library, n):
    said = globals()[library](things[library](), n)
    return said if isinstance(said, (str, bytes)) else str(said)
"""
)


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the path's last part, on a connection that is kept."""
        time.sleep(0.01)
        body = self.path.rpartition("/")[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        for name, value in getattr(self.server, "headers_to_send", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.server.seen.append(self.headers.get("Cookie"))  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that go away in the middle are what some tests want."""


@contextmanager
def echo_server(**headers: str) -> Iterator[tuple[str, list[str | None]]]:
    """A web server that answers with what it was asked: its URL, and the cookies that came."""
    server = _Server(("127.0.0.1", 0), _Echo)
    server.headers_to_send = headers  # type: ignore[attr-defined]
    seen: list[str | None] = []
    server.seen = seen  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def wrong_answers(
    folder: Path,
    server: str,
    cell: Cell,
    options: tuple[str, ...],
    libraries: tuple[str, ...],
    patience: float,
    requests: int = 100,
) -> tuple[list[str], str]:
    """Run the program under a server and ask it: what was wrong, and what the server printed.

    Args:
        folder: where it runs.
        server: which.
        cell: its workers and threads.
        options: more for its command line.
        libraries: through which clients ask, each in turn.
        patience: seconds that a client waits.
        requests: how many; after the first wrong answer no more are sent.
    """
    (folder / "asking_program.py").write_text(PROGRAM)
    with serving("asking_program:app", folder, server, cell, options) as up:
        found: list[str] = []

        def ask(n: int) -> None:
            library = libraries[n % len(libraries)]
            said = "" if found else _asked(up.port, library, n, patience)
            if said:
                found.append(f"{library}: {said}")

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(ask, range(1, requests + 1)))
        return found, up.printed()


def _asked(port: int, library: str, n: int, patience: float) -> str:
    """What was wrong with an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request("GET", f"/{library}/{n}")
        response = connection.getresponse()
        said = response.read().decode()
        if response.status != 200:
            return f"status {response.status}"
        return "" if said == str(n) else f"{said!r} instead of {n}"
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__
    finally:
        connection.close()
