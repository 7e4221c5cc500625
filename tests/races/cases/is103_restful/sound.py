"""To-dos as a Flask-RESTful resource, one request at a time."""

import itertools
import threading

from flask import Flask
from flask_restful import Api, Resource, abort, reqparse

app = Flask(__name__)
api = Api(app)
TODOS = {"todo1": {"task": "build an API"}, "todo2": {"task": "profit"}}
numbers = itertools.count(3)
lock = threading.Lock()
parser = reqparse.RequestParser()
parser.add_argument("task")


class Todo(Resource):
    def get(self, key):
        with lock:
            found = TODOS.get(key)
        if found is None:
            abort(404, message=f"{key} is not there")
        return found

    def delete(self, key):
        with lock:
            found = TODOS.pop(key, None)
        if found is None:
            abort(404, message=f"{key} is not there")
        return "", 204


class TodoList(Resource):
    def get(self):
        with lock:
            return dict(TODOS)

    def post(self):
        args = parser.parse_args()
        todo = {"task": args["task"]}
        key = f"todo{next(numbers)}"
        with lock:
            TODOS[key] = todo
        return todo, 201


api.add_resource(TodoList, "/todos")
api.add_resource(Todo, "/todos/<key>")
