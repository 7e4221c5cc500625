"""An item is asked for once."""

# explore: GET /state/ann | DELETE /state/ann

from flask import Flask

app = Flask(__name__)
states = {"ann": "here"}


@app.get("/state/<name>")
def state(name):
    found = states.get(name)
    if found is not None:
        return found
    return "unknown", 404


@app.delete("/state/<name>")
def leave(name):
    states.pop(name, None)
    return "left"
