"""A counter on the function itself, under a lock."""

# explore: GET / | GET /
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()


@app.route("/")
def index():
    with lock:
        index.hits = index.hits + 1
        return str(index.hits)


index.hits = 0
