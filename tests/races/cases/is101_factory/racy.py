"""A counter in the closure of an application factory."""

# explore: GET /ticket | GET /ticket
# dynamic

from flask import Flask


def create_app():
    app = Flask(__name__)
    last = 100

    @app.get("/ticket")
    def ticket():
        nonlocal last
        number = last + 1
        last = number  # IS101
        return f"ticket {number}"

    return app


app = create_app()
