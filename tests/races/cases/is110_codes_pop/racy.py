"""One-time codes on an object: looked up, checked, then popped."""

# explore: POST /token?code=abc | POST /token?code=abc
# dynamic

from flask import Flask, request

app = Flask(__name__)


class Codes:
    def __init__(self):
        self._codes = {"abc": {"user": "ann", "until": 9e9}}

    def redeem(self, code):
        entry = self._codes.get(code)
        if entry is None or entry["until"] < 1:
            return None
        self._codes.pop(code, None)  # IS110 or IS104
        return entry["user"]


codes = Codes()


@app.post("/token")
def token():
    user = codes.redeem(request.args["code"])
    return f"token for {user}" if user else ("no such code", 400)
