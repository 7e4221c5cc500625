"""What `check` sees through: files in many spellings, caches, registries, unknown containers.

Each pair came from a program that nobody had looked at before; the names are ours.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_helper import FLASK, program
from shapes import Shape

from instep.races.reading import heap
from instep.races.reading.values import REST, Object, Value
from instep.races.rules import find
from instep.races.rules.finding import Severity

STORE = """
class Stock:
    def __init__(self): self.left = 5
    def take(self, n):
        if self.left >= n:
            self.left = self.left - n
"""
GUARDED = """
class Stock:
    def __init__(self): self.left, self.lock = 5, threading.Lock()
    def take(self, n):
        with self.lock:
            if self.left >= n:
                self.left = self.left - n
"""
COUNT = "index = 0\ndef count():\n    global index\n    index += 1\n    return index\n"
CACHED = "from functools import lru_cache\n@lru_cache\ndef stock(): return Stock()\n"
TAKE = """
@app.post("/<int:n>")
def take(n):
    stock().take(n)
    return "taken"
"""

COMMANDS = (
    "".join(f"def c{n}(name): return {n}\n" for n in range(30))
    + """
lamp = {{}}
def light(name):
    {}
commands = {{
"""
    + "".join(f"    {n}: c{n},\n" for n in range(30))
    + """    99: light,
}}
@app.post('/<int:n>')
def do(n):
    return commands[n](request.args["name"])
"""
)

SHAPES = [
    Shape(
        "what is inside of loaded JSON",
        ("IS110", "high", "GOODS"),
        """
import json
GOODS = None
def load():
    global GOODS
    with open("goods.json") as file:
        GOODS = json.load(file)
load()
@app.post("/<name>")
def buy(name):
    if GOODS[name]["left"] > 0:
        GOODS[name]["left"] = GOODS[name]["left"] - 1
    return "bought"
""",
        """
import json
GOODS, lock = None, threading.Lock()
def load():
    global GOODS
    with open("goods.json") as file:
        GOODS = json.load(file)
load()
@app.post("/<name>")
def buy(name):
    with lock:
        if GOODS[name]["left"] > 0:
            GOODS[name]["left"] = GOODS[name]["left"] - 1
    return "bought"
""",
    ),
    Shape(
        "an element of a list of what requests have sent",
        ("IS110", "high", "goods"),
        """
goods = []
@app.post("/")
def add():
    goods.append(request.json)
    return "added"
@app.post("/<name>")
def buy(name):
    for one in goods:
        if one["name"] == name and one["left"] > 0:
            one["left"] = one["left"] - 1
    return "bought"
""",
        """
goods, lock = [], threading.Lock()
@app.post("/")
def add():
    with lock:
        goods.append(request.json)
    return "added"
@app.post("/<name>")
def buy(name):
    with lock:
        for one in goods:
            if one["name"] == name and one["left"] > 0:
                one["left"] = one["left"] - 1
    return "bought"
""",
    ),
    Shape(
        "an attribute of something that nobody knows",
        ("IS104", "high", "bucket.row.count"),
        """
class Bucket:
    def __init__(self, row):
        self.row = row
bucket = Bucket(None)
@app.put("/")
def put():
    bucket.row.count += 1
    return str(bucket.row.count)
""",
        """
class Bucket:
    def __init__(self, row):
        self.row, self.lock = row, threading.Lock()
bucket = Bucket(None)
@app.put("/")
def put():
    with bucket.lock:
        bucket.row.count += 1
        return str(bucket.row.count)
""",
    ),
    Shape(
        "a container of a class that nobody knows",
        ("IS110", "high", "pool"),
        """
import somebody
pool = somebody.Pool()
@app.post("/<name>")
def add(name):
    if name not in pool:
        pool.add(name)
        return "yours"
    return str(len(pool))
""",
        """
import somebody
pool, lock = somebody.Pool(), threading.Lock()
@app.post("/<name>")
def add(name):
    with lock:
        if name not in pool:
            pool.add(name)
            return "yours"
        return str(len(pool))
""",
    ),
    Shape(
        "a database of documents in one file",
        ("IS150", "high", "users.json"),
        """
from tinydb import TinyDB, Query
@app.post("/<email>")
def register(email):
    users = TinyDB("users.json").table("users")
    if users.search(Query().email == email):
        return "taken"
    users.insert({"email": email})
    return "yours"
""",
        """
from tinydb import TinyDB, Query
from filelock import FileLock
@app.post("/<email>")
def register(email):
    with FileLock("users.lock"):
        users = TinyDB("users.json").table("users")
        if users.search(Query().email == email):
            return "taken"
        users.insert({"email": email})
    return "yours"
""",
    ),
    Shape(
        "an upload under the name that the visitor gives",
        ("IS150", "medium", "documents/*"),
        """
from pathlib import Path
FOLDER = Path("documents")
@app.post("/")
def upload():
    file = request.files["file"]
    path = FOLDER / file.filename
    if path.exists():
        abort(409)
    file.save(path)
    return "stored"
