"""A mutable default argument that remembers."""

# explore: GET /seen/a | GET /seen/b
# dynamic

from flask import Flask

app = Flask(__name__)


def remember(name, seen=[]):
    if name in seen:
        return "again"
    seen.append(name)  # IS106 or IS110
    return f"number {len(seen)}"


@app.get("/seen/<name>")
def seen(name):
    return remember(name)
