"""Shapes of programs that people write: `check` finds the racy one, and is silent on its twin.

Each pair came from a program that nobody had looked at before; the names are ours.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_helper import FLASK, program
from shapes import Shape

from instep.races.rules import find

ADD = '@app.post("/add")\ndef add():\n'

SHAPES = [
    Shape(
        "an attribute whose default stands in the class",
        ("IS110", "high", "rooms[].owner"),
        """
class Room:
    owner = ""
    def take(self, who):
        if self.owner == "":
            self.owner = who
rooms = {"tea": Room()}
@app.post("/<name>")
def take(name):
    rooms[name].take(request.args["who"])
    return "yours"
""",
        """
class Room:
    owner = ""
    lock = threading.Lock()
    def take(self, who):
        with self.lock:
            if self.owner == "":
                self.owner = who
rooms = {"tea": Room()}
@app.post("/<name>")
def take(name):
    rooms[name].take(request.args["who"])
    return "yours"
""",
    ),
    Shape(
        "a bot's handler, given to somebody else's object",
        ("IS103", "high", "scores"),
        """
from bots import Handler
handler = Handler("key")
scores = {}
@handler.add("message")
def message(event):
    user = event.user
    scores[user] = scores.get(user, 0) + len(event.text)
""",
        """
from bots import Handler
handler = Handler("key")
scores = {}
@handler.add("message")
async def message(event):
    user = event.user
    scores[user] = scores.get(user, 0) + len(event.text)
""",
    ),
    Shape(
        "a view that only an OpenAPI description names",
        ("IS110", "high", "pets"),
        """
import connexion
api = connexion.App(__name__)
pets = {}
def create(body):
    number = len(pets) + 1
    pets[number] = body
    return number
""",
        """
import connexion
api = connexion.App(__name__)
pets = {}
def unnamed(body):
    number = len(pets) + 1
    pets[number] = body
    return number
""",
        {"api.yml": "paths:\n  /pets:\n    post:\n      operationId: shop.create\n"},
    ),
    Shape(
        "who finds the name is sent off, whatever the look-up is called",
        ("IS110", "high", "store.people"),
        """
class Store:
    def __init__(self): self.people = {}
    def find(self, name): return self.people.get(name)
    def keep(self, name, one): self.people[name] = one
store = Store()
@app.post("/<name>")
def register(name):
    known = store.find(name)
    if known is not None:
        return "taken", 409
    store.keep(name, {"name": name})
    return "yours"
""",
        """
class Store:
    def __init__(self): self.people = {}
    def find(self, name): return self.people.get(name)
    def keep(self, name, one): self.people[name] = one
store = Store()
lock = threading.Lock()
@app.post("/<name>")
def register(name):
    with lock:
        known = store.find(name)
        if known is not None:
            return "taken", 409
        store.keep(name, {"name": name})
        return "yours"
""",
    ),
    Shape(
        "an entry that is replaced only if it is there, and that another view deletes",
        ("IS110", "medium", "notes"),
        """
notes = {"a": "b"}
@app.put("/<name>")
def put(name):
    if name not in notes:
        abort(404)
    notes[name] = request.json
    return "ok"
@app.delete("/<name>")
def delete(name):
    notes.pop(name, None)
    return "gone"
""",
        """
notes = {"a": "b"}
@app.put("/<name>")
def put(name):
    if name not in notes:
        abort(404)
    notes[name] = request.json
    return "ok"
""",
    ),
    Shape(
        "the last vote counts all of them",
        ("IS110", "medium", "votes"),
        """
voters, votes, rounds = ["a", "b"], {}, []
@app.post("/<name>")
def vote(name):
    votes[name] = request.json
    if len(votes) == len(voters):
        rounds.append(max(votes.values()))
    return "ok"
""",
        """
voters, votes, rounds = ["a", "b"], {}, []
lock = threading.Lock()
@app.post("/<name>")
def vote(name):
    with lock:
        votes[name] = request.json
        if len(votes) == len(voters):
            rounds.append(max(votes.values()))
    return "ok"
""",
    ),
    Shape(
        "the last who is ready starts the game",
        ("IS110", "medium", "players"),
        """
players, rounds = {}, []
@app.post("/<name>")
def ready(name):
    players[name]["ready"] = True
    if all(one["ready"] for one in players.values()):
        rounds.append(sorted(players))
    return "ok"
""",
        """
players, rounds = {}, []
lock = threading.Lock()
@app.post("/<name>")
def ready(name):
    with lock:
        players[name]["ready"] = True
        if all(one["ready"] for one in players.values()):
            rounds.append(sorted(players))
    return "ok"
""",
    ),
    Shape(
        "a property above a decorator of the program's own",
        ("IS110", "high", "store._names.rows"),
        """
