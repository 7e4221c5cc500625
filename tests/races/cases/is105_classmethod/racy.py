"""A class method that changes its class."""

# explore: POST /visit | POST /visit
# dynamic

from flask import Flask

app = Flask(__name__)


class Visits:
    count = 0
    names = []

    @classmethod
    def add(cls, name):
        cls.names.append(name)
        cls.count += 1  # IS105 or IS101
        return cls.count


@app.post("/visit")
def visit():
    return str(Visits.add("somebody"))
