"""A singleton behind get_instance(), made at import."""

# explore: GET /next | GET /next
# dynamic

from flask import Flask

app = Flask(__name__)


class Numbers:
    _instance = None

    def __init__(self):
        self.last = 0

    @classmethod
    def get_instance(cls):
        return cls._instance

    def following(self):
        number = self.last + len("1")
        self.last = number  # IS104 or IS101
        return number


Numbers._instance = Numbers()


@app.get("/next")
def following():
    return str(Numbers.get_instance().following())
