"""The name goes to who sets it first: setdefault is one step."""

# explore: POST /register?name=ann&by=1 | POST /register?name=ann&by=2

from flask import Flask, request

app = Flask(__name__)
users = {}


@app.post("/register")
def register():
    mine = {"by": request.args["by"]}
    if users.setdefault(request.args["name"], mine) is not mine:
        return "taken", 409
    return "yours"
