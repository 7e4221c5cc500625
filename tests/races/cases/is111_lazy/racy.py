"""A client made by whoever needs it first."""

# explore: GET / | GET /
# dynamic

import itertools

from flask import Flask

app = Flask(__name__)
made = itertools.count(1)
client = None


class Client:
    def __init__(self):
        self.number = next(made)


def get_client():
    global client
    if client is None:
        client = Client()  # IS111
    return client


@app.route("/")
def index():
    return f"client {get_client().number}"
