"""The largest id so far, plus one, found by a helper."""

# explore: POST /tasks?title=a | POST /tasks?title=b
# dynamic

from flask import Flask, jsonify, request

app = Flask(__name__)
tasks = [{"id": 1, "title": "first"}]


def following():
    if not tasks:
        return 1
    return max(task["id"] for task in tasks) + 1


@app.route("/tasks", methods=["GET", "POST"])
def all_tasks():
    if request.method == "GET":
        return jsonify(tasks)
    task = {"id": following(), "title": request.args["title"]}
    tasks.append(task)  # IS110
    return jsonify(task), 201
