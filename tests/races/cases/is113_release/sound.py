"""A number raised under a lock, and kept in a local for the answer."""

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
            number = self.last
        return number


numbers = Numbers()


@app.post("/number")
def number():
    return str(numbers.following())
