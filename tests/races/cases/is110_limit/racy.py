"""A waiting list with a limit."""

# explore: POST /wait?name=ann | POST /wait?name=ben
# dynamic

from flask import Flask, request

app = Flask(__name__)
LIMIT = 1
waiting = []


@app.post("/wait")
def wait():
    if len(waiting) >= LIMIT:
        return "full", 409
    waiting.append(request.args["name"])  # IS110
    return "wait here"
