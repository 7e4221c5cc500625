"""Is the name free? Then take it: two may be told yes."""

# explore: POST /register?name=ann&by=1 | POST /register?name=ann&by=2
# dynamic

from flask import Flask, request

app = Flask(__name__)
users = {}


@app.post("/register")
def register():
    name = request.args["name"]
    if name in users:
        return "taken", 409
    users[name] = request.args["by"]  # IS110
    return "yours"
