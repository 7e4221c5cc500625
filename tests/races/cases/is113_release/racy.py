"""A number raised under a lock, and read for the answer after it was released."""

# explore: POST /number | POST /number
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Numbers:
    def __init__(self):
        self.last = 0
        self.lock = threading.Lock()

    def following(self):
        with self.lock:
            self.last += 1
        return self.last  # IS113


numbers = Numbers()


@app.post("/number")
def number():
    return str(numbers.following())
