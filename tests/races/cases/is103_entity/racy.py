"""An in-memory store of to-dos whose items are changed in place."""

# explore: POST /todos/1/vote | POST /todos/1/vote
# dynamic

from flask import Flask, abort, jsonify

app = Flask(__name__)
todos = [{"id": 1, "task": "tea", "votes": 0}, {"id": 2, "task": "cake", "votes": 0}]


@app.get("/todos")
def show():
    return jsonify(todos)


@app.post("/todos/<int:number>/vote")
def vote(number):
    found = [todo for todo in todos if todo["id"] == number]
    if not found:
        abort(404)
    todo = found[0]
    votes = int(todo["votes"]) + 1
    todo["votes"] = votes  # IS103 or IS101 or IS110
    return jsonify(todo)
