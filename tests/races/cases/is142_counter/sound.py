"""A name in the session, bound without being read before."""

from flask import Flask, request, session

app = Flask(__name__)
app.secret_key = "for development"


@app.post("/name")
def name():
    session["name"] = request.args["name"]
    return "welcome"
