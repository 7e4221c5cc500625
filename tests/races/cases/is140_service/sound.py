"""The user of a request, given to the service as an argument."""

# explore: GET /orders?user=ann | GET /orders?user=ben
# dynamic

from flask import Flask, request

app = Flask(__name__)


class Orders:
    def orders(self, user):
        return f"orders of {user}"


service = Orders()


@app.get("/orders")
def orders():
    return service.orders(request.args["user"])
