"""What names, objects and containers mean: the state that requests share."""

from pathlib import Path

import pytest
from reading_helper import FLASK, Case, program

CASES = [
    Case(
        "factory closure",
        """
from flask import Flask
def create_app():
    app = Flask(__name__)
    hits = 0
    store = {}
    @app.route('/')
    def index():
        nonlocal hits
        hits += 1
        store['a'] = hits
        return str(hits)
    return app
""",
        "index",
        does=("update hits", "write store[] 'a'", "read hits"),
    ),
    Case(
        "app attr",
        FLASK
        + """
app.count = 0
@app.get('/')
def index():
    current_app.count += 1
    app.config['X'] = request.args['x']
    current_app.extensions['svc'].n = 1
    return ''
class S: pass
app.extensions['svc'] = S()
""",
        "index",
        does=("update app.count", "write app.config[] 'X'", "write app.extensions['svc'].n"),
    ),
    Case(
        "singleton new",
        FLASK
        + """
class Config:
    _instance = None
    def __new__(cls):
        if cls._instance is None:
            cls._instance = super().__new__(cls)
            cls._instance.data = {}
        return cls._instance
@app.get('/')
def index():
    Config().data['x'] = 1
    return ''
""",
        "index",
        does=("test _instance", "write _instance", "write _instance.data[] 'x'"),
    ),
    Case(
        "metaclass",
        FLASK
        + """
class Single(type):
    _instances = {}
    def __call__(cls, *args, **kwargs):
        if cls not in cls._instances:
            cls._instances[cls] = super().__call__(*args, **kwargs)
        return cls._instances[cls]
class Db(metaclass=Single):
    def __init__(self): self.n = 0
    def inc(self): self.n += 1
@app.get('/')
def index():
    Db().inc()
    return ''
""",
        "index",
        does=("test _instances[] cls", "write _instances[] cls", "update _instances[].n"),
    ),
    Case(
        "get_instance",
        FLASK
        + """
class Svc:
    inst = None
    def __init__(self): self.cache = {}
    @classmethod
    def get(cls):
        if not cls.inst:
            cls.inst = cls()
        return cls.inst
    def put(self, k, v):
        self.cache[k] = v
@app.get('/<k>')
def index(k):
    Svc.get().put(k, 1)
    return ''
""",
        "index",
        does=("test inst", "write inst", "write inst.cache[] k"),
    ),
    Case(
        "module import",
        """
import state
from state import store, bump
from flask import Flask
app = Flask(__name__)
@app.get('/')
def index():
    state.count += 1
    store['x'] = 1
    bump()
    return str(state.count)
""",
        "index",
        does=("update count", "write store[] 'x'", "read count", "update total"),
        others={
            "state": """
count = 0
store = {}
total = 0
def bump():
    global total
    total += 1
"""
        },
    ),
    Case(
        "blueprint pkg",
        """
from pkg import create_app
app = create_app()
""",
        "add",
        does=("write STORE[] id",),
        others={
            "pkg____init__": """
from flask import Flask
def create_app():
    app = Flask(__name__)
    from .views import bp
    app.register_blueprint(bp)
    return app
""",
            "pkg__views": """
from flask import Blueprint, request
from .store import repo
bp = Blueprint('b', __name__)
@bp.route('/', methods=['POST'])
def add():
    repo.add(request.json)
    return ''
""",
            "pkg__store": """
STORE = {}
class Repo:
    def add(self, item):
        id = len(STORE) + 1
        STORE[id] = item
repo = Repo()
""",
        },
    ),
    Case(
        "cached decorator",
        FLASK
        + """
def memo(f):
    cache = {}
    def inner(x):
        if x not in cache:
            cache[x] = f(x)
        return cache[x]
    return inner
@memo
def square(x): return x*x
@app.get('/<int:x>')
def index(x):
    return str(square(x))
""",
        "index",
        does=("test cache[] x", "write cache[] x"),
    ),
    Case(
        "default arg",
        FLASK
        + """
def collect(x, seen=[]):
    seen.append(x)
    return seen
@app.get('/')
def index():
    return str(collect(1))
""",
        "index",
        does=("write seen[]",),
    ),
    Case(
        "func attr",
        FLASK
        + """
@app.get('/')
def index():
    index.count += 1
    return str(index.count)
index.count = 0
""",
        "index",
        does=("update count", "read count"),
    ),
    Case(
        "inheritance super",
        FLASK
        + """
class Base:
    def __init__(self): self.items = []
    def add(self, x): self.items.append(x)
class Sub(Base):
    def add(self, x):
        super().add(x)
        self.last = x
s = Sub()
@app.get('/')
def index():
    s.add(1)
    return ''
""",
        "index",
        does=("write s.items[]", "write s.last"),
    ),
    Case(
        "dict subclass",
        FLASK
        + """
class Cache(dict):
    def remember(self, k, v):
        self[k] = v
c = Cache()
@app.get('/<k>')
def index(k):
    c.remember(k, 1)
    c.update(a=1)
    return ''
""",
        "index",
        does=("write c[] k", "write c[]"),
    ),
    Case(
        "partial/lambda",
        FLASK
        + """
from functools import partial
d = {}
def put(store, k, v): store[k] = v
p = partial(put, d)
h = {'set': lambda k: d.pop(k)}
@app.get('/<k>')
def index(k):
    p(k, 1)
    h['set'](k)
    return ''
""",
        "index",
        does=("write d[] k", "update d[] k"),
    ),
    Case(
        "list of instances",
        FLASK
        + """
class Room:
    def __init__(self, n): self.n = n; self.members = set()
    def join(self, u):
        if u in self.members: return
        self.members.add(u)
rooms = {}
rooms['a'] = Room('a')
def get_room(n):
    if n not in rooms:
        rooms[n] = Room(n)
    return rooms[n]
@app.post('/<n>')
def index(n):
    get_room(n).join(request.form['u'])
    for r in rooms.values():
        r.n = 2
    return ''
""",
        "index",
        does=(
            "test rooms[] n",
            "write rooms[] n",
            "test rooms[].members[] u",
            "iterate rooms[]",
            "write rooms[].n",
        ),
    ),
    Case(
        "g and session",
        FLASK
        + """
@app.get('/')
def index():
    g.user = 1
    session['n'] = session.get('n', 0) + 1
    session['cart'].append(2)
    return ''
""",
        "index",
        does=("write g.user", "read session[] 'n'", "write session[] 'n'", "read session[] 'cart'"),
    ),
    Case(
        "file",
        FLASK
        + """
import json, os
PATH = os.path.join(os.path.dirname(__file__), 'data.json')
def load():
    if not os.path.exists(PATH): return {}
    with open(PATH) as f: return json.load(f)
def save(d):
    with open(PATH, 'w') as f:
        json.dump(d, f)
@app.post('/')
def index():
    d = load()
    d['x'] = 1
    save(d)
    return ''
""",
        "index",
        does=("test data.json", "read data.json", "write data.json"),
    ),
    Case(
        "deque queue count",
        FLASK
        + """
import itertools, queue, collections
ids = itertools.count(1)
q = queue.Queue()
dq = collections.deque(maxlen=3)
@app.get('/')
def index():
    q.put(1); dq.append(2)
    return str(next(ids))
""",
        "index",
        does=("update q[]", "write dq[]", "update ids[]"),
    ),
    Case(
        "elements in pairs",
        FLASK
        + """
rows = [{'n': 1}]
others = [{'m': 1}]
@app.get('/')
def index():
    for place, row in enumerate(rows):
        row['n'] += 1
    for row, other in zip(rows, others):
        other['m'] = 2
    return ''
""",
        "index",
        does=("update rows[][] 'n'", "write others[][] 'm'"),
        never=("write rows[][] 'm'",),
    ),
    Case(
        "what a request sent, kept as it came",
        FLASK
        + """
posts = []
@app.post('/')
def index():
    posts.append(request.get_json())
    for post in posts:
        post['likes'] += 1
    return ''
""",
        "index",
        does=("update posts[][] 'likes'",),
    ),
    Case(
        "fields of a form, its own",
        FLASK
        + """
from toolkit import forms
class Page(forms.Form):
    title = forms.TextField('Title')
    seen = []
    def fill(self, post):
        self.title.data = post.title
        self.seen.append(post)
@app.post('/')
def index():
    Page().fill(request)
    return ''
""",
        "index",
        does=("write seen[]",),
        never=("write title.data",),
    ),
    Case(
        "globals param",
        FLASK
        + """
d = {}
def render(globals, d):
    globals['x'] = 1
    d['y'] = 2
@app.get('/')
def index():
    render({}, {})
    return ''
""",
        "index",
        never=("write d[] 'y'", "write globals[] 'x'"),
    ),
    Case(
        "shadow",
        FLASK
        + """
items = []
@app.get('/')
def index():
    items = [1]
    items.append(2)
    [items for items in range(3)]
    return ''
""",
        "index",
        never=("write items[]",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_state_is_followed_to_where_it_lives(case: Case, tmp_path: Path) -> None:
    """An access names the place where its object can be reached."""
    case.check(tmp_path)


def test_only_the_cache_of_python_keeps_results(tmp_path: Path) -> None:
    """A decorator of that name may keep its results anywhere."""
    source = """
import functools
def cache(timeout):
    return lambda function: function
@cache(timeout=5)
def elsewhere(n):
    return n
@functools.cache
def here(n):
    return n
"""
    found = [made.location.name for made in program(tmp_path, source).made]
    assert found == ["here"]
