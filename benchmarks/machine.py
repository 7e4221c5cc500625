"""Where and with what a run was made: figures mean little without it."""

import os
import platform
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import lmdb


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions, as a run found them.

    Args:
        date: when, in UTC.
        processor: its model.
        cores: how many this process may use.
        kernel: the system and its release.
        python: implementation and version.
        load: the load average of the last minute before the run; a quiet machine has about 0.
        versions: by peer.
    """

    date: str
    processor: str
    cores: int
    kernel: str
    python: str
    load: float
    versions: dict[str, str]


def machine() -> Machine:
    """Look around."""
    return Machine(
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=os.getloadavg()[0],
        versions=_versions(),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    packages = ["instep", "ormsgpack", "diskcache", "redis", "flask", "gunicorn"]
    packages += ["psycopg", "psycopg-pool", "sqlalchemy", "pymemcache"]
    packages += ["flask-caching", "dogpile-cache", "cashews", "limits"]
    versions = {package: version(package) for package in packages}
    versions["lmdb"] = f"{version('lmdb')} (LMDB {'.'.join(map(str, lmdb.version()))})"
    versions["SQLite"] = sqlite3.sqlite_version
    versions["redis-server"] = _said("redis-server", "--version", word=2)
    versions["PostgreSQL"] = _said(_postgres(), "--version", word=2)
    versions["memcached"] = _said("memcached", "--version", word=1)
    versions["wrk"] = _said("wrk", "--version", word=1)
    return versions


def _postgres() -> str:
    """The newest of those that Debian keeps beside the PATH, unless one is on it."""
    beside = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which("postgres") or shutil.which("postgres", path=":".join(beside)) or ""


def _said(program: str, *arguments: str, word: int) -> str:
    """One word of what a program says about itself."""
    if shutil.which(program) is None:
        return "not installed"
    said = subprocess.run([program, *arguments], capture_output=True, text=True).stdout.split()
    return said[word].removeprefix("v=") if len(said) > word else "unknown"
