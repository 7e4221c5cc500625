"""Reads a server's command line: `gunicorn -w 4 --threads 2 --preload shop:app` and its kin.

The server is the first word that names one, whatever stands before it: `exec`, `poetry run`,
`newrelic-admin run-program`, `python -m`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

from instep.races.doctor.settings import UNBOUNDED, Settings
from instep.races.doctor.shell import UNSET

NOT_STARTED = frozenset(
    {"install", "add", "echo", "which", "pkill", "killall", "apt-get", "apk", "printf", "command"}
)
"""Before these words' arguments a server's name starts nothing."""

FLAGS = {
    "gunicorn": frozenset(
        "--preload --preload-app --reload --daemon -D --check-config --print-config --spew "
        "--capture-output --log-syslog -R --enable-stdio-inheritance --no-sendfile --reuse-port "
        "--proxy-protocol --suppress-ragged-eofs --do-handshake-on-connect "
        "--disable-redirect-access-to-syslog --no-control-socket --initgroups".split()
    ),
    "waitress": frozenset({"--call", "--expose-tracebacks", "--no-expose-tracebacks"}),
    "uvicorn": frozenset({"--reload", "--factory", "--proxy-headers", "--no-access-log"}),
}
"""Options that take no word after them; all others do."""

_UWSGI_FLAGS = frozenset(
    "master M enable-threads lazy-apps lazy need-app die-on-term vacuum single-interpreter strict "
    "thunder-lock disable-logging show-config no-orphans memory-report master-as-root "
    "http-websockets auto-procname http-keepalive manage-script-name py-call-osafterfork".split()
)
_OPTION = re.compile(r"(--?[\w-]+)(?:=(.*))?$", re.DOTALL)


def serving(words: Sequence[str]) -> Settings | None:
    """What a command says, or None if it starts no server that is known here.

    Args:
        words: of one simple command.

    Example:
        >>> found = serving("exec gunicorn -w 4 --threads=2 shop:app".split())
        >>> found.server, found.workers, found.threads, found.target
        ('gunicorn', 4, 2, 'shop:app')
    """
    for place, word in enumerate(words):
        if word in NOT_STARTED:
            return None
        name = PurePosixPath(word).name
        if name in READERS and not (place and words[place - 1] in ("-k", "--worker-class")):
            return READERS[name](list(words[place + 1 :]))
        if name.endswith(".py") and place and _python(words[place - 1]):
            return Settings(server="python", target=word)
    return None


def _python(word: str) -> bool:
    return re.fullmatch(r"python[\d.]*|-u|run", PurePosixPath(word).name) is not None


def options(server: str, words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """The options of a command line, and the words that belong to none.

    Example:
        >>> options("gunicorn", ["-w4", "--threads=2", "--preload", "shop:app"])
        ({'-w': '4', '--threads': '2', '--preload': ''}, ['shop:app'])
    """
    flags = FLAGS.get(server, frozenset())
    found: dict[str, str] = {}
    rest: list[str] = []
    pending = ""
    for word in words:
        if pending:
            found[pending], pending = word, ""
            continue
        match = _OPTION.match(word)
        if match is None:
            short = re.match(r"(-[a-zA-Z])(.+)", word, re.DOTALL)
            found |= {short[1]: short[2]} if short else {}
            rest += [] if short or word == UNSET else [word]
        elif match[2] is not None or match[1] in flags:
            found[match[1]] = match[2] or ""
        elif len(word) > 2 and word[1] != "-":  # -w4
            found[word[:2]] = word[2:]
        else:
            pending = word
    return found, rest


def gunicorn(words: list[str]) -> Settings:
    """gunicorn's command line; also what `GUNICORN_CMD_ARGS` holds."""
    found, rest = options("gunicorn", words)
    return Settings(
        server="gunicorn",
        workers=_first(found, "-w", "--workers"),
        threads=_first(found, "--threads"),
        worker_class=found.get("-k", found.get("--worker-class")),
        preload=True if {"--preload", "--preload-app"} & found.keys() else None,
        target=rest[0] if rest else None,
        config=found.get("-c", found.get("--config")),
        chdir=found.get("--chdir"),
        notes=_unread(found, "-w", "--workers", "--threads"),
    )


