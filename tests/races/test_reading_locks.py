"""Locks held over accesses, however they are taken."""

from pathlib import Path

import pytest
from reading_helper import FLASK, Case

CASES = [
    Case(
        "lock decorator",
        FLASK
        + """
from functools import wraps
lock = threading.Lock()
n = 0
def locked(f):
    @wraps(f)
    def inner(*a, **k):
        with lock:
            return f(*a, **k)
    return inner
@app.get('/')
@locked
def index():
    global n
    n += 1
    return ''
""",
        "index",
        does=("update n under lock",),
    ),
    Case(
        "contextmanager lock",
        FLASK
        + """
from contextlib import contextmanager
class Store:
    def __init__(self):
        self._lock = threading.RLock(); self.d = {}
    @contextmanager
    def guard(self):
        self._lock.acquire()
        try:
            yield self.d
        finally:
            self._lock.release()
    def put(self, k):
        with self.guard() as d:
            d[k] = 1
s = Store()
@app.get('/<k>')
def index(k):
    s.put(k)
    return ''
""",
        "index",
        does=("write s.d[] k under _lock",),
    ),
    Case(
        "acquire release",
        FLASK
        + """
lock = threading.Lock()
n = 0
@app.get('/')
def index():
    global n
    lock.acquire()
    try:
        n += 1
    finally:
        lock.release()
    n += 2
    return ''
""",
        "index",
        does=("update n under lock", "update n"),
    ),
    Case(
        "nested dict lock",
        FLASK
        + """
state = {'lock': threading.Lock(), 'n': 0}
@app.get('/')
def index():
    with state['lock']:
        state['n'] += 1
    return ''
""",
        "index",
        does=("update state[] 'n' under state['lock']",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_lock_is_seen_to_be_held(case: Case, tmp_path: Path) -> None:
    """An access carries the lock, whoever took it."""
    case.check(tmp_path)
