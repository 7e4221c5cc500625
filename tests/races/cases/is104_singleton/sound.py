"""A singleton behind get_instance(), made at import, that locks."""

# explore: GET /next | GET /next
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Numbers:
    _instance = None

    def __init__(self):
        self.last = 0
        self._lock = threading.Lock()

    @classmethod
    def get_instance(cls):
        return cls._instance

    def following(self):
        with self._lock:
            number = self.last + len("1")
            self.last = number
            return number


Numbers._instance = Numbers()


@app.get("/next")
def following():
    return str(Numbers.get_instance().following())
