"""The user of a request, kept in a global by a hook."""

# explore: GET /hello?user=ann | GET /hello?user=ben
# dynamic

from flask import Flask, request

app = Flask(__name__)
current_user = None


@app.before_request
def load_user():
    global current_user
    current_user = request.args.get("user")  # IS140 or IS102


@app.get("/hello")
def hello():
    return f"hello {current_user}"
