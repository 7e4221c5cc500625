"""A dataclass instance made for each request."""

# explore: POST /pay?amount=60 | POST /pay?amount=60
# dynamic

from dataclasses import dataclass, field

from flask import Flask, request
from flask.views import MethodView

app = Flask(__name__)


@dataclass
class Purse:
    balance: int = 100
    history: list = field(default_factory=list)


class Pay(MethodView):
    def __init__(self):
        self.purse = Purse()

    def post(self):
        amount = int(request.args["amount"])
        if self.purse.balance < amount:
            return "too little", 402
        self.purse.balance -= amount
        self.purse.history.append(amount)
        return "paid"


app.add_url_rule("/pay", view_func=Pay.as_view("pay"))