def twice(getter):
    def inner(self):
        return getter(self)
    return inner
class Names:
    def __init__(self): self.rows = {}
    def take(self, name):
        if name in self.rows:
            abort(409)
        self.rows[name] = request.args["who"]
class Store:
    def __init__(self): self._names = Names()
    @property
    @twice
    def names(self): return self._names
store = Store()
@app.post("/<name>")
def take(name):
    store.names.take(name)
    return "yours"
""",
        """
def twice(getter):
    def inner(self):
        return getter(self)
    return inner
class Names:
    def __init__(self): self.rows, self.lock = {}, threading.Lock()
    def take(self, name):
        with self.lock:
            if name in self.rows:
                abort(409)
            self.rows[name] = request.args["who"]
class Store:
    def __init__(self): self._names = Names()
    @property
    @twice
    def names(self): return self._names
store = Store()
@app.post("/<name>")
def take(name):
    store.names.take(name)
    return "yours"
""",
    ),
    Shape(
        "a proxy at module level",
        ("IS104", "high", "_stock.count"),
        """
from werkzeug.local import LocalProxy
class Stock:
    def __init__(self): self.count = 9
_stock = Stock()
stock = LocalProxy(lambda: _stock)
@app.post("/take")
def take():
    stock.count = stock.count - int(request.args["n"])
    return str(stock.count)
""",
        """
from werkzeug.local import LocalProxy
class Stock:
    def __init__(self): self.count = 9
_stock = Stock()
lock = threading.Lock()
stock = LocalProxy(lambda: _stock)
@app.post("/take")
def take():
    with lock:
        stock.count = left = stock.count - int(request.args["n"])
    return str(left)
""",
    ),
    Shape(
        "a file whose path is put together by format",
        ("IS150", "medium", "notes/*.json"),
        """
import json
def load(user):
    path = "notes/{}.json".format(user)
    return json.loads(open(path).read())
@app.post("/<user>")
def add(user):
    notes = load(user)
    notes.append(request.json)
    with open("notes/%s.json" % user, "w") as file:
        file.write(json.dumps(notes))
    return "kept"
""",
        """
import json
@app.post("/<user>")
def add(user):
    return json.loads(open("notes/{}.json".format(user)).read())
""",
    ),
    Shape(
        "a table of pandas as a database",
        ("IS150", "high", "orders.csv"),
        """
import pandas as pd
@app.post("/")
def add():
    rows = pd.read_csv("orders.csv")
    rows.loc[len(rows)] = [request.args["what"]]
    rows.to_csv("orders.csv", index=False)
    return "ordered"
""",
        """
import pandas as pd
@app.post("/")
def show():
    rows = pd.read_csv("orders.csv")
    return rows.to_html()
""",
    ),
    Shape(
        "settings in a ConfigParser",
        ("IS150", "high", "shop.ini"),
        """
import configparser
@app.post("/")
def change():
    settings = configparser.ConfigParser()
    settings.read("shop.ini")
    settings["shop"]["name"] = request.args["name"]
    with open("shop.ini", "w") as file:
        settings.write(file)
    return "changed"
""",
        """
import configparser
@app.get("/")
def show():
    settings = configparser.ConfigParser()
    settings.read("shop.ini")
    return settings["shop"]["name"]
""",
    ),
    Shape(
        "an upload under the first free name",
        ("IS150", "medium", "uploads/*"),
        """
import os
@app.post("/")
def upload():
    file = request.files["file"]
    path = os.path.join("uploads", file.filename)
    number = 0
    while os.path.exists(path):
        number += 1
        path = os.path.join("uploads", str(number) + file.filename)
    file.save(path)
    return path
""",
        """
import os
@app.post("/")
def upload():
    file = request.files["file"]
    file.save(os.path.join("uploads", file.filename))
    return "kept"
""",
    ),
    Shape(
        "a file of a fixed name, written and sent",
        ("IS150", "medium", "report.pdf"),
        """
from flask import send_file
@app.get("/report")
def report():
    with open("report.pdf", "wb") as file:
        file.write(request.data)
    return send_file("report.pdf")
""",
        """
from flask import send_file
import io
@app.get("/report")
def report():
    return send_file(io.BytesIO(request.data))
""",
    ),
    Shape(
        "a job started by who finds no flag, which the job sets",
        ("IS110", "high", "busy"),
        """
busy = False
def work():
    global busy
    busy = True
    print("working")
    busy = False
@app.post("/start")
def start():
    if busy:
        return "busy", 409
    threading.Thread(target=work).start()
    return "started"
""",
        """
free = threading.Lock()
busy = False
def work():
    global busy
    busy = True
    print("working")
    busy = False
    free.release()
@app.post("/start")
def start():
    if not free.acquire(blocking=False):
        return "busy", 409
    threading.Thread(target=work).start()
    return "started"
