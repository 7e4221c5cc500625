"""A number in the session, raised by requests that a browser sends side by side."""

from flask import Flask, session

app = Flask(__name__)
app.secret_key = "for development"


@app.post("/score")
def score():
    session["score"] = session.get("score", 0) + 10  # IS142 any
    return str(session["score"])
