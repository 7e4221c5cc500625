"""An item is tested, then read again, while another request takes it out."""

# explore: GET /state/ann | DELETE /state/ann
# dynamic

from flask import Flask

app = Flask(__name__)
states = {"ann": "here"}


@app.get("/state/<name>")
def state(name):
    if name in states:
        return states[name]  # IS112 or IS110
    return "unknown", 404


@app.delete("/state/<name>")
def leave(name):
    states.pop(name, None)
    return "left"
