"""A service made lazily by a class method."""

# explore: GET / | GET /
# dynamic

import itertools

from flask import Flask

app = Flask(__name__)
made = itertools.count(1)


class Service:
    _instance = None

    def __init__(self):
        self.number = next(made)

    @classmethod
    def get_instance(cls):
        if not cls._instance:
            cls._instance = cls()  # IS111
        return cls._instance


@app.route("/")
def index():
    return f"service {Service.get_instance().number}"
