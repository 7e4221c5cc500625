"""A singleton made by __new__."""

# explore: POST /add | POST /add
# dynamic

from flask import Flask

app = Flask(__name__)


class Registry:
    _instance = None

    def __new__(cls):
        if cls._instance is None:
            instance = super().__new__(cls)
            instance.entries = []
            cls._instance = instance  # IS111
        return cls._instance


@app.post("/add")
def add():
    registry = Registry()
    registry.entries.append("entry")
    return str(len(registry.entries))
