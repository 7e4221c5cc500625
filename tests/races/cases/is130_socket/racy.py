"""A socket made at import: with preload, all workers write to the same."""

import socket

from flask import Flask

app = Flask(__name__)
statistics = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # IS130 any
statistics.connect(("127.0.0.1", 8125))


@app.get("/")
def index():
    statistics.send(b"hits:1|c")
    return "hello"
