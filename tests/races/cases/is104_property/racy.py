"""A property hides the write to a shared object."""

# explore: POST /raise | POST /raise
# dynamic

from flask import Flask

app = Flask(__name__)


class Meter:
    def __init__(self):
        self._level = 0

    @property
    def level(self):
        return self._level

    @level.setter
    def level(self, value):
        self._level = value  # IS104 or IS101


meter = Meter()


@app.post("/raise")
def lift():
    meter.level += 1
    return str(meter.level)
