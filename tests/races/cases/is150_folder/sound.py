"""A file for each visitor: loaded, changed and replaced, under a lock of all processes."""

import fcntl
import json
import os

from flask import Flask

app = Flask(__name__)
FOLDER = "points/"


@app.post("/points/<name>")
def win(name):
    with open("points.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(FOLDER + name + ".json") as file:
            points = json.load(file)
        points["won"] = won = points["won"] + 1
        with open(f"{FOLDER}{name}.new", "w") as file:
            json.dump(points, file)
        os.replace(f"{FOLDER}{name}.new", FOLDER + name + ".json")
    return str(won)
