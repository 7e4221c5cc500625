"""A crew: processes that begin the same work at the same moment."""

from collections.abc import Callable
from multiprocessing import get_context, set_forkserver_preload
from multiprocessing.connection import Connection
from typing import Any, TypeVar

T = TypeVar("T")
Ready = Callable[[], object]
"""What a process calls when it has opened all that it needs: it returns when every one has."""

_PATIENCE = 60.0  # seconds for all processes to be ready

# What is imported once need not be imported by each process against the others' clock.
set_forkserver_preload(["benchmarks.hot", "benchmarks.stores", "benchmarks.caches.stampede"])


def crew(
    count: int,
    work: Callable[..., T],
    *arguments: object,
    during: Callable[[], object] = lambda: None,
) -> list[T]:
    """Run `work(*arguments, ready)` in processes of its own.

    Args:
        count: how many processes.
        work: a function of a module, which calls `ready` before it begins.
        arguments: for it.
        during: is called in this process when all have begun.

    Returns:
        What it returned in each.
    """
    context = get_context("forkserver")
    gate = context.Barrier(count + 1)
    pipes = []
    for _ in range(count):
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(work, arguments, gate, sender), daemon=True)
        process.start()
        sender.close()
        pipes.append((receiver, process))
    gate.wait(_PATIENCE)
    during()
    results: list[T] = [receiver.recv() for receiver, _ in pipes]
    for _, process in pipes:
        process.join()
    return results


def _run(
    work: Callable[..., T], arguments: tuple[object, ...], gate: Any, pipe: Connection
) -> None:
    pipe.send(work(*arguments, lambda: gate.wait(_PATIENCE)))
