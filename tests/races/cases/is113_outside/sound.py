"""Written under a lock, and read under it."""

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
    with lock:
        return str(purse["left"] + purse["right"])
