"""instep's own objects: shared by all threads and workers, each call whole."""

import tempfile

from flask import Flask, request

import instep

app = Flask(__name__)
space = instep.Space(f"lmdb://{tempfile.mkdtemp()}")
orders = space.counter("orders")
users = space.mapping("users")


@app.post("/order")
def order():
    return f"order {orders.increment()}"


@app.post("/users/<name>")
def register(name):
    with space.lock("users"):
        if name in users:
            return "taken", 409
        users[name] = {"by": request.args.get("by", "")}
    return "yours"
