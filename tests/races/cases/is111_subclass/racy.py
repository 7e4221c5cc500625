"""A singleton by a base class of the program's own."""

# explore: GET / | GET /
# dynamic

import itertools

from flask import Flask

app = Flask(__name__)
made = itertools.count(1)


class Singleton:
    _instances = {}

    @classmethod
    def get(cls):
        if cls not in cls._instances:
            cls._instances[cls] = cls()  # IS111 or IS110
        return cls._instances[cls]


class Mailer(Singleton):
    def __init__(self):
        self.number = next(made)


@app.route("/")
def index():
    return f"mailer {Mailer.get().number}"
