"""What an access says of itself: what it depends on, what guards it, what lies between."""

from pathlib import Path

import pytest
from reading_helper import FLASK, does, program, trace

from instep.races.reading import read
from instep.races.reading.model import Kind, Role

COUNTER = """
hits = 0
def slow(n):
    return n + 1
@app.get("/")
def index():
    global hits
    hits = slow(hits)
    return str(hits)
@app.get("/plain")
def plain():
    global hits
    hits += 1
    return str(hits)
"""


def test_a_write_depends_on_the_read_its_value_comes_from(tmp_path: Path) -> None:
    """Through a call, with the calls in between counted; the answer is known too."""
    read_, write, last = trace(program(tmp_path, FLASK + COUNTER), "index")
    assert (read_.kind, write.kind) == (Kind.READ, Kind.WRITE)
    assert write.depends == {0}
    assert write.calls >= 1
    assert last.returned


def test_an_update_in_one_statement_is_one_access(tmp_path: Path) -> None:
    """`+=` with nothing called in between has no switch point."""
    update = trace(program(tmp_path, FLASK + COUNTER), "plain")[0]
    assert (update.kind, update.method, update.calls) == (Kind.UPDATE, "+=", 0)


GUARDS = """
seats = {}
def known(name):
    if name in seats:
        return True
    return False
def demand(name):
    if name not in seats:
        abort(404)
@app.post("/early/<name>")
def early(name):
    if name in seats:
        return "taken", 409
    seats[name] = 1
    return "ok"
@app.post("/helper/<name>")
def helper(name):
    if not known(name):
        seats[name] = 1
    return "ok"
@app.post("/raising/<name>")
def raising(name):
    demand(name)
    del seats[name]
    return "ok"
@app.post("/trying/<name>")
def trying(name):
    try:
        return str(seats[name])
    except KeyError:
        seats[name] = 1
    return "ok"
@app.post("/looping/<name>")
def looping(name):
    for one in seats:
        if one == name:
            return "taken"
    seats[name] = 1
    return "ok"
@app.post("/nested/<name>")
def nested(name):
    if request.json:
        if name in seats:
            return "taken"
    seats[name] = 1
    return "ok"
@app.post("/flag/<name>")
def flag(name):
    free = True
    if name in seats:
        free = False
    if free:
        seats[name] = 1
    return "ok"
@app.post("/other/<name>")
def other(name):
    n = len(seats)
    seats["always"] = 1
    return str(n)
"""


@pytest.mark.parametrize(
    "view", ["early", "helper", "raising", "trying", "looping", "nested", "flag"]
)
def test_a_test_guards_what_comes_after_it(view: str, tmp_path: Path) -> None:
    """A branch, an early return, a helper that raises, an exception, a flag."""
    accesses = trace(program(tmp_path, FLASK + GUARDS), view)
    write = next(one for one in accesses if one.kind is Kind.WRITE)
    assert 0 in write.guards | write.depends
    assert accesses[0].location == write.location


def test_what_is_not_decided_by_a_test_is_not_guarded(tmp_path: Path) -> None:
    """Reading before is not deciding."""
    write = trace(program(tmp_path, FLASK + GUARDS), "other")[-1]
    assert not write.guards
    assert not write.depends


LOCKS = """
lock = threading.Lock()
locks = {}
n = 0
@app.get("/private")
def private():
    global n
    with threading.Lock():
        n += 1
    return ""
@app.get("/key/<name>")
def per_key(name):
    global n
    with locks.setdefault(name, threading.Lock()):
        n += 1
    return ""
@app.get("/again")
def again():
    global n
    with lock:
        old = n
    with lock:
        n = old + 1
    return ""
"""


def test_locks_that_do_not_exclude_are_told_apart(tmp_path: Path) -> None:
    """Made in the function; one of many; taken twice, which is two holds."""
    shop = program(tmp_path, FLASK + LOCKS)
    (private,) = next(iter(trace(shop, "private"))).held
    assert private.lock.private
    (keyed,) = trace(shop, "per_key")[-1].held
    assert keyed.lock.per_key
    first, second = trace(shop, "again")
    assert {hold.lock for hold in first.held} == {hold.lock for hold in second.held}
    assert first.held != second.held


def test_construction_is_private_until_it_is_published(tmp_path: Path) -> None:
    """What `__init__` sets, and what is done to an object that nobody has, is no access."""
    source = """
orders = {}
class Order:
    def __init__(self):
        self.state = "new"
        self.lines = []
    def add(self, line):
        self.lines.append(line)
        self.state = "open"
@app.post("/<key>")
def index(key):
    order = Order()
    order.add(1)
    orders[key] = order
    order.add(2)
    return ""
"""
    assert does(program(tmp_path, FLASK + source), "index") == [
        "write orders[] key",
        "write orders[].lines[]",
        "write orders[].state",
    ]


