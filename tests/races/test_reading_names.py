"""What names, objects and containers mean: the state that requests share."""

from pathlib import Path

import pytest
from reading_helper import FLASK, Case

CASES = [
    Case(
        "folders without __init__",
        FLASK
        + """
from models import store
import models.other
from models.deep.third import z
@app.get('/')
def index():
    store.x.append(1)
    models.other.y.append(2)
    z.append(3)
    return ''
""",
        "index",
        does=("write x[]", "write y[]", "write z[]"),
        others={
            "models__store": "x = []",
            "models__other": "y = []",
            "models__deep__third": "from . import fourth\nz = fourth.z",
            "models__deep__fourth": "z = []",
        },
    ),
    Case(
        "match walrus",
        FLASK
        + """
d = {}
@app.get('/<k>')
def index(k):
    if (v := d.get(k)) is None:
        d[k] = v = 1
    match k:
        case 'a': d['a'] = 1
        case [x, *rest]: del d[x]
        case other: d.pop(other)
    return str(v)
""",
        "index",
        does=("read d[] k", "write d[] k", "write d[] 'a'", "write d[] x", "update d[] k"),
    ),
    Case(
        "global nested",
        FLASK
        + """
n = 0
@app.get('/')
def index():
    def inc():
        global n
        n += 1
    inc()
    return ''
""",
        "index",
        does=("update n",),
    ),
    Case(
        "alias",
        FLASK
        + """
CACHE = {'a': {}, 'b': []}
@app.get('/')
def index():
    c = CACHE['a']
    c['x'] = 1
    b = CACHE.get('b')
    b.append(1)
    x = y = CACHE
    y['z'] = 1
    return ''
""",
        "index",
        does=("write CACHE['a'][] 'x'", "write CACHE['b'][]", "write CACHE[] 'z'"),
    ),
    Case(
        "property/setattr",
        FLASK
        + """
class S:
    @property
    def store(self): return self._s
    def __init__(self): self._s = {}
s = S()
@app.get('/')
def index():
    s.store['k'] = 1
    setattr(s, 'mode', 2)
    getattr(s, 'store').clear()
    return ''
""",
        "index",
        does=("write s._s[] 'k'", "write s.mode", "write s._s[]"),
    ),
    Case(
        "comprehension class body",
        FLASK
        + """
class C:
    names = []
    table = {n: 1 for n in range(3)}
    def add(self, x): self.names.append(x)
@app.get('/')
def index():
    C().add(1)
    C.table['x'] = 1
    return ''
""",
        "index",
        does=("write names[]", "write table[] 'x'"),
    ),
    Case(
        "threading local",
        FLASK
        + """
loc = threading.local()
@app.get('/')
def index():
    loc.x = 1
    return str(loc.x)
""",
        "index",
        does=("write loc.x",),
    ),
    Case(
        "annotated param",
        FLASK
        + """
class Store:
    def __init__(self): self.d = {}
    def put(self, k): self.d[k] = 1
store: Store = Store()
def get_store() -> Store:
    return app.store
@app.get('/<k>')
def index(k):
    get_store().put(k)
    return ''
app.store = store
""",
        "index",
        does=("write store.d[] k",),
    ),
    Case(
        "typed global later",
        FLASK
        + """
class Store:
    def __init__(self): self.d = {}
    def put(self, k): self.d[k] = 1
store = None
def init():
    global store
    store = Store()
@app.get('/<k>')
def index(k):
    store.put(k)
    return ''
if __name__ == '__main__':
    init()
    app.run()
""",
        "index",
        does=("write store.d[] k",),
    ),
    Case(
        "typed unknown",
        FLASK
        + """
class Store:
    def __init__(self): self.d = {}
    def put(self, k): self.d[k] = 1
def build(cfg):
    return load_plugin(cfg)
store: 'Store' = build(1)
@app.get('/<k>')
def index(k):
    store.put(k)
    return ''
""",
        "index",
        does=("write store.d[] k",),
    ),
    Case(
        "enumerate index",
        FLASK
        + """
items = [{'id': 1, 'n': 0}]
@app.put('/<int:id>')
def index(id):
    for i, item in enumerate(items):
        if item['id'] == id:
            items[i]['n'] += 1
            items[i] = {}
            del items[i]
    return jsonify([x for x in items if x['n']])
""",
        "index",
        does=("iterate items[]", "update items[][] 'n'", "write items[] i"),
    ),
    Case(
        "next gen",
        FLASK
        + """
items = [{'id': 1, 'n': 0}]
@app.put('/<int:id>')
def index(id):
    item = next((x for x in items if x['id'] == id), None)
    if item is None: abort(404)
    item['n'] = 2
    items.remove(item)
    other = list(filter(lambda x: x['id'] == id, items))
    other[0]['n'] = 3
    return ''
""",
        "index",
        does=("write items[][] 'n'", "update items[] item"),
    ),
    Case(
        "rebuild list",
        FLASK
        + """
items = []
@app.delete('/<int:id>')
def index(id):
    global items
    items = [x for x in items if x['id'] != id]
    return ''
""",
        "index",
        does=("read items", "iterate items[]", "write items"),
    ),
    Case(
        "numpy / list index",
        FLASK
        + """
board = [[0]*3 for _ in range(3)]
@app.post('/<int:r>/<int:c>')
def index(r, c):
    if board[r][c] != 0: return 'taken'
    board[r][c] = 1
    return ''
""",
        "index",
        does=("test board[][] c", "write board[][] c"),
    ),
    Case(
        "game object",
        FLASK
        + """
class Game:
    def __init__(self): self.board = [0]*9; self.turn = 'x'; self.players = []
    def move(self, i):
        if self.board[i]: return False
        self.board[i] = self.turn
        self.turn = 'o' if self.turn == 'x' else 'x'
        return True
game = Game()
@app.post('/move/<int:i>')
def index(i):
    global game
    ok = game.move(i)
    return jsonify(ok=ok, board=game.board)
@app.post('/reset')
def reset():
    global game
    game = Game()
    return ''
""",
        "index",
        does=(
            "test game.board[] i",
            "write game.board[] i",
            "write game.turn",
            "iterate game.board[]",
        ),
    ),
    Case(
        "walk unpack",
        FLASK
        + """
a, b = [], {}
x = y = None
@app.get('/')
def index():
    global x, y
    x, y = 1, 2
    a.append(1); b['k'] = 1
    return ''
""",
        "index",
        does=("write x", "write y", "write a[]", "write b[] 'k'"),
    ),
    Case(
        "star import",
        """
from state import *
from flask import *
app = Flask(__name__)
@app.get('/')
def index():
    store['x'] = 1
    return ''
""",
        "index",
        does=("write store[] 'x'",),
        others={"state": """store = {}"""},
    ),
    Case(
        "cyclic",
        """
from flask import Flask
app = Flask(__name__)
db = {}
import views
""",
        "index",
        does=("write db[] 'x'",),
        others={
            "views": """
from shop import app, db
@app.get('/')
def index():
    db['x'] = 1
    return ''
"""
        },
    ),
    Case(
        "try import",
        """
try:
    import foo
    from state2 import store
except ImportError:
    store = {}
from flask import Flask
app = Flask(__name__)
@app.get('/')
def index():
    store['x'] = 1
    return ''
""",
        "index",
        does=("write store[] 'x'",),
    ),
    Case(
        "namedtuple/enum/dataclass",
        FLASK
        + """
from dataclasses import dataclass, field
@dataclass
class State:
    n: int = 0
    log: list = field(default_factory=list)
    d: dict[str, int] = field(default_factory=lambda: {})
st = State()
@app.get('/')
def index():
    st.n += 1
    st.log.append(1)
    st.d['x'] = 1
    return ''
""",
        "index",
        does=("update st.n", "write st.log[]", "write st.d[] 'x'"),
    ),
    Case(
        "method passes self",
        FLASK
        + """
class Node:
    def __init__(self, parent): self.parent = parent; self.k = []
    def up(self): self.parent.add(self)
class Tree:
    def __init__(self): self.kids = []; self.root = Node(self)
    def add(self, n): self.kids.append(n)
t = Tree()
@app.get('/')
def index():
    t.root.up()
    return ''
""",
        "index",
        does=("write t.kids[]",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_name_is_followed_to_where_it_lives(case: Case, tmp_path: Path) -> None:
    """An access names the place where its object can be reached."""
    case.check(tmp_path)
