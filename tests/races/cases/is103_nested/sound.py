"""Rooms in a dictionary, members in lists inside, joined one at a time."""

# explore: POST /join/blue?name=a | POST /join/blue?name=b
# dynamic

import threading

from flask import Flask, request

app = Flask(__name__)
rooms = {"blue": {"members": [], "full": False}}
lock = threading.Lock()


@app.post("/join/<room>")
def join(room):
    with lock:
        entry = rooms[room]
        if len(entry["members"]) >= 1:
            return "full", 409
        entry["members"].append(request.args["name"])
        return "joined"
