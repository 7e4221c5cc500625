"""A class method that changes its class under the class's lock."""

# explore: POST /visit | POST /visit
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Visits:
    count = 0
    names = []
    lock = threading.Lock()

    @classmethod
    def add(cls, name):
        with cls.lock:
            cls.names.append(name)
            cls.count += 1
            return cls.count


@app.post("/visit")
def visit():
    return str(Visits.add("somebody"))
