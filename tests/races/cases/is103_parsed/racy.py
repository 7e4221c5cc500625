"""What a request sends is kept as it came, and counted up later."""

from flask import Flask, abort, request

app = Flask(__name__)
posts = []


@app.post("/posts")
def publish():
    posts.append(request.get_json())
    return "published", 201


@app.post("/posts/<int:number>/like")
def like(number):
    for post in posts:
        if post["id"] == number:
            post["likes"] = post["likes"] + 1  # IS103
            return str(post["likes"])
    abort(404)
