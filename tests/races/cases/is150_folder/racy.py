"""A file for each visitor, its path put together on the spot: loaded, changed, written."""

import json

from flask import Flask

app = Flask(__name__)
FOLDER = "points/"


@app.post("/points/<name>")
def win(name):
    with open(FOLDER + name + ".json") as file:
        points = json.load(file)
    points["won"] = points["won"] + 1
    with open(f"{FOLDER}{name}.json", "w") as file:
        json.dump(points, file)  # IS150
    return str(points["won"])
