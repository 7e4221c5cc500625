"""One-time codes: taken out in one step."""

# explore: POST /token?code=abc | POST /token?code=abc

from flask import Flask, request

app = Flask(__name__)
codes = {"abc": "ann"}


@app.post("/token")
def token():
    user = codes.pop(request.args["code"], None)
    if user is None:
        return "no such code", 400
    return f"token for {user}"
