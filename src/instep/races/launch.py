"""Runs one server in this process, and sees to it that it does not outlive the prover.

The servers are named, not imported: each is an optional package, and this library needs none.
"""

import ctypes
import importlib
import logging
import os
import runpy
import signal
import sys

from instep.races.variables import PARENT

CHATTER = ("werkzeug", "waitress.queue")
"""Loggers that write a line for every request, which would bury what matters."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(server: str, *arguments: str) -> None:
    """Become the named server; `python -m instep.races.launch gunicorn --bind …`."""
    follow_parent()
    for chatter in CHATTER:
        logging.getLogger(chatter).setLevel(logging.ERROR)
    sys.argv = [server, *arguments]
    if server == "pyuwsgi":  # an extension module, which runpy cannot run
        importlib.import_module(server).run(list(arguments))
    elif server == "werkzeug":
        run_werkzeug(*arguments)
    else:
        runpy.run_module(server, run_name="__main__", alter_sys=True)


def follow_parent() -> None:
    """Ask the kernel to end this process when the prover dies, however it dies (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.environ.get(PARENT, str(os.getppid())) != str(os.getppid()):
        sys.exit("the prover ended before its server began")


def run_werkzeug(host: str, port: str, mode: str, processes: str) -> None:
    """Flask's own server, as `app.run(threaded=…, processes=…)` starts it, without a reloader."""
    serving = importlib.import_module("werkzeug.serving")
    serving.BaseWSGIServer.request_queue_size = 1024
    target = importlib.import_module("instep.races.target")
    serving.run_simple(
        host, int(port), target.application, threaded=mode == "threads", processes=int(processes)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
