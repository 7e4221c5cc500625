"""A list on the class of a view: all requests share it."""

# explore: GET /cart/tea | GET /cart/cake
# dynamic

from flask import Flask
from flask.views import MethodView

app = Flask(__name__)


class Cart(MethodView):
    items = []

    def get(self, item):
        self.items.append(item)  # IS105
        return ",".join(self.items)


app.add_url_rule("/cart/<item>", view_func=Cart.as_view("cart"))
