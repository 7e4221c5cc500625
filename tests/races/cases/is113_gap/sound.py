"""The test and the change in one hold, with a lock that lets its owner in again."""

# explore: POST /buy | POST /buy
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.RLock()
stock = {"tea": 1}


def left():
    with lock:
        return stock["tea"]


def take():
    with lock:
        stock["tea"] -= 1


@app.post("/buy")
def buy():
    with lock:
        if left() > 0:
            take()
            return "sold"
    return "sold out", 409