""",
    ),
    Shape(
        "appended, and the last one taken for it",
        ("IS103", "high", "messages"),
        """
messages = []
@app.post("/say")
def say():
    messages.append({"text": request.args["text"]})
    return messages[-1]["text"]
""",
        """
messages = []
@app.post("/say")
def say():
    message = {"text": request.args["text"]}
    messages.append(message)
    return message["text"]
""",
    ),
    Shape(
        "the first one used, and then the first one taken out",
        ("IS110", "high", "codes"),
        """
codes = ["a", "b", "c"]
@app.post("/code")
def code():
    mine = codes[0]
    codes.pop(0)
    return mine
""",
        """
codes = ["a", "b", "c"]
@app.post("/code")
def code():
    return codes.pop(0)
""",
    ),
    Shape(
        "records of a database kept in a dictionary, changed field by field",
        ("IS103", "medium", "users"),
        """
users = {}
for row in query():
    users[row["id"]] = row
@app.post("/<user>")
def save(user):
    users[user]["level"] = request.form["level"]
    users[user]["points"] = request.form["points"]
    return "saved"
@app.get("/<user>")
def show(user):
    return users[user].copy()
""",
        """
users = {}
for row in query():
    users[row["id"]] = row
@app.get("/<user>")
def show(user):
    return users[user].copy()
""",
    ),
    Shape(
        "a number read before the lock is taken under which it is raised",
        ("IS113", "medium", "events.number"),
        """
class Events:
    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
    def dispatch(self):
        mine = str(self.number)
        with self.lock:
            self.number += 1
        return mine
events = Events()
@app.post("/event")
def event():
    return events.dispatch()
""",
        """
class Events:
    def __init__(self):
        self.lock = threading.Lock()
        self.number = 0
    def dispatch(self):
        with self.lock:
            mine = str(self.number)
            self.number += 1
        return mine
events = Events()
@app.post("/event")
def event():
    return events.dispatch()
""",
    ),
    Shape(
        "a session of SQLAlchemy for all threads",
        ("IS120", "high", "session_"),
        """
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
session_ = sessionmaker(bind=create_engine("sqlite://"))()
@app.post("/")
def add():
    session_.add(request.json)
    session_.commit()
    return "added"
""",
        """
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
maker = sessionmaker(bind=create_engine("sqlite://"))
@app.post("/")
def add():
    session_ = maker()
    session_.add(request.json)
    session_.commit()
    return "added"
""",
    ),
    Shape(
        "a camera that two viewers read",
        ("IS120", "medium", "camera"),
        """
import cv2
camera = cv2.VideoCapture(0)
@app.get("/frame")
def frame():
    return camera.read()[1]
""",
        """
import cv2
camera = cv2.VideoCapture(0)
lock = threading.Lock()
@app.get("/frame")
def frame():
    with lock:
        return camera.read()[1]
""",
    ),
    Shape(
        "a secret drawn letter by letter",
        ("IS133", "medium", "app.secret_key"),
        """
import random, string
def draw(size):
    return "".join(random.SystemRandom().choice(string.ascii_letters) for _ in range(size))
app.secret_key = draw(12)
""",
        """
import os
app.secret_key = os.environ["SECRET_KEY"]
""",
    ),
    Shape(
        "a setting of the application that a request changes",
        ("IS104", "medium", "app.config"),
        """
@app.post("/key")
def key():
    app.config["SECRET_KEY"] = draw()
    return "drawn"
""",
        """
app.config["SECRET_KEY"] = draw()
""",
    ),
    Shape(
        "a counter in a class that decorates a function",
        ("IS104", "high", "price.calls"),
        """
class Counted:
    def __init__(self, function):
        self.function, self.calls = function, 0
    def __call__(self, *given):
        self.calls += 1
        return self.function(*given)
@Counted
def price(what):
    return 7
@app.get("/")
def show():
    return str(price("tea")) + str(price.calls)
""",
        """
class Plain:
    def __init__(self, function):
        self.function, self.calls = function, 0
    def __call__(self, *given):
        return self.function(*given)
@Plain
def price(what):
    return 7
@app.get("/")
def show():
    return str(price("tea")) + str(price.calls)
""",
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_racy_program_is_found(shape: Shape, tmp_path: Path) -> None:
    """The finding is there, with the rule, the severity and the state that it should have."""
    assert shape.expected in shape.found(tmp_path, shape.racy)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_its_sound_twin_is_silent(shape: Shape, tmp_path: Path) -> None:
    """Nothing is said about that state where nothing can go wrong."""
    states = {state for _, _, state in shape.found(tmp_path, shape.sound)}
    assert shape.expected[2] not in states


SEVERITIES = [
    (
        "a deadline that is set anew is not money that is spent",
        "medium",
        "next_time",
        """
