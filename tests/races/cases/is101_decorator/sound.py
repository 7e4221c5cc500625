"""A decorator of the program's own that takes the lock, over a view that counts."""

# explore: GET / | GET /
# dynamic

import functools
import threading

from flask import Flask

app = Flask(__name__)
calls = 0
lock = threading.RLock()


def alone(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        with lock:
            return view(*args, **kwargs)

    return wrapper


@app.route("/")
@alone
def index():
    global calls
    calls = calls + 1
    return f"{calls}: hello"
