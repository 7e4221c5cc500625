"""A socket for each answer."""

import socket

from flask import Flask

app = Flask(__name__)


@app.get("/")
def index():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statistics:
        statistics.sendto(b"hits:1|c", ("127.0.0.1", 8125))
    return "hello"
