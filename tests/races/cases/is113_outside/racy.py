"""Written under a lock, read without it between two steps of a writer."""

# explore: POST /move | GET /sum
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
lock = threading.Lock()
purse = {"left": 10, "right": 0}


@app.post("/move")
def move():
    with lock:
        purse["left"] -= 5
        purse["right"] += 5
    return "moved"


@app.get("/sum")
def total():
    return str(purse["left"] + purse["right"])  # IS113
