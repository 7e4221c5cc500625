"""One-time codes: looked up, then deleted."""

# explore: POST /token?code=abc | POST /token?code=abc
# dynamic

from flask import Flask, request

app = Flask(__name__)
codes = {"abc": "ann"}


@app.post("/token")
def token():
    code = request.args["code"]
    user = codes.get(code)
    if user is None:
        return "no such code", 400
    del codes[code]  # IS110
    return f"token for {user}"
