"""The shop's races as tests, with the `race` fixture: `pytest race_shop.py`. They fail."""

from shop import app

ORDER = 'POST /order {"item": "tea"}'


def test_two_orders_get_two_numbers(race):
    race.requests(ORDER, ORDER, app=app)
