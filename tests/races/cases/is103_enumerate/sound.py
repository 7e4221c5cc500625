"""An entry is looked for with `enumerate`, and then changed, under one lock."""

# explore: POST /seats/7 | POST /seats/7

import threading

from flask import Flask, abort

app = Flask(__name__)
seats = [{"row": 6, "free": 3}, {"row": 7, "free": 1}]
lock = threading.Lock()


@app.post("/seats/<int:row>")
def take(row):
    with lock:
        for _, seat in enumerate(seats):
            if seat["row"] == row and seat["free"] > 0:
                seat["free"] = left = seat["free"] - 1
                return str(left)
    abort(409)
