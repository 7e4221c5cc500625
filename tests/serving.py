"""Programs under real servers, and many clients at once that want a number each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from instep.races.load import Load, Outcome, fire
from instep.races.running import Running, environment, running
from instep.races.servers import SERVERS, Cell

PATIENCE = 60.0  # seconds; of a busy machine
USUAL = Cell(4, 2)


@contextmanager
def serving(
    target: str,
    folder: Path,
    server: str = "gunicorn",
    cell: Cell = USUAL,
    options: tuple[str, ...] = (),
    *,
    workers: int = 1,
    fresh: Path | None = None,
) -> Iterator[Running]:
    """Serve a program; what the server printed is shown if the test fails.

    Args:
        target: the program, `MODULE:APP`.
        folder: where it is and runs.
        server: which.
        cell: its workers and threads.
        options: more for its command line.
        workers: how many should have answered before it counts as ready.
        fresh: a new folder for the program's stores, or None for its own.
    """
    with running(
        lambda port: SERVERS[server].command(port, cell=cell, options=options),
        {"INSTEP_TIMEOUT": str(PATIENCE), **environment(target, fresh)},
        chdir=folder,
        workers=workers,
        patience=PATIENCE,
    ) as up:
        try:
            yield up
        finally:
            print(up.printed())


def numbers(up: Running, clients: int, path: str = "/") -> list[int]:
    """The numbers that clients get who ask at once, sorted; each of them gets one."""
    load = Load(clients=clients, requests=clients, path=path, timeout=PATIENCE)
    found = fire(load, up.port)
    assert {request.outcome for request in found} == {Outcome.ANSWERED}
    return sorted(request.number or 0 for request in found)
