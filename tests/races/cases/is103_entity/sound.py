"""An in-memory store of to-dos whose items are changed under one lock."""

# explore: POST /todos/1/vote | POST /todos/1/vote
# dynamic

import threading

from flask import Flask, abort, jsonify

app = Flask(__name__)
todos = [{"id": 1, "task": "tea", "votes": 0}, {"id": 2, "task": "cake", "votes": 0}]
lock = threading.Lock()


@app.get("/todos")
def show():
    with lock:
        return jsonify(todos)


@app.post("/todos/<int:number>/vote")
def vote(number):
    with lock:
        found = [todo for todo in todos if todo["id"] == number]
        if not found:
            abort(404)
        todo = found[0]
        votes = int(todo["votes"]) + 1
        todo["votes"] = votes
        return jsonify(todo)
