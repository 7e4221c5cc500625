"""Two methods of a view behind one decorator: a lock around what builds the list anew."""

# explore: DELETE /tasks/1 | DELETE /tasks/2

import functools
import threading

from flask import Flask, abort, jsonify, request
from flask.views import MethodView

app = Flask(__name__)
tasks = [{"id": 1}, {"id": 2}, {"id": 3}]
lock = threading.Lock()


def checked(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if request.headers.get("X-Blocked"):
            abort(403)
        return function(*args, **kwargs)

    return wrapper


class Tasks(MethodView):
    @checked
    def get(self, number):
        with lock:
            return jsonify(sorted(task["id"] for task in tasks))

    @checked
    def delete(self, number):
        global tasks
        with lock:
            tasks = [task for task in tasks if task["id"] != number]
        return "", 204


app.add_url_rule("/tasks/<int:number>", view_func=Tasks.as_view("tasks"))
