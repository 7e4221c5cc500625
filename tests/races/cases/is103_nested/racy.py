"""Rooms in a dictionary, members in lists inside."""

# explore: POST /join/blue?name=a | POST /join/blue?name=b
# dynamic

from flask import Flask, request

app = Flask(__name__)
rooms = {"blue": {"members": [], "full": False}}


@app.post("/join/<room>")
def join(room):
    entry = rooms[room]
    if len(entry["members"]) >= 1:
        return "full", 409
    entry["members"].append(request.args["name"])  # IS110 or IS103
    return "joined"
