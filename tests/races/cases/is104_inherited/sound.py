"""A method inherited from a base class that holds the lock of its child's instance."""

# explore: POST /add?item=a | POST /add?item=b
# dynamic

import threading

from flask import Flask, request

app = Flask(__name__)


class Shelf:
    def __init__(self):
        self.items = {}
        self.lock = threading.RLock()

    def add(self, item):
        with self.lock:
            number = len(self.items) + 1
            self.items[number] = item
            return number


class Cupboard(Shelf):
    def add(self, item):
        with self.lock:
            return super().add(item.upper())


cupboard = Cupboard()


@app.post("/add")
def add():
    return str(cupboard.add(request.args["item"]))
