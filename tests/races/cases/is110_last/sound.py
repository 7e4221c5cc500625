"""The id of the last item, plus one, under a lock."""

# explore: POST /tasks | POST /tasks
# dynamic

import threading

from flask import Flask, jsonify

app = Flask(__name__)
tasks = [{"id": 1, "done": False}]
lock = threading.Lock()


@app.route("/tasks", methods=["POST"])
def create():
    with lock:
        task = {"id": tasks[-1]["id"] + 1, "done": False}
        tasks.append(task)
    return jsonify(task), 201
