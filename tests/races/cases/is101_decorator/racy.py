"""A decorator of the program's own that counts the calls."""

# explore: GET / | GET /
# dynamic

import functools

from flask import Flask

app = Flask(__name__)
calls = 0


def counted(view):
    @functools.wraps(view)
    def wrapper(*args, **kwargs):
        global calls
        calls = calls + 1  # IS101
        return f"{calls}: " + view(*args, **kwargs)

    return wrapper


@app.route("/")
@counted
def index():
    return "hello"
