"""A helper answers 404 if it is not there; then it is deleted."""

# explore: DELETE /items/1 | DELETE /items/1
# dynamic

from flask import Flask, abort
from flask.views import MethodView

app = Flask(__name__)
items = {1: "tea", 2: "cake"}


def abort_if_missing(number):
    if number not in items:
        abort(404)


class Item(MethodView):
    def get(self, number):
        abort_if_missing(number)
        return items[number]

    def delete(self, number):
        abort_if_missing(number)
        del items[number]  # IS110
        return "", 204


app.add_url_rule("/items/<int:number>", view_func=Item.as_view("item"))
