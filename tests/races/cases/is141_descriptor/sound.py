"""Attributes kept in a thread-local behind properties, and set anew by every request."""

# explore: GET /?user=ann | GET /?user=ben
# dynamic

import threading

from flask import Flask, request

app = Flask(__name__)


def thread_property():
    store = threading.local()

    def get(self):
        return store.value

    def put(self, value):
        store.value = value

    return property(get, put)


class Current:
    user = thread_property()


current = Current()


@app.before_request
def begin():
    current.user = request.args.get("user")


@app.route("/")
def index():
    return f"hello {current.user}"
