"""Private PostgreSQL servers for tests."""

import os
import secrets
import shutil
import signal
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from daemon import PATIENCE, Daemon, certificate, free_port, require, session, wait_for

_FOLDERS = sorted(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parts[-2], reverse=True
)
_templates: dict[int, "Template"] = {}


def _binary(name: str) -> str:
    return require(name, folders=_FOLDERS)


def _account() -> str | None:
    """Who runs it: PostgreSQL refuses to be run by root."""
    if os.geteuid():
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(*command: str, user: str | None, said: str = "") -> None:
    import pwd

    done = subprocess.run(
        command,
        user=user,
        group=user and pwd.getpwnam(user).pw_gid,
        extra_groups=[] if user else None,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        input=said,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")


class Template:
    """A database made once a session, for every server to start from a copy."""

    def __init__(self) -> None:
        self.password = secrets.token_hex(8)
        self.user = _account()
        folder = session().new_folder("postgres-template")
        self.folder = folder / "data"
        if self.user:
            shutil.chown(folder, self.user)
        _run(
            *(_binary("initdb"), f"--pgdata={self.folder}", "--username=postgres"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8"),
            *("--locale=C", "--no-sync"),
            user=self.user,
        )
        _run(
            *(_binary("postgres"), "--single", "-F", "-D", str(self.folder), "postgres"),
            user=self.user,
            said=(
                f"CREATE ROLE instep LOGIN PASSWORD '{self.password}'\n"
                "CREATE DATABASE instep OWNER instep\n"
            ),
        )


def template() -> Template:
    """This session's, made when it is first asked for."""
    if os.getpid() not in _templates:
        _binary("postgres")
        _templates[os.getpid()] = Template()
    return _templates[os.getpid()]


class Postgres(Daemon):
    """A PostgreSQL server on a free port of loopback (with password) and a unix socket (without).

    The role `instep` owns the database `instep` and is nobody special; `sql` runs as the superuser.

    Args:
        options: settings of postgresql.conf, by name.
        fsync: write commits to the disk before they are answered.
        tls: serve TLS too, with a certificate that the authority at `ca` signed.
    """

    def __init__(
        self,
        options: dict[str, object] | None = None,
        *,
        fsync: bool = True,
        tls: bool = False,
        primary: "Postgres | None" = None,
    ) -> None:
        self._template = template()
        super().__init__("postgres")
        self.last_signal = signal.SIGQUIT  # lets it free its shared memory
        self.user = self._template.user
        self.password = self._template.password
        self.port = free_port()
        self.data = self.folder / "data"
        self.options = {"fsync": "on" if fsync else "off"} | (self._tls() if tls else {})
        self.options |= {name: str(value) for name, value in (options or {}).items()}
        if self.user:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, self.user)
        if primary:
            self._copy_running(primary)
        else:
            _run("cp", "-a", str(self._template.folder), str(self.data), user=None)

    @property
    def url(self) -> str:
        """The database over TCP, as its owner."""
        return f"postgresql://instep:{self.password}@127.0.0.1:{self.port}/instep"

    @property
    def unix_url(self) -> str:
        """The database over the unix socket, as its owner."""
        return f"postgresql://instep@/instep?host={self.folder}&port={self.port}"

    def command(self) -> list[str]:
        """With every setting on the command line, over what the folder says."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "dynamic_shared_memory_type": "mmap",  # goes with the folder, even after a kill
            **self.options,
        }
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [_binary("postgres"), "-D", str(self.data), "-p", str(self.port), *given]

    def ready(self) -> bool:
        """Its own process has written that it takes connections."""
        with suppress(FileNotFoundError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"
        return False

    def stop(self, immediate: bool = False) -> None:
        """Stop it; clients are thrown out, at once and without a checkpoint when immediate."""
        self.end(signal.SIGQUIT if immediate else signal.SIGINT)

    def kill(self) -> None:
        """Kill all of its processes, as a crash of the machine does; files stay as they are."""
        if not self.running:
            return
        self.pause()  # so that it starts no more of them
        backends = _children(self.pid)
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end(signal.SIGKILL)
        wait_for(lambda: not any(map(_lives, backends)), "all of its processes ended")

    def sql(self, text: str, database: str = "instep") -> list[tuple[Any, ...]]:
        """What some SQL returns, run by the superuser in a transaction per call."""
        import psycopg

        conninfo = f"host={self.folder} port={self.port} user=postgres dbname={database}"
        with closing(psycopg.connect(conninfo, autocommit=True, connect_timeout=10)) as connection:
            cursor = connection.execute(text.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def replica(self, options: dict[str, object] | None = None) -> "Postgres":
        """A hot standby of this running server, to be started: it reads what this one commits."""
        return Postgres({**self.options, **(options or {})}, primary=self)

    def clear(self) -> None:
        """Throw everybody out and drop all that was made in the database."""
        self.sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = 'instep' AND pid <> pg_backend_pid()"
        )
        kept = "('information_schema', 'public')"
        schemas = self.sql(
            "SELECT quote_ident(nspname) FROM pg_namespace"
            f" WHERE nspname NOT IN {kept} AND nspname NOT LIKE 'pg\\_%'"
        )
        drops = "".join(f"DROP SCHEMA {name} CASCADE;" for (name,) in schemas)
        self.sql(f"{drops} DROP OWNED BY instep CASCADE")

    def _tls(self) -> dict[str, object]:
        self.ca, self.cert, self.key = certificate(self.folder)
        self.key.chmod(0o600)
        return {"ssl": "on", "ssl_cert_file": self.cert, "ssl_key_file": self.key}

    def _copy_running(self, primary: "Postgres") -> None:
        _run(
            *(_binary("pg_basebackup"), f"--pgdata={self.data}", f"--host={primary.folder}"),
            *(f"--port={primary.port}", "--username=postgres", "--checkpoint=fast"),
            *("--write-recovery-conf", "--wal-method=stream", "--no-sync"),
            user=self.user,
        )


def _children(pid: int) -> list[int]:
    """The ids of a process's children; none where the kernel does not tell."""
    with suppress(OSError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def _lives(pid: int) -> bool:
    """Whether a process is there and more than an entry that nobody has collected."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False
