"""A bounded log in a deque: appended in one step, copied before it is shown."""

# explore: POST /log?line=a | POST /log?line=b

from collections import deque

from flask import Flask, request

app = Flask(__name__)
log = deque(maxlen=100)


@app.post("/log")
def write():
    log.append(request.args["line"])
    return "written"


@app.get("/log")
def show():
    return "\n".join(list(log))
