"""The user of a request, kept in g."""

# explore: GET /hello?user=ann | GET /hello?user=ben
# dynamic

from flask import Flask, g, request

app = Flask(__name__)


def greeting():
    return f"hello {g.user}"


@app.get("/hello")
def hello():
    g.user = request.args["user"]
    return greeting()