""",
        """
import uuid
from pathlib import Path
FOLDER = Path("documents")
@app.post("/")
def upload():
    file = request.files["file"]
    path = FOLDER / f"{uuid.uuid4()}.pdf"
    file.save(path)
    return "stored"
""",
    ),
    Shape(
        "a folder that is made if it is not there",
        ("IS150", "medium", "pictures"),
        """
import os
from pathlib import Path
@app.post("/")
def upload():
    if not os.path.isdir("pictures"):
        os.makedirs("pictures")
    return "made"
""",
        """
import os
from pathlib import Path
@app.post("/")
def upload():
    if not os.path.isdir("pictures"):
        os.makedirs("pictures", exist_ok=True)
    if not Path("pictures").is_dir():
        Path("pictures").mkdir(exist_ok=True)
    return "made"
""",
    ),
    Shape(
        "what a cached function returns is one for all",
        ("IS110", "high", "stock().left"),
        f"{STORE}{CACHED}{TAKE}",
        f"{GUARDED}{CACHED}{TAKE}",
    ),
    Shape(
        "a function that is cached by a call",
        ("IS110", "high", "make()[].left"),
        STORE
        + "from functools import lru_cache\ndef make(kind=1): return Stock()\n"
        + f"stock = lru_cache(maxsize=9)(make)\n{TAKE}",
        f"{STORE}def make(kind=1): return Stock()\nstock = make\n{TAKE}",
    ),
    Shape(
        "a decorator that keeps the only instance of a class",
        ("IS110", "high", "made[].left"),
        """
made = {}
def single(cls):
    def get():
        if cls not in made:
            made[cls] = cls()
        return made[cls]
    return get
@single
"""
        + STORE.strip()
        + TAKE.replace("stock()", "Stock()"),
        f"{STORE}{TAKE.replace('stock()', 'Stock()')}",
    ),
    Shape(
        "classes that a decorator registers",
        ("IS110", "high", "hits"),
        """
sources, hits = {}, {}
def source(name):
    def keep(cls):
        sources[name] = cls
        return cls
    return keep
@source("web")
class Web:
    def search(self, q):
        if q not in hits:
            hits[q] = 0
        hits[q] += 1
@app.get("/<name>/<q>")
def search(name, q):
    sources[name]().search(q)
    return "found"
""",
        """
sources, hits, lock = {}, {}, threading.Lock()
def source(name):
    def keep(cls):
        sources[name] = cls
        return cls
    return keep
@source("web")
class Web:
    def search(self, q):
        with lock:
            if q not in hits:
                hits[q] = 0
            hits[q] += 1
@app.get("/<name>/<q>")
def search(name, q):
    sources[name]().search(q)
    return "found"
""",
    ),
    Shape(
        "a table of many commands",
        ("IS110", "high", "lamp"),
        COMMANDS.format("if name not in lamp:\n        lamp[name] = 1\n        return 'lit'"),
        COMMANDS.format("return lamp.get(name)"),
    ),
    Shape(
        "modules that are imported by names put together",
        ("IS101", "high", "index"),
        """
import importlib
engines = {name: importlib.import_module("engines." + name) for name in ("one", "two")}
@app.get("/<name>")
def search(name):
    return str(engines[name].count())
""",
        """
import importlib
engines = {name: importlib.import_module("motors." + name) for name in ("one", "two")}
@app.get("/<name>")
def search(name):
    return str(engines[name].count())
""",
        {"engines/one.py": COUNT},
    ),
    Shape(
        "tables that are made if the database was not there",
        ("IS150", "medium", "flags.db"),
        """
import os, sqlite3
@app.get("/")
def show():
    new = not os.path.exists("flags.db")
    database = sqlite3.connect("flags.db")
    if new:
        database.executescript("CREATE TABLE flags (name)")
    return str(database.execute("SELECT * FROM flags").fetchall())
""",
        """
import sqlite3
@app.get("/")
def show():
    database = sqlite3.connect("flags.db")
    database.executescript("CREATE TABLE IF NOT EXISTS flags (name)")
    return str(database.execute("SELECT * FROM flags").fetchall())
""",
    ),
    Shape(
        "a channel of messages for all threads",
        ("IS120", "medium", "channel"),
        """
import pika
channel = pika.BlockingConnection().channel()
@app.post("/")
def send():
    channel.basic_publish(exchange="", routing_key="mails", body=request.data)
    return "sent"
""",
        """
import pika
channel, lock = pika.BlockingConnection().channel(), threading.Lock()
@app.post("/")
def send():
    with lock:
        channel.basic_publish(exchange="", routing_key="mails", body=request.data)
    return "sent"
""",
    ),
    Shape(
        "the service that a server of another kind is given",
        ("IS110", "high", "cache"),
        """
