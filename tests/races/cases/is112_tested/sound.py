"""A global that is read once."""

# explore: GET / | POST /clear

from flask import Flask

app = Flask(__name__)
message = {"text": "closed on Monday"}


@app.get("/")
def index():
    current = message
    if current is not None:
        return current["text"]
    return "nothing"


@app.post("/clear")
def clear():
    global message
    message = None
    return "cleared"
