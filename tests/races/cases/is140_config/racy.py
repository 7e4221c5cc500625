"""The user of a request, kept in the configuration of the application."""

# explore: GET /hello?user=ann | GET /hello?user=ben
# dynamic

from flask import Flask, current_app, request

app = Flask(__name__)


def greeting():
    return f"hello {current_app.config['USER']}"


@app.get("/hello")
def hello():
    current_app.config["USER"] = request.args["user"]  # IS140
    return greeting()
