"""A lock made by the request itself, which excludes nobody."""

# explore: POST /number | POST /number
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
last = 0


@app.post("/number")
def number():
    global last
    lock = threading.Lock()
    with lock:
        last += 1  # IS113 or IS101
        return str(last)
