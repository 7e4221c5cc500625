"""A counter in the closure of an application factory, under its lock."""

# explore: GET /ticket | GET /ticket
# dynamic

import threading

from flask import Flask


def create_app():
    app = Flask(__name__)
    last = 100
    lock = threading.Lock()

    @app.get("/ticket")
    def ticket():
        nonlocal last
        with lock:
            number = last + 1
            last = number
        return f"ticket {number}"

    return app


app = create_app()
