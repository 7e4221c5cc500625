"""Tests of the shop, one request after the other; all of them pass. `pytest --instep` sees more."""

import pytest
from shop import app


@pytest.fixture
def client():
    return app.test_client()


def test_visitors_are_counted(client):
    first = int(client.get("/").text.split()[-1])
    assert client.get("/").text == f"You are visitor {first + 1}"


def test_an_order_gets_a_number(client):
    number = client.post("/order", json={"item": "tea"}).json["number"]
    assert client.post("/order", json={"item": "tea"}).json["number"] == number + 1


def test_what_is_sold_out_is_refused(client):
    assert client.post("/order", json={"item": "coffee"}).status_code == 409


def test_orders_are_listed(client):
    assert client.get("/orders").json["orders"]
