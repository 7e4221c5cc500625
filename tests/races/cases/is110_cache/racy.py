"""A cache filled by hand, with values that are not equal when made twice."""

# explore: GET /key/ann | GET /key/ann
# dynamic

import itertools

from flask import Flask

app = Flask(__name__)
keys = {}
serial = itertools.count(1)


def make(name):
    return f"{name}-{next(serial)}"


@app.get("/key/<name>")
def key(name):
    if name not in keys:
        keys[name] = make(name)  # IS110
    return keys[name]
