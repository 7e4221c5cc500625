"""Requests counted in a hook, which keeps its own number for the view."""

# explore: GET /count | GET /count
# dynamic

import threading

from flask import Flask, g

app = Flask(__name__)
requests_seen = 0
lock = threading.Lock()


@app.before_request
def count():
    global requests_seen
    with lock:
        requests_seen += 1
        g.number = requests_seen


@app.get("/count")
def report():
    return str(g.number)
