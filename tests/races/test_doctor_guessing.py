"""Requests are guessed from routes, the fields that a view reads, and the keys of the state."""

from textwrap import dedent

import pytest

from instep.races.exploring.guessing import Fields, known_keys, read_fields, request


@pytest.mark.parametrize(
    ("route", "made"),
    [
        ("GET /", "GET /"),
        ("/visits", "GET /visits"),
        ("DELETE /order/<int:id>", "DELETE /order/1"),
        ("GET /user/<name>/<float:x>", "GET /user/alice/1.5"),
        ("GET /doc/<uuid:key>", "GET /doc/00000000-0000-4000-8000-000000000001"),
        ("GET /file/<path:where>", "GET /file/where"),
        ("GET /seat/<any(a,b):row>", "GET /seat/row"),
        ("GET /a/{item_id}", "GET /a/1"),
    ],
)
def test_a_path_gets_values(route: str, made: str) -> None:
    """By the kind of a parameter, then by its name."""
    assert request(route) == made


def test_a_path_gets_a_key_that_is_there() -> None:
    """A key of the state comes first, if its kind fits."""
    assert request("PUT /todos/<todo_id>", keys=["todo1"]) == "PUT /todos/todo1"
    assert request("PUT /todos/<int:todo_id>", keys=["todo1", "7"]) == "PUT /todos/7"


def test_bodies() -> None:
    """JSON, a form, a query string; no body for a GET."""
    assert request("POST /a", fields=Fields(json={"n": 1})) == 'POST /a {"n": 1}'
    assert request("POST /a", fields=Fields(whole=True)) == "POST /a {}"
    assert request("POST /a", fields=Fields(form={"x": "a b", "y": True})) == "POST /a x=a+b&y=1"
    assert request("GET /a", fields=Fields(json={"n": 1}, query={"q": "s"})) == "GET /a?q=s"


SOURCE = dedent(
    """
    parser = reqparse.RequestParser()
    parser.add_argument("task")
    parser.add_argument("count", type=int)

    @app.post("/order")
    def order():
        data = request.get_json() or {}
        if "title" not in data:
            abort(400)
        return place(data["title"], int(data.get("pieces")), request.args.get("page"))

    @app.post("/form")
    def form():
        return request.form["email"], request.form.get("done", type=int)

    stock = {"tea": 5}

    @app.post("/buy")
    def buy():
        item = request.json["item"]
        return stock[item]

    class Todos(Resource):
        def post(self):
            args = parser.parse_args()

        def get(self):
            return other["nothing"]
    """
)


@pytest.mark.parametrize(
    ("function", "fields"),
    [
        ("shop.order", Fields({"title": "title", "pieces": 1}, {}, {"page": 1}, True)),
        ("form", Fields({}, {"email": "alice@example.com", "done": 1}, {}, False)),
        ("buy", Fields({"item": "tea"}, {}, {}, True)),
        ("shop.Todos.post", Fields({"task": "task", "count": 1}, {}, {}, False)),
        ("Todos.get", Fields()),
        ("missing", Fields()),
    ],
)
def test_fields_are_read_in_the_source(function: str, fields: Fields) -> None:
    """`request.json`, a name for it, `in`, forms, arguments of a parser; and nothing of others."""
    assert read_fields(SOURCE, [function]) == fields


def test_keys_of_the_state() -> None:
    """A dictionary's keys, the ids in a list, also where an object has it; else none."""
    assert known_keys("A = {}\nB: dict = {'x': 1, 2: 3}", "B") == ["x", "2"]
    assert known_keys("tasks = [{'id': 1, 'done': False}, {'id': 2}]", "tasks") == ["1", "2"]
    assert known_keys("class A:\n def __init__(self):\n  self.todos = {'1': 2}", "todos") == ["1"]
    assert known_keys("A = load()", "A") == []
    assert known_keys("(", "A") == []


def test_broken_source_has_no_fields() -> None:
    """A file that cannot be parsed gives no guess, and no error."""
    assert read_fields("def (", ["f"]) == Fields()
