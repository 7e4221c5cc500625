"""A seat is booked if nobody has it yet."""

# explore: POST /book/7?name=ann | POST /book/7?name=ben
# dynamic

from flask import Blueprint, Flask, request

theatre = Blueprint("theatre", __name__)
booked = set()


def is_free(seat):
    return seat not in booked


@theatre.route("/book/<int:seat>", methods=["POST"])
def book(seat):
    if is_free(seat):
        booked.add(seat)  # IS110
        return f"{request.args['name']} has it"
    return "taken", 409


def create_app():
    app = Flask(__name__)
    app.register_blueprint(theatre)
    return app


app = create_app()
