"""A switch that is turned over under a lock."""

# explore: POST /toggle | POST /toggle
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
enabled = False
lock = threading.Lock()


@app.post("/toggle")
def toggle():
    global enabled
    with lock:
        enabled = not enabled
        return "on" if enabled else "off"
