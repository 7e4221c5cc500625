"""A lock that is released before the number is written."""

# explore: GET / | GET /
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
number = 0
lock = threading.Lock()


@app.route("/")
def index():
    global number
    lock.acquire()
    current = number
    lock.release()
    number = current + 1  # IS101 or IS113
    return str(current)
