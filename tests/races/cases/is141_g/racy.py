"""g taken for a store between requests: it is empty each time."""

from flask import Flask, g

app = Flask(__name__)


@app.get("/")
def index():
    if not hasattr(g, "visits"):
        g.visits = 0
    g.visits += 1  # IS141
    return f"visit {g.visits}"
