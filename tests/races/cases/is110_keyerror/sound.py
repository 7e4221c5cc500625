"""A KeyError decides whether it is the first, under a lock."""

# explore: GET /count/tea | GET /count/tea
# dynamic

import threading

from flask import Flask

app = Flask(__name__)
counts = {}
lock = threading.Lock()


@app.get("/count/<word>")
def count(word):
    with lock:
        try:
            seen = counts[word]
        except KeyError:
            seen = 0
        counts[word] = seen + 1
    return str(seen + 1)
