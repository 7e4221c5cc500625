"""Random numbers drawn for each answer, and a key from the environment."""

import os
import secrets
import uuid

from flask import Flask


def create_app():
    app = Flask(__name__)
    app.config.from_mapping(SECRET_KEY=os.environ.get("SECRET_KEY", "for development"))

    @app.get("/")
    def index():
        return f"{secrets.token_hex(16)} {uuid.uuid4()}"

    return app


app = create_app()
