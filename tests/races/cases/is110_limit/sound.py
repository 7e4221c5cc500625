"""A waiting list with a limit: a bounded queue."""

# explore: POST /wait?name=ann | POST /wait?name=ben

import queue

from flask import Flask, request

app = Flask(__name__)
waiting = queue.Queue(maxsize=1)


@app.post("/wait")
def wait():
    try:
        waiting.put_nowait(request.args["name"])
    except queue.Full:
        return "full", 409
    return "wait here"
