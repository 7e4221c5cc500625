"""The test in one hold of the lock, the change in another."""

# explore: POST /buy | POST /buy
# dynamic: no, one lock covers each access; only the order of holds is wrong

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
stock = {"tea": 1}


def left():
    with lock:
        return stock["tea"]


def take():
    with lock:
        stock["tea"] -= 1  # IS113 or IS110 or IS103


@app.post("/buy")
def buy():
    if left() > 0:
        take()
        return "sold"
    return "sold out", 409
