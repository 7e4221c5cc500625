"""g used for what one request needs twice."""

from flask import Flask, g

app = Flask(__name__)


def settings():
    if "settings" not in g:
        g.settings = {"language": "de"}
    return g.settings


@app.get("/")
def index():
    return f"{settings()['language']} {len(settings())}"