import grpc, cache_pb2_grpc
cache = {}
class Servicer(cache_pb2_grpc.CacheServicer):
    def delete(self, wanted, context):
        if wanted.key in cache:
            cache.pop(wanted.key)
server = grpc.server()
cache_pb2_grpc.add_CacheServicer_to_server(Servicer(), server)
""",
        """
import grpc, cache_pb2_grpc
cache = {}
class Servicer(cache_pb2_grpc.CacheServicer):
    def delete(self, wanted, context):
        cache.pop(wanted.key, None)
server = grpc.server()
cache_pb2_grpc.add_CacheServicer_to_server(Servicer(), server)
""",
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_racy_program_is_found(shape: Shape, tmp_path: Path) -> None:
    """One finding names its rule, its severity and its state."""
    assert shape.expected in shape.found(tmp_path, shape.racy)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_its_sound_twin_is_silent(shape: Shape, tmp_path: Path) -> None:
    """Nothing is said of that state with a raised voice."""
    found = shape.found(tmp_path, shape.sound)
    assert not [one for one in found if one[2] == shape.expected[2] and one[1] == "high"], found
    assert shape.expected not in found


def test_things_that_hold_themselves_are_taken_for_one() -> None:
    """What is deep in a tree stands for what is below it; two such trees are compared, too."""
    trees = [Object("json.load", ("shop.py", 1, 0), walk) for walk in (1, 2)]
    for tree in trees:
        tree.items[REST] = Value((tree,))
    assert heap.keep(Value((trees[0],)), Value((trees[1],))).things == (trees[0],)
    assert trees[1].items is trees[0].items


def test_what_nobody_looks_into_is_no_container(tmp_path: Path) -> None:
    """`jobs.add(x)` may be anything; only what is also used as a container is one."""
    source = """
import somebody
jobs = somebody.Jobs()
@app.post("/<name>")
def add(name):
    jobs.add(name)
    jobs.remove(name)
    jobs.clear()
    return "added"
"""
    assert not find(program(tmp_path, FLASK + source))


def test_a_consumer_is_one_thread(tmp_path: Path) -> None:
    """What takes the messages of one connection takes them one after the other."""
    source = """
import pika, sqlite3
connection = sqlite3.connect("mails.db")
def mail(channel, method, properties, body):
    connection.execute("INSERT INTO mails VALUES (?)", (body,))
channel = pika.BlockingConnection().channel()
channel.basic_consume(queue="mails", on_message_callback=mail)
"""
    [actor] = program(tmp_path, FLASK + source).actors
    assert not actor.repeated
    looped = source.replace("channel.basic_consume", "for one in range(3): channel.basic_consume")
    [actor] = program(tmp_path, FLASK + looped).actors
    assert actor.repeated


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    """The second of two who make it fails; with a part of its own hardly anybody does."""
    source = """
import os
@app.post("/<name>")
def upload(name):
    if not os.path.exists("pictures"):
        os.mkdir("pictures")
    if not os.path.exists(f"pictures/{name}.d"):
        os.mkdir(f"pictures/{name}.d")
"""
    found = {str(one.location): one for one in find(program(tmp_path, FLASK + source))}
    assert "FileExistsError" in found["pictures"].consequence
    assert found["pictures/*.d"].severity is Severity.LOW


def test_tables_of_a_database_are_not_overwritten(tmp_path: Path) -> None:
    """Opening it has made the file, so another request finds it, and nothing in it."""
    [shape] = [one for one in SHAPES if one.expected[2] == "flags.db"]
    [found] = find(program(tmp_path, FLASK + shape.racy))
    assert "tables" in found.title
    assert "no tables in it" in found.consequence


def test_a_shelf_is_a_mapping_in_a_file(tmp_path: Path) -> None:
    """What is read of it, changed and stored again is a file loaded and written."""
    source = """
import shelve
@app.post("/<name>")
def count(name):
    with shelve.open("counts.db") as counts:
        counts[name] = counts.get(name, 0) + 1
"""
    [found] = find(program(tmp_path, FLASK + source))
    assert (found.rule, found.location.name) == ("IS150", "counts.db")


def test_texts_of_the_standard_library_hold_nothing(tmp_path: Path) -> None:
    """What its functions return is known; what nobody knows is not taken from them."""
    source = """
import os
names = {"a": os.environ.get("A")}
@app.post("/<key>")
def add(key):
    found = names[key]
    if key not in found:
        found.extend([key])
"""
    assert not find(program(tmp_path, FLASK + source))


def test_what_is_very_deep_is_not_said_to_be_iterated(tmp_path: Path) -> None:
    """There the name of a container is the name of what is in it."""
    source = """
class Hooks:
    def __init__(self): self.groups = {}
    def run(self, name):
        for one in self.groups.setdefault(name, []):
            one()
app.extensions["hooks"] = Hooks()
@app.post("/<name>")
def run(name):
    app.extensions["hooks"].run(name)
    return "run"
"""
    assert "IS114" not in {one.rule for one in find(program(tmp_path, FLASK + source))}
