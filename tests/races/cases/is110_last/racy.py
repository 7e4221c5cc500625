"""The id of the last item, plus one."""

# explore: POST /tasks | POST /tasks
# dynamic

from flask import Flask, jsonify

app = Flask(__name__)
tasks = [{"id": 1, "done": False}]


@app.route("/tasks", methods=["POST"])
def create():
    task = {"id": tasks[-1]["id"] + 1, "done": False}
    tasks.append(task)  # IS110
    return jsonify(task), 201
