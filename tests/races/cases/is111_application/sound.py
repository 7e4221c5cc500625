"""A lazily made attribute of g: one for each request."""

# explore: GET / | GET /
# dynamic

from flask import Flask, g

app = Flask(__name__)


@app.route("/")
def index():
    if not hasattr(g, "token"):
        g.token = "token 1"
    return g.token