import time
next_time = 0.0
@app.post("/")
def ask():
    global next_time
    if time.time() < next_time:
        abort(429)
    next_time = time.time() + 10
    return "asked"
""",
    ),
    (
        "a memo by key is made twice, which costs only time",
        "medium",
        "made",
        """
made = {}
@app.get("/<name>")
def show(name):
    if name not in made:
        made[name] = {"name": name}
    return made[name]
""",
    ),
    (
        "a flag of three values that is found out once",
        "medium",
        "ready",
        """
ready = None
@app.get("/")
def show():
    global ready
    if ready is not None:
        return str(ready)
    try:
        connect()
        ready = True
    except OSError:
        ready = False
    return str(ready)
""",
    ),
    (
        "a setting that is there from some request on",
        "medium",
        "app.config",
        """
@app.before_request
def once():
    if "ready" not in app.config:
        app.config["ready"] = prepare()
""",
    ),
    (
        "a temporary file with a name of its own is nobody else's",
        "low",
        "/tmp/*.csv",
        """
import json, os
@app.post("/<name>")
def convert(name):
    with open(f"/tmp/{name}.csv") as file:
        rows = json.load(file)
    with open(f"/tmp/{name}.csv", "w") as file:
        json.dump(rows, file)
    return "converted"
""",
    ),
    (
        "a copy of shared state, written in place",
        "medium",
        "accounts.json",
        """
import json
accounts = {}
@app.post("/<name>")
def register(name):
    accounts[name] = request.json
    with open("accounts.json", "w") as file:
        json.dump(accounts, file)
    return "registered"
""",
    ),
    (
        "a flag by key that only the job sets",
        "medium",
        "active",
        """
active = {}
def watch(what):
    active[what] = True
@app.post("/<symbol>")
def start(symbol):
    if not active.get(symbol):
        threading.Thread(target=watch, args=(symbol,)).start()
    return "watching"
""",
    ),
]


@pytest.mark.parametrize(("name", "severity", "state", "source"), SEVERITIES)
def test_how_bad_it_is(name: str, severity: str, state: str, source: str, tmp_path: Path) -> None:
    """What costs only time or happens rarely is said with a lower voice."""
    del name
    found = {
        str(one.location): one.severity.value for one in find(program(tmp_path, FLASK + source))
    }
    assert found.get(state) == severity


LOAD_AND_SAVE = """
import json
def load():
    with open("rooms.json") as file:
        return json.load(file)
def save(rooms):
    with open("rooms.json", "w") as file:
        json.dump(rooms, file)
@app.post("/open/<name>")
def open_room(name):
    rooms = load()
    rooms[name] = []
    save(rooms)
    return "open"
@app.post("/close/<name>")
def close_room(name):
    rooms = load()
    del rooms[name]
    save(rooms)
    return "closed"
"""


def test_the_calls_that_come_to_the_read_and_to_the_write_are_told(tmp_path: Path) -> None:
    """Of helpers that everybody calls, the lines of each caller: that is where to mend."""
    [found] = find(program(tmp_path, FLASK + LOAD_AND_SAVE))
    assert {place.function for place in found.calls} == {"shop.open_room", "shop.close_room"}
    lines = (FLASK + LOAD_AND_SAVE).splitlines()
    called = [lines[place.line - 1].strip() for place in found.calls]
    assert sorted(called) == ["rooms = load()"] * 2 + ["save(rooms)"] * 2
    assert found.place.function == "shop.save"


def test_two_instances_of_one_class_are_one_finding(tmp_path: Path) -> None:
    """They break in the same lines, so one paragraph is enough."""
    source = """
class Stock:
    def __init__(self): self.count = 9
    def take(self):
        self.count = self.count - int(request.args["n"])
        return str(self.count)
tea, milk = Stock(), Stock()
@app.post("/tea")
def take_tea(): return tea.take()
@app.post("/milk")
def take_milk(): return milk.take()
"""
    assert len(find(program(tmp_path, FLASK + source))) == 1


def test_a_library_that_was_copied_into_the_program_is_not_judged(tmp_path: Path) -> None:
    """A large file with a library's labels, which the program imports, is somebody else's."""
    library = "__author__ = 'A'\n__version__ = '1'\n__license__ = 'MIT'\ncache = {}\n"
    library += (
        "def get(key):\n    if key not in cache:\n        cache[key] = 1\n    return cache[key]\n"
    )
    source = FLASK + 'import framework\n@app.get("/")\ndef show():\n    return framework.get(1)\n'
    small = program(tmp_path, source, framework=library)
    assert find(small)
    large = program(tmp_path, source, framework=library + "#\n" * 1000)
    assert not find(large)
