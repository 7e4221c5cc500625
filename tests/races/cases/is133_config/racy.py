"""A secret key drawn by the factory, put into the configuration."""

import secrets

from flask import Flask


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = secrets.token_hex(16)  # IS133

    @app.get("/")
    def index():
        return "hello"

    return app


app = create_app()
