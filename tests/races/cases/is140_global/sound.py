"""The user of a request, kept in a context variable by a hook, and put back after it."""

# explore: GET /hello?user=ann | GET /hello?user=ben
# dynamic

from contextvars import ContextVar

from flask import Flask, g, request

app = Flask(__name__)
current_user = ContextVar("current_user", default=None)


@app.before_request
def load_user():
    g.token = current_user.set(request.args.get("user"))


@app.teardown_request
def forget_user(error):
    current_user.reset(g.pop("token"))


@app.get("/hello")
def hello():
    return f"hello {current_user.get()}"
