"""Delete it, and answer 404 if that fails: one step."""

# explore: DELETE /items/1 | DELETE /items/1

from flask import Flask, abort
from flask.views import MethodView

app = Flask(__name__)
items = {1: "tea", 2: "cake"}


class Item(MethodView):
    def get(self, number):
        try:
            return items[number]
        except KeyError:
            abort(404)

    def delete(self, number):
        try:
            del items[number]
        except KeyError:
            abort(404)
        return "", 204


app.add_url_rule("/items/<int:number>", view_func=Item.as_view("item"))
