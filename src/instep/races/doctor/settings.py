"""What is known of how a program is served: workers, threads, and where that stands."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

UNBOUNDED = 1000
"""Stands for "as many at once as come": greenlets, or a thread for each connection."""

DEVELOPMENT = frozenset({"flask", "python"})
"""Servers that people start on their own machine."""


SHOWN = {"flask": "Flask's own server", "flask-socketio": "Flask-SocketIO's own server"}
"""What people call a server."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one place says; None where it says nothing.

    Args:
        server: `gunicorn`, `uwsgi`, `waitress`, `flask`, `python`, or another that is only named.
        workers: processes that answer.
        threads: requests at once in each of them; `UNBOUNDED` for as many as come.
        worker_class: gunicorn's.
        preload: whether the program is imported before the workers are forked.
        replicas: how many such containers or machines there are.
        target: the application, as the server is told: `MODULE:APP`.
        config: a file with more of it.
        chdir: the folder the server changes to.
        where: the file and line that say so.
        notes: what had to be assumed, in sentences.
    """

    server: str | None = None
    workers: int | None = None
    threads: int | None = None
    worker_class: str | None = None
    preload: bool | None = None
    replicas: int | None = None
    target: str | None = None
    config: str | None = None
    chdir: str | None = None
    where: str = ""
    notes: tuple[str, ...] = ()

    def over(self, weaker: Settings) -> Settings:
        """These settings, and the weaker ones where these say nothing."""
        filled = {
            field.name: getattr(weaker, field.name)
            for field in fields(self)
            if getattr(self, field.name) is None
        }
        where = ", ".join(filter(None, dict.fromkeys([self.where, weaker.where])))
        notes = tuple(dict.fromkeys(self.notes + weaker.notes))
        return replace(self, **filled, where=where, notes=notes)


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a program is served, with nothing left open.

    Args:
        server: what answers; `gunicorn` if nothing was found.
        workers: processes that answer, on one machine.
        threads: requests at once in each; `UNBOUNDED` for as many as come.
        kind: what answers inside a process: `thread` or `greenlet`.
        preload: whether the program is imported before the workers are forked.
        replicas: how many such containers or machines there are.
        target: the application as the server is told, or None.
        folder: the folder it runs in, relative to the project's.
        where: the files and lines that say so; empty if all of this is assumed.
        notes: what had to be assumed, in sentences.
        others: other ways to serve it that were found and not taken, in words.
    """

    server: str = "gunicorn"
    workers: int = 4
    threads: int = 2
    kind: str = "thread"
    preload: bool = False
    replicas: int = 1
    target: str | None = None
    folder: str = "."
    where: str = ""
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def assumed(self) -> bool:
        """Whether no file of the project says how it is served."""
        return not self.where

    @property
    def processes(self) -> int:
        """All processes that answer, on all machines."""
        return self.workers * self.replicas

    def __str__(self) -> str:
        """In words: `gunicorn, 4 workers x 2 threads, preloaded`."""
        if self.threads >= UNBOUNDED:
            inside = f"as many {self.kind}s as requests come"
        else:
            inside = counted(self.threads, self.kind)
        server = SHOWN.get(self.server, self.server)
        words = f"{server}, {counted(self.workers, 'worker')} x {inside}"
        words += f", {self.replicas} replicas of it" if self.replicas > 1 else ""
        return words + (", imported before the fork" if self.preload and self.workers > 1 else "")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "thread"), counted(2, "process", "processes")
        ('1 thread', '2 processes')
    """
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