def uwsgi(words: list[str]) -> Settings:
    """uWSGI's command line; the same names stand in its ini file."""
    found: dict[str, str] = {}
    config, pending = None, ""
    for word in words:
        name, _, value = word.lstrip("-").partition("=")
        if not word.startswith("-"):
            found |= {pending: word} if pending else {}
            config = config if pending else word
            pending = ""
        elif value or name in _UWSGI_FLAGS:
            found[name], pending = value or "true", ""
        else:
            pending = name
    config = found.get("ini", config)
    return from_uwsgi(found, config)


def from_uwsgi(found: dict[str, str], config: str | None = None) -> Settings:
    """uWSGI's options, wherever they were written."""
    threads = _first(found, "gevent", "asyncio") or _first(found, "threads")
    module = found.get("module", found.get("w"))
    file = found.get("wsgi-file", found.get("file"))
    module = module or (file and str(PurePosixPath(file).with_suffix("")).replace("/", "."))
    called = found.get("callable")
    lazy = found.get("lazy-apps", found.get("lazy"))
    return Settings(
        server="uwsgi",
        workers=_first(found, "processes", "workers", "p"),
        threads=threads,
        worker_class="gevent" if "gevent" in found else None,
        preload=None if lazy is None else lazy in ("false", "0", "no"),
        target=f"{module}:{called}" if module and called and ":" not in module else module or None,
        config=config,
        chdir=found.get("chdir"),
        notes=_unread(found, "processes", "workers", "threads"),
    )


def waitress(words: list[str]) -> Settings:
    """`waitress-serve`: one process, four threads unless it is told otherwise."""
    found, rest = options("waitress", words)
    target = found.get("--app") or (rest[0] if rest else None)
    called = "--call" in found and target is not None
    threads = _first(found, "--threads")
    return Settings(
        server="waitress",
        workers=1,
        threads=threads or 4,
        target=f"{target}()" if called else target,
        notes=_unread(found, "--threads"),
    )


def flask(words: list[str]) -> Settings | None:
    """`flask run`: Flask's own server, a thread for each connection."""
    if "run" not in words:
        return None
    target = next((value for name, value in pairwise(words) if name in _APP), None)
    alone = "--without-threads" in words
    return Settings(server="flask", workers=1, threads=1 if alone else UNBOUNDED, target=target)


_APP = ("--app", "-A")


def uvicorn(words: list[str]) -> Settings:
    """`uvicorn --interface wsgi`: ten threads in each process."""
    found, rest = options("uvicorn", words)
    workers = _first(found, "--workers") or 1
    return Settings(server="uvicorn", workers=workers, threads=10, target=rest[0] if rest else None)


READERS: dict[str, Callable[[list[str]], Settings | None]] = {
    "gunicorn": gunicorn,
    "gunicorn3": gunicorn,
    "uwsgi": uwsgi,
    "pyuwsgi": uwsgi,
    "uwsgi-core": uwsgi,
    "waitress-serve": waitress,
    "waitress": waitress,
    "flask": flask,
    "uvicorn": uvicorn,
}


def _first(found: dict[str, str], *names: str) -> int | None:
    """The first of some options that holds a number; `%k` is uWSGI's number of processors."""
    values = (found[name] for name in names if name in found)
    return next((int(value) for value in values if value.strip().isdigit()), None)


def _unread(found: dict[str, str], *names: str) -> tuple[str, ...]:
    """What is said of options whose value is no number."""
    return tuple(
        f"{name} is given, and its value {found[name]!r} is no number that can be read here"
        for name in names
        if name in found and not found[name].strip().isdigit() and UNSET not in found[name]
    )
