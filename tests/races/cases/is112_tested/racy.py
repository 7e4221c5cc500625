"""A global that is tested, then read again."""

# explore: GET / | POST /clear
# dynamic

from flask import Flask

app = Flask(__name__)
message = {"text": "closed on Monday"}


@app.get("/")
def index():
    if message is not None:
        return message["text"]  # IS112
    return "nothing"


@app.post("/clear")
def clear():
    global message
    message = None
    return "cleared"
