"""A list on the instance of a view, which is made for each request."""

# explore: GET /cart/tea | GET /cart/cake
# dynamic

from flask import Flask
from flask.views import MethodView

app = Flask(__name__)


class Cart(MethodView):
    def __init__(self):
        self.items = []

    def get(self, item):
        self.items.append(item)
        return ",".join(self.items)


app.add_url_rule("/cart/<item>", view_func=Cart.as_view("cart"))
