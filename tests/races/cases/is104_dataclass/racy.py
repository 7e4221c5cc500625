"""A dataclass instance in a module, handed to a class-based view."""

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
    init_every_request = False

    def __init__(self, purse):
        self.purse = purse

    def post(self):
        amount = int(request.args["amount"])
        if self.purse.balance < amount:
            return "too little", 402
        self.purse.balance -= amount  # IS104 or IS110 or IS101
        self.purse.history.append(amount)
        return "paid"


app.add_url_rule("/pay", view_func=Pay.as_view("pay", Purse()))
