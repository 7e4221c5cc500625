"""A context manager and a condition of the program's own that take the lock."""

# explore: POST /number | POST /other
# dynamic

import contextlib
import threading

from flask import Flask

app = Flask(__name__)
_lock = threading.Lock()
state = {"number": 0}


@contextlib.contextmanager
def alone():
    _lock.acquire()
    try:
        yield state
    finally:
        _lock.release()


class Alone:
    def __enter__(self):
        _lock.acquire()
        return state

    def __exit__(self, *failure):
        _lock.release()


@app.post("/number")
def number():
    with alone() as current:
        current["number"] = current["number"] + int("1")
        return str(current["number"])


@app.post("/other")
def other():
    with Alone() as current:
        current["number"] = current["number"] + int("1")
        return str(current["number"])
