"""A counter of visits whose answer is made inside the lock."""

# explore: GET / | GET /
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
hits = 0
lock = threading.Lock()


@app.route("/")
def index():
    global hits
    with lock:
        hits += 1
        return str(hits)
