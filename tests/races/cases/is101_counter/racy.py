"""A counter of visits: the classic."""

# explore: GET / | GET /
# dynamic

from flask import Flask

app = Flask(__name__)
hits = 0


@app.route("/")
def index():
    global hits
    hits += 1  # IS101
    return str(hits)
