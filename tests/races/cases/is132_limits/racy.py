"""Limits counted in the memory of each worker."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

app = Flask(__name__)
limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")  # IS132


@app.get("/")
@limiter.limit("5 per minute")
def index():
    return "hello"
