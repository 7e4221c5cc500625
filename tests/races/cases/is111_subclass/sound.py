"""A singleton by a base class of the program's own, that takes a lock."""

# explore: GET / | GET /
# dynamic

import itertools
import threading

from flask import Flask

app = Flask(__name__)
made = itertools.count(1)


class Singleton:
    _instances = {}
    _lock = threading.Lock()

    @classmethod
    def get(cls):
        with cls._lock:
            if cls not in cls._instances:
                cls._instances[cls] = cls()
            return cls._instances[cls]


class Mailer(Singleton):
    def __init__(self):
        self.number = next(made)


@app.route("/")
def index():
    return f"mailer {Mailer.get().number}"
