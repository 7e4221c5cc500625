"""What a request sends is kept as it came, and counted up later, by one at a time."""

import threading

from flask import Flask, abort, request

app = Flask(__name__)
posts = []
lock = threading.Lock()


@app.post("/posts")
def publish():
    post = request.get_json()
    with lock:
        posts.append(post)
    return "published", 201


@app.post("/posts/<int:number>/like")
def like(number):
    with lock:
        for post in posts:
            if post["id"] == number:
                post["likes"] = likes = post["likes"] + 1
                return str(likes)
    abort(404)
