"""A singleton made by __new__ under a lock, and asked for a number that it locks itself."""

# explore: POST /add | POST /add
# dynamic

import threading

from flask import Flask

app = Flask(__name__)


class Registry:
    _instance = None
    _lock = threading.RLock()

    def __new__(cls):
        with cls._lock:
            if cls._instance is None:
                cls._instance = super().__new__(cls)
                cls._instance.entries = []
            return cls._instance

    def add(self, entry):
        with self._lock:
            self.entries.append(entry)
            return len(self.entries)


@app.post("/add")
def add():
    return str(Registry().add("entry"))
