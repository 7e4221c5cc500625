"""Limits counted where all workers see them."""

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

app = Flask(__name__)
limiter = Limiter(get_remote_address, app=app, storage_uri="redis://127.0.0.1:6379")


@app.get("/")
@limiter.limit("5 per minute")
def index():
    return "hello"