def test_the_path_of_calls_is_kept_where_a_body_is_not_walked_again(tmp_path: Path) -> None:
    """The same helper, called from two views under different locks, tells each its own."""
    source = """
lock = threading.Lock()
n = 0
def bump():
    global n
    n += 1
    return n
@app.get("/a")
def a():
    return str(bump())
@app.get("/b")
def b():
    with lock:
        x = bump()
        return str(x + bump())
"""
    shop = program(tmp_path, FLASK + source)
    update, read_ = trace(shop, "a")
    assert not update.held
    assert read_.returned
    accesses = trace(shop, "b")
    assert len(accesses) == 4
    assert all(len(one.held) == 1 for one in accesses)
    assert [one.stack[0].line for one in accesses] == [18, 18, 19, 19]


def test_broken_files_are_set_aside(tmp_path: Path) -> None:
    """A syntax error, null bytes, an unknown encoding: said, and the rest is read."""
    (tmp_path / "newer.py").write_text("def f(:\n")
    (tmp_path / "nulls.py").write_bytes(b"a = 1\0\n")
    (tmp_path / "coded.py").write_bytes(b"# -*- coding: no-such -*-\n")
    (tmp_path / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nx = 'ü'\n".encode("latin-1"))
    (tmp_path / "deep.py").write_text("x = " + "(" * 5000 + ")" * 5000)
    shop = program(tmp_path, FLASK + COUNTER)
    assert {one.path for one in shop.broken} == {"newer.py", "nulls.py", "coded.py", "deep.py"}
    assert len(shop.actors) == 2


def test_tests_environments_and_what_is_excluded_are_no_actors(tmp_path: Path) -> None:
    """Files of tests are counted, not followed; environments are not looked at."""
    view = FLASK + "@app.get('/')\ndef {}(): return ''\n"
    for name in ("tests/test_a.py", "venv/b.py", ".hidden/c.py", "env2/d.py", "skipped/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(view.format("never"))
    (tmp_path / "env2" / "pyvenv.cfg").write_text("")
    (tmp_path / "f.py").write_text(view.format("always"))
    shop = read([tmp_path], root=tmp_path, exclude=["skipped"])
    assert [one.name for one in shop.actors] == ["f.always"]
    assert set(shop.files) == {"f.py", "tests/test_a.py"}
    named = read([tmp_path / "tests" / "test_a.py", tmp_path / "tests" / "test_a.py"])
    assert [one.name for one in named.actors] == ["test_a.never"]


def test_what_is_made_at_import_is_listed(tmp_path: Path) -> None:
    """A connection, a thread that is started, a secret, a cache that reads what can change."""
    source = """
import functools, secrets, sqlite3
connection = sqlite3.connect("x", check_same_thread=False)
SECRET = secrets.token_hex()
prices = {"tea": 1}
@functools.lru_cache
def price(name):
    return prices[name]
@functools.lru_cache
def pure(n):
    return n * 2
@app.post("/")
def index():
    prices["tea"] = 2
    return str(price("tea")) + connection.execute("select 1").fetchone()
worker = threading.Thread(target=index)
worker.start()
if __name__ == "__main__":
    late = threading.Thread(target=index)
    late.start()
"""
    made = {(str(one.location), one.what): one for one in program(tmp_path, FLASK + source).made}
    assert made["connection", "sqlite3.connect"].arguments[-1] == "check_same_thread=False"
    assert made["SECRET", "secrets.token_hex"].actor is Role.STARTUP
    assert made["worker", "threading.Thread"].started
    assert made["late", "threading.Thread"].actor is Role.COMMAND
    assert made["price", "functools.lru_cache"].arguments == ("reads: prices",)
    assert made["pure", "functools.lru_cache"].arguments == ()


def test_recursion_and_size_end(tmp_path: Path) -> None:
    """Functions that call each other, deep nesting and huge tables take no time to speak of."""
    deep = "x = " + " + ".join(["1"] * 600) + "\n"
    table = "TABLE = {" + ", ".join(f"{n}: [{n}]" for n in range(20_000)) + "}\n"
    calls = "".join(
        f"def f{n}(a):\n    f{(n + 1) % 40}(a); f{(n + 7) % 40}(a); hits[a] = 1\n"
        for n in range(40)
    )
    view = "@app.get('/')\ndef index():\n    f0(1)\n    return ''\n"
    source = f"hits = {{}}\n{deep}{table}{calls}\n{view}"
    assert "write hits[] 1" in does(program(tmp_path, FLASK + source), "index")


def test_an_event_that_is_sent_is_an_answer(tmp_path: Path) -> None:
    """Nothing returns it, and still the client is told."""
    source = """
from flask_socketio import SocketIO, emit
socketio = SocketIO(app)
guest = None
@socketio.on("join")
def join(data):
    global guest
    guest = data["name"]
    emit("welcome", {"name": guest})
@socketio.on("again")
def again(data):
    global guest
    guest = data["name"]
    socketio.emit("welcome", {"name": guest})
"""
    read_in = program(tmp_path, FLASK + source)
    assert [trace(read_in, name)[-1].returned for name in ("join", "again")] == [True, True]
