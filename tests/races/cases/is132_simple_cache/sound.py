"""A cache in files that all workers see."""

from cachelib import FileSystemCache
from flask import Flask, request

app = Flask(__name__)
cache = FileSystemCache("/tmp/pages-of-a-case")


@app.get("/page")
def page():
    found = cache.get("page")
    return found if found is not None else "empty"


@app.post("/page")
def publish():
    cache.set("page", request.args["text"])
    return "published"
