"""A session that the next request of the same visitor sees."""

from flask import Flask, request, session

app = Flask(__name__)
app.secret_key = "for development"


@app.post("/login")
def login():
    session["user"] = request.args["user"]
    return "welcome"


@app.get("/")
def index():
    return f"hello {session.get('user', 'stranger')}"
