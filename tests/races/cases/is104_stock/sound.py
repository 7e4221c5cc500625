"""A module-level object whose method takes from the stock under its lock."""

# explore: POST /buy | POST /buy
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Stock:
    def __init__(self, count):
        self.count = count
        self.lock = threading.Lock()

    def take(self):
        with self.lock:
            if self.count < 1:
                return False
            self.count -= 1
            return True


stock = Stock(1)


@app.post("/buy")
def buy():
    return "sold" if stock.take() else "sold out"
