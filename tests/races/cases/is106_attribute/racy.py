"""A counter on the function itself."""

# explore: GET / | GET /
# dynamic

from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    index.hits = index.hits + 1  # IS106 or IS101
    return str(index.hits)


index.hits = 0
