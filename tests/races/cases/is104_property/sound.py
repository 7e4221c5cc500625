"""A method instead of a property, which raises the level in one hold."""

# explore: POST /raise | POST /raise
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Meter:
    def __init__(self):
        self._level = 0
        self._lock = threading.Lock()

    def lift(self):
        with self._lock:
            self._level += 1
            return self._level


meter = Meter()


@app.post("/raise")
def lift():
    return str(meter.lift())
