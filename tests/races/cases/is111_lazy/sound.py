"""A client made by whoever needs it first, and by nobody else: double-checked."""

# explore: GET / | GET /

import itertools
import threading

from flask import Flask

app = Flask(__name__)
made = itertools.count(1)
client = None
lock = threading.Lock()


class Client:
    def __init__(self):
        self.number = next(made)


def get_client():
    global client
    if client is None:
        with lock:
            if client is None:
                client = Client()
    return client


@app.route("/")
def index():
    return f"client {get_client().number}"
