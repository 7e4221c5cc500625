"""How is this program served? Read from the project's own files, and never from running them.

How it stays right. A command line is stronger than gunicorn's configuration file, as it is for
gunicorn. A file that names a real server is stronger than one that starts Flask's own. What no file
says is assumed, and whatever was assumed is kept as a sentence, so that the page can say it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from textwrap import shorten

from instep.races.doctor import sources
from instep.races.doctor.commandline import gunicorn, serving
from instep.races.doctor.configured import gunicorn_config, uwsgi_ini
from instep.races.doctor.settings import DEVELOPMENT, SHOWN, UNBOUNDED, Deployment, Settings
from instep.races.doctor.shell import Reader
from instep.races.doctor.sources import Stated
from instep.races.doctor.started import served_by

FILES: tuple[tuple[str, sources.Reader], ...] = (
    ("Procfile", sources.procfile),
    ("fly*.toml", sources.toml),
    ("render.y*ml", sources.platform),
    ("app.y*ml", sources.platform),
    ("heroku.yml", sources.platform),
    ("railway.toml", sources.toml),
    ("*.service", sources.unit),
    ("*.service.j2", sources.unit),
    ("supervisor*.conf", sources.supervisor),
    ("*compose*prod*.y*ml", sources.compose),
    ("*prod*compose*.y*ml", sources.compose),
    ("compose.y*ml", sources.compose),
    ("docker-compose.y*ml", sources.compose),
    ("Dockerfile", sources.dockerfile),
    ("Dockerfile.*", sources.dockerfile),
    ("*.Dockerfile", sources.dockerfile),
    ("Containerfile", sources.dockerfile),
    ("*deployment*.y*ml", sources.platform),
    ("*.sh", sources.script),
    ("run", sources.script),
)
"""In the order in which they are believed."""

FOLDERS = 2
"""How many levels of folders are looked through."""

LEFT_OUT = frozenset("node_modules tests test venv env docs examples build dist".split())
LARGE = 200_000
"""Bytes; a longer file is no file of a deployment."""

GREENLETS = ("gevent", "eventlet")


def deployment(root: Path, *, cores: int | None = None) -> Deployment:
    """How the program in a folder is served.

    Args:
        root: the project's folder.
        cores: how many processors `cpu_count()` finds; this machine's.

    Example:
        >>> str(deployment(Path("examples")))
        'gunicorn, 4 workers x 2 threads'
    """
    project = _Project(root, cores or os.cpu_count() or 1)
    found = [_whole(settings) for settings in project.candidates()]
    real = [each for each in found if each.server not in DEVELOPMENT]
    best = next(iter(real or filter(_deployed, found)), None)
    if best is None:
        target = next((each.target for each in found if each.target), None)
        best = replace(Deployment(), target=target, notes=tuple(project.strange))
    else:
        found = [each for each in found if each in real or _deployed(each)]
    others: dict[str, list[str]] = {}
    for other in found:
        others.setdefault(str(other), []).append(other.where)
    others.pop("" if best.assumed else str(best), None)
    said = [
        f"{words} ({', '.join([*dict.fromkeys(where)][:3])})" for words, where in others.items()
    ]
    return replace(best, others=tuple(said[:3]))


def _deployed(found: Deployment) -> bool:
    """Whether more than the program itself or a script says that it is served by Flask's own."""
    files = [place.partition(":")[0] for place in found.where.split(", ")]
    return found.server in SHOWN and not all(file.endswith((".py", ".sh")) for file in files)


def settings_of(root: Path) -> dict[str, str]:
    """The variables of a project's `.env` and `.flaskenv`."""
    found: dict[str, str] = {}
    for name in (".env", ".flaskenv"):
        with suppress(OSError):
            for line in (root / name).read_text(errors="replace").splitlines():
                key, equals, value = line.strip().removeprefix("export ").partition("=")
                if equals and not key.startswith("#"):
                    found[key.strip()] = value.strip().strip("\"'")
    return found


