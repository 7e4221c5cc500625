"""A cache filled by hand, looked into again under the lock."""

# explore: GET /key/ann | GET /key/ann

import itertools
import threading

from flask import Flask

app = Flask(__name__)
keys = {}
serial = itertools.count(1)
lock = threading.Lock()


def make(name):
    return f"{name}-{next(serial)}"


@app.get("/key/<name>")
def key(name):
    found = keys.get(name)
    if found is None:
        with lock:
            found = keys.get(name)
            if found is None:
                found = keys[name] = make(name)
    return found
