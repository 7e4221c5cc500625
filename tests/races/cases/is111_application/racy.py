"""A lazily made attribute of the application."""

# explore: GET / | GET /
# dynamic

import itertools

from flask import Flask, current_app

app = Flask(__name__)
made = itertools.count(1)


@app.route("/")
def index():
    if not hasattr(current_app, "token"):
        current_app.token = f"token {next(made)}"  # IS111 or IS110 or IS140
    return current_app.token
