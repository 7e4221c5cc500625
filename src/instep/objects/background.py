"""Work beside the program, in every process that a fork makes of it: a thread does not survive one.

How it stays right. A child begins the work anew from the hook of the fork, by a bare thread, since
`Thread.start` waits for it and a fork's hooks must not wait. uWSGI forks in C: there nothing begins
before the fork, and the worker's own hook does it. gunicorn's gevent worker patches the process
after the fork: there a native thread waits for that, and hands the work to the main thread's hub.
"""

from __future__ import annotations

import _thread
import os
import sys
from collections.abc import Callable
from typing import Any

from ..stores import process

_PAUSE = 0.1  # seconds between two looks whether a gevent worker has patched its process
_native = process.native("_thread", "start_new_thread")

Work = Callable[[], None]


def start(work: Work) -> None:
    """Begin work in a thread; in a greenlet where gevent has patched threads."""
    if process.will_fork():
        _after_uwsgi_forks()
    else:
        _thread.start_new_thread(work, ())


def start_in_child(work: Work) -> None:
    """Begin work in a process that was forked just now."""
    if "gunicorn.workers.ggevent" in sys.modules and _thread.start_new_thread is _native:
        _start_when_patched(work)
    else:
        start(work)


def _start_when_patched(work: Work) -> None:
    """Wait in a native thread, which touches nothing that gevent patches, and hand over."""
    gevent: Any = sys.modules["gevent"]
    hub, sleep = gevent.get_hub(), process.native("time", "sleep")
    begun: list[object] = []

    def begin() -> None:
        if not begun:
            begun.append(gevent.spawn(work))

    def wait() -> None:
        while _thread.start_new_thread is _native:
            sleep(_PAUSE)
        while not begun:  # the hub begins anew after the fork, and may forget what it was told
            hub.loop.run_callback_threadsafe(begin)
            sleep(_PAUSE)

    _native(wait, ())


def of_multiprocessing() -> bool:
    """Whether this is a process that `multiprocessing` has made."""
    module: Any = sys.modules.get("multiprocessing.process")
    parent = module.parent_process() if module is not None else None
    return parent is not None and parent.pid == os.getppid()


def never_serves() -> bool:
    """Whether this is the parent of Flask's reloader: it imports the program, and only watches."""
    reloads = "werkzeug._reloader" in sys.modules
    return reloads and os.environ.get("WERKZEUG_RUN_MAIN") != "true"


def _after_uwsgi_forks() -> None:
    """Have the workers know that they were forked; whatever is watched then begins in them."""
    uwsgi: Any = sys.modules["uwsgi"]
    before = getattr(uwsgi, "post_fork_hook", None)

    def hook() -> None:
        if before is not None:
            before()
        if not process.here[0]:
            process.settle()

    uwsgi.post_fork_hook = hook
