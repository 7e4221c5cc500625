"""A cache in the memory of one worker, emptied by one request."""

from cachelib import SimpleCache
from flask import Flask, request

app = Flask(__name__)
cache = SimpleCache()  # IS132


@app.get("/page")
def page():
    found = cache.get("page")
    return found if found is not None else "empty"


@app.post("/page")
def publish():
    cache.set("page", request.args["text"])
    return "published"
