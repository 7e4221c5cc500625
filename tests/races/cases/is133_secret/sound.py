"""A secret key from the configuration."""

import os

from flask import Flask

app = Flask(__name__)
app.secret_key = os.environ.get("SECRET_KEY", "for development")


@app.get("/")
def index():
    return "hello"
