"""A default of None, and a fresh list for each call."""

# explore: GET /seen/a | GET /seen/b
# dynamic

from flask import Flask

app = Flask(__name__)


def remember(name, seen=None):
    if seen is None:
        seen = []
    if name in seen:
        return "again"
    seen.append(name)
    return f"number {len(seen)}"


@app.get("/seen/<name>")
def seen(name):
    return remember(name)
