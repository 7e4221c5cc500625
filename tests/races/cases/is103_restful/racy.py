"""To-dos as a Flask-RESTful resource."""

from flask import Flask
from flask_restful import Api, Resource, abort, reqparse

app = Flask(__name__)
api = Api(app)
TODOS = {"todo1": {"task": "build an API"}, "todo2": {"task": "profit"}}
parser = reqparse.RequestParser()
parser.add_argument("task")


def abort_unless_there(key):
    if key not in TODOS:
        abort(404, message=f"{key} is not there")


class Todo(Resource):
    def get(self, key):
        abort_unless_there(key)
        return TODOS[key]

    def delete(self, key):
        abort_unless_there(key)
        del TODOS[key]  # IS110
        return "", 204


class TodoList(Resource):
    def get(self):
        return TODOS

    def post(self):
        args = parser.parse_args()
        number = int(max(TODOS.keys()).lstrip("todo")) + 1
        key = f"todo{number}"
        TODOS[key] = {"task": args["task"]}  # IS110 or IS103
        return TODOS[key], 201


api.add_resource(TodoList, "/todos")
api.add_resource(Todo, "/todos/<key>")
