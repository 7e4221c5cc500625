"""A service made at import, handed out by a class method."""

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
        return cls._instance


Service._instance = Service()


@app.route("/")
def index():
    return f"service {Service.get_instance().number}"