@dataclass(slots=True)
class _Project:
    """The files of a project, and what was read of them."""

    root: Path
    cores: int
    paths: list[PurePosixPath] = field(default_factory=list)
    weak: dict[str, str] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = sorted(self._walk(self.root, 0), key=lambda path: (len(path.parts), str(path)))
        self.weak = settings_of(self.root)

    def _walk(self, folder: Path, depth: int) -> Iterator[PurePosixPath]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            name = entry.name
            if entry.is_dir(follow_symlinks=False):
                skipped = name.startswith(".") or name in LEFT_OUT or depth >= FOLDERS
                if not skipped and not os.path.exists(Path(entry, "pyvenv.cfg")):
                    yield from self._walk(Path(entry), depth + 1)
            elif os.path.isfile(entry):  # unlike the entry's own, no error for a link to itself
                yield PurePosixPath(Path(entry).relative_to(self.root).as_posix())

    def text(self, path: PurePosixPath) -> str:
        """The text of a file; empty if it cannot be read or is too long to be about this."""
        try:
            file = self.root / path
            return file.read_text(errors="replace") if file.stat().st_size <= LARGE else ""
        except OSError:
            return ""

    def candidates(self) -> Iterator[Settings]:
        """All that files say of servers, the most believable first."""
        for stated in self._stated():
            started = list(self._settings(stated))
            yield from started
            if not started and stated.main:
                said = shorten(stated.command, 50, placeholder=" …")
                self.strange.append(f"{stated.where} starts `{said}`: no server is seen in that")
        for path in self.paths:
            if path.name in ("gunicorn.conf.py", "gunicorn_conf.py", "gunicorn_config.py"):
                yield self._configuration(path, {})
        for path in self.paths:
            if path.suffix == ".ini" and (found := self._ini(path)).server:
                yield found
        for path in self.paths:
            if path.suffix == ".py" and (own := served_by(self.text(path), str(path))):
                yield own

    def _stated(self) -> Iterator[Stated]:
        """What each file says, with a compose file's wishes for what its Dockerfile starts."""
        built: list[Stated] = []
        for pattern, reader in FILES:
            for path in self.paths:
                if fnmatch(path.name, pattern):
                    for stated in reader(self.text(path), str(path)):
                        if not stated.command:
                            built.append(stated)
                            continue
                        if reader is sources.dockerfile and built:
                            stated = _in_compose(stated, built[0])
                        yield stated

    def _settings(self, stated: Stated, depth: int = 0) -> Iterator[Settings]:
        reader = Reader({**self.weak, **stated.variables}, self.cores)
        folder = PurePosixPath(stated.folder or ".")
        for words in reader.commands(stated.command):
            if words[0] == "cd" and len(words) > 1:
                folder /= words[1]
            elif found := serving(words):
                notes = (*found.notes, *reader.notes)
                found = replace(found, where=stated.where, notes=notes, replicas=stated.replicas)
                found = self._completed(found, reader.variables)
                yield replace(found, chdir=str(folder / (found.chdir or ".")))
                return
            elif depth < 3:
                yield from self._followed(words, stated, depth)

    def _followed(self, words: list[str], stated: Stated, depth: int) -> Iterator[Settings]:
        """`sh -c "…"`, and scripts of the project that a command starts."""
        for word in words:
            if " " in word:
                yield from self._settings(replace(stated, command=word), depth + 1)
            elif path := self._script(word):
                for line in sources.script(self.text(path), str(path)):
                    variables = {**line.variables, **stated.variables}
                    where = f"{stated.where}, {line.where}"
                    inner = replace(stated, command=line.command, where=where, variables=variables)
                    yield from self._settings(inner, depth + 1)

    def _script(self, word: str) -> PurePosixPath | None:
        """A script of the project, wherever the image has put it."""
        name = PurePosixPath(word).name
        if not name or PurePosixPath(name).suffix not in (".sh", ".bash", ""):
            return None
        same = [path for path in self.paths if path.name == name]
        return next((path for path in same if self.text(path).startswith("#!")), None)

    def _completed(self, found: Settings, variables: Mapping[str, str]) -> Settings:
        """With what stands in the configuration that the command names, or that is there."""
        if found.server == "gunicorn":
            if words := variables.get("GUNICORN_CMD_ARGS"):
                found = found.over(gunicorn(words.split()))
            name = (found.config or "gunicorn.conf.py").removeprefix("file:")
            if name.startswith("python:"):
                name = name.removeprefix("python:").replace(".", "/") + ".py"
            if path := self._named(name):
                found = found.over(self._configuration(path, variables))
            elif found.config:
                note = f"its configuration {found.config} was not found here"
                found = replace(found, notes=(*found.notes, note))
            count = variables.get("WEB_CONCURRENCY", "")
            return found.over(Settings(workers=int(count))) if count.isdigit() else found
        if found.server == "uwsgi" and found.config and (path := self._named(found.config)):
            return found.over(self._ini(path))
        if found.server == "flask":
            return replace(found, target=found.target or variables.get("FLASK_APP"))
        if found.server == "python" and (path := self._named(found.target or "")):
            return self._script_of_its_own(found, path)
        return found

    def _script_of_its_own(self, found: Settings, path: PurePosixPath) -> Settings:
        own = served_by(self.text(path), str(path))
        where = f"{found.where}, {own.where}" if own else found.where
        return replace(own.over(found), where=where) if own else found

    def _named(self, name: str) -> PurePosixPath | None:
        """A file of the project by the path that a command gives it, inside an image or here."""
        wanted = PurePosixPath(name)
        same = [path for path in self.paths if path.name == wanted.name]
        return next(
            (path for path in same if str(wanted).endswith(str(path))), next(iter(same), None)
        )

    def _configuration(self, path: PurePosixPath, variables: Mapping[str, str]) -> Settings:
        known = {**self.weak, **variables}
        return gunicorn_config(self.text(path), str(path), variables=known, cores=self.cores)

    def _ini(self, path: PurePosixPath) -> Settings:
        return uwsgi_ini(self.text(path), str(path), cores=self.cores)


def _in_compose(stated: Stated, service: Stated) -> Stated:
    return replace(
        stated,
        variables={**stated.variables, **service.variables},
        replicas=service.replicas,
        where=f"{stated.where}, {service.where}" if service.replicas else stated.where,
    )


def _whole(found: Settings) -> Deployment:
    """Settings with the server's own defaults for what they leave open."""
    kind, threads = "thread", found.threads
    notes = list(found.notes)
    if any(name in (found.worker_class or "") for name in GREENLETS):
        kind, threads = "greenlet", found.threads if found.server == "uwsgi" else UNBOUNDED
    elif found.server == "gunicorn" and (found.worker_class or "sync") not in ("sync", "gthread"):
        notes.append(f"the worker class {found.worker_class} is not one that is known here")
    if found.server == "gunicorn" and found.workers is None:
        notes.append(
            "the number of workers is given nowhere: gunicorn starts 1, or WEB_CONCURRENCY"
        )
    return Deployment(
        server=found.server or "gunicorn",
        workers=max(1, found.workers or 1),
        threads=max(1, threads or 1),
        kind=kind,
        preload=found.server == "uwsgi" if found.preload is None else found.preload,
        replicas=max(1, found.replicas or 1),
        target=found.target,
        folder=found.chdir or ".",
        where=found.where,
        notes=tuple(dict.fromkeys(notes)),
    )
