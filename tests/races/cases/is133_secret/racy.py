"""A secret key drawn at import: each worker has its own."""

import os

from flask import Flask

app = Flask(__name__)
app.secret_key = os.urandom(24)  # IS133


@app.get("/")
def index():
    return "hello"
