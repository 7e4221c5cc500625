"""A lock made at import."""

# explore: POST /number | POST /number
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
last = 0


@app.post("/number")
def number():
    global last
    with lock:
        last += 1
        return str(last)
