"""A lock taken and released by hand, with the number inside."""

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
    try:
        current = number
        number = current + 1
    finally:
        lock.release()
    return str(current)
