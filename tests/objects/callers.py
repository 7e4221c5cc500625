"""Many callers at once: threads let go from one barrier, and processes of their own."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from instep import Space

T = TypeVar("T")


def at_once(count: int, function: Callable[[], T]) -> list[T]:
    """Call a function in `count` threads that are let go together; what each returned."""
    barrier = threading.Barrier(count, timeout=30)

    def run(_: int) -> T:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def in_processes(count: int, function: Callable[..., Any], *args: Any) -> list[Any]:
    """Call a function in `count` processes that are let go together; what each returned."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.SimpleQueue()
    processes = [
        context.Process(target=_report, args=(barrier, results, function, args), daemon=True)
        for _ in range(count)
    ]
    for process in processes:
        process.start()
    try:
        found = [results.get() for _ in processes]
    finally:
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.kill()
                process.join()
    for error, _ in found:
        if error:
            raise AssertionError(error)
    return [result for _, result in found]


def _report(barrier: Any, results: Any, function: Callable[..., Any], args: Any) -> None:
    barrier.wait(60)
    try:
        results.put(("", function(*args)))
    except BaseException as error:
        results.put((repr(error), None))


@contextmanager
def held_by_another_thread(space: Space, *objects: object) -> Iterator[None]:
    """Let another thread hold objects for the length of the block."""
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with space.transaction(*objects):
            held.set()
            enough.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        yield
    finally:
        enough.set()
        thread.join()


def contents(space: Space) -> list[tuple[bytes, int, bytes]]:
    """Everything in a space's store: key, version, data."""
    store, found, after = space.opened().store, [], None
    while page := store.scan(b"", after):
        found += [(key, record.version, record.data) for key, record in page]
        after = page[-1][0]
    return found
