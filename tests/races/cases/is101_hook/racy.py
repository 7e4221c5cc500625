"""Requests counted in a hook, reported by a view."""

# explore: GET /count | GET /count
# dynamic

from flask import Flask

app = Flask(__name__)
requests_seen = 0


@app.before_request
def count():
    global requests_seen
    seen = requests_seen
    seen = int(seen) + 1
    requests_seen = seen  # IS101


@app.get("/count")
def report():
    return str(requests_seen)
