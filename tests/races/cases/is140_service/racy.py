"""The user of a request, kept on a service that all requests share."""

# explore: GET /orders?user=ann | GET /orders?user=ben
# dynamic

from flask import Flask, request

app = Flask(__name__)


class Orders:
    user = None

    def orders(self):
        return f"orders of {self.user}"


service = Orders()


@app.get("/orders")
def orders():
    service.user = request.args["user"]  # IS140 or IS104
    return service.orders()
