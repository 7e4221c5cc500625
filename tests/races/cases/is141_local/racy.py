"""A thread-local that one request sets, and the next of the same thread still sees."""

import threading

from flask import Flask, request

app = Flask(__name__)
local = threading.local()


@app.post("/login")
def login():
    local.user = request.args["user"]  # IS141
    return "welcome"


@app.get("/")
def index():
    return f"hello {getattr(local, 'user', 'stranger')}"
