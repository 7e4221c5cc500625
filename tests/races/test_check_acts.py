"""What requests do to what they share: `check` finds the racy one, and is silent on its twin."""

from __future__ import annotations

from pathlib import Path

import pytest
from reading_helper import FLASK, program
from shapes import Shape

from instep.races.rules import find
from instep.races.rules.finding import Severity

ADD = """
@app.post("/add")
def add():
    rows.append(request.json)
    return "added"
"""

SHAPES = [
    Shape(
        "a list that is emptied by a slice",
        ("IS103", "high", "rows"),
        "rows = []"
        + ADD
        + """
@app.get("/take")
def take():
    taken = list(rows)
    rows[:] = []
    return taken
""",
        "rows, lock = [], threading.Lock()"
        + ADD.replace("    rows.append", "    with lock: rows.append")
        + """
@app.get("/take")
def take():
    with lock:
        taken = list(rows)
        rows[:] = []
    return taken
""",
    ),
    Shape(
        "put in one hold, and taken out in the next",
        ("IS103", "high", "rows"),
        """
rows, lock = [], threading.Lock()
@app.post("/")
def work():
    with lock:
        rows.append(request.json)
    with lock:
        mine = rows.pop(0)
    return {"done": mine}
""",
        """
rows, lock = [], threading.Lock()
@app.post("/")
def work():
    with lock:
        rows.append(request.json)
        mine = rows.pop(0)
    return {"done": mine}
""",
    ),
    Shape(
        "the newest entry, and then the length",
        ("IS110", "medium", "rows"),
        """
rows = []
def stream():
    seen = len(rows)
    while True:
        while seen == len(rows):
            wait()
        yield rows[-1]
        seen = len(rows)
@app.get("/")
def events():
    return app.response_class(stream())
"""
        + ADD,
        """
rows = []
def stream():
    seen = len(rows)
    while True:
        while seen == len(rows):
            wait()
        yield from rows[seen:]
        seen = seen + 1
@app.get("/")
def events():
    return app.response_class(stream())
""",
    ),
    Shape(
        "JSON in lines of its own, which is made in Python",
        ("IS114", "high", "scores"),
        """
import json
scores = {}
@app.post("/<name>")
def score(name):
    scores[name] = request.json
    return "ok"
@app.get("/")
def show():
    return json.dumps(scores, indent=4)
""",
        """
import json
scores, lock = {}, threading.Lock()
@app.post("/<name>")
def score(name):
    with lock:
        scores[name] = request.json
    return "ok"
@app.get("/")
def show():
    with lock:
        return json.dumps(scores, indent=4)
""",
    ),
    Shape(
        "a key that is counted on, and no longer what it began with",
        ("IS114", "high", "chats"),
        """
number, chats = 1, {"1": {}}
@app.post("/")
def create():
    global number
    number = number + 1
    chats[str(number)] = {"text": request.json}
    return "ok"
@app.get("/")
def show():
    return [chat for chat in chats.items()]
""",
        """
chats = {"1": {}}
@app.post("/")
def create():
    chats["1"] = {"text": request.json}
    return "ok"
@app.get("/")
def show():
    return [chat for chat in chats.items()]
""",
    ),
    Shape(
        "a flag of all jobs that one of them uses for itself",
        ("IS104", "medium", "worker.dirty"),
        """
class Worker:
    def __init__(self): self.dirty = False
    def work(self):
        self.dirty = False
        for one in found():
            if odd(one):
                self.dirty = True
        if self.dirty:
            clean()
worker = Worker()
@app.post("/")
def start():
    threading.Thread(target=worker.work).start()
    return "started"
""",
        """
class Worker:
    def work(self):
        dirty = False
        for one in found():
            if odd(one):
                dirty = True
        if dirty:
            clean()
worker = Worker()
@app.post("/")
def start():
    threading.Thread(target=worker.work).start()
    return "started"
""",
    ),
    Shape(
        "a place that is looked for, and may be another's by then",
        ("IS110", "high", "rows"),
        """
rows = []
@app.put("/<name>")
def change(name):
    for place, row in enumerate(rows):
        if row["name"] == name:
            rows[place] = request.json
    return "ok"
@app.delete("/<name>")
def drop(name):
    del rows[0]
    return "ok"
"""
        + ADD,
        """
rows, lock = [], threading.Lock()
@app.put("/<name>")
def change(name):
    with lock:
        for place, row in enumerate(rows):
            if row["name"] == name:
                rows[place] = request.json
    return "ok"
@app.delete("/<name>")
def drop(name):
    with lock:
        del rows[0]
    return "ok"
"""
        + ADD.replace("    rows.append", "    with lock: rows.append"),
    ),
    Shape(
        "asked for, and taken out, whatever came of the answer",
        ("IS110", "high", "notes"),
        """
notes = {}
def missing(key, context=None):
    if context is not None:
        context.abort(key)
    else:
        raise ValueError(key)
@app.post("/<key>")
def keep(key):
    notes[key] = 1
    return "ok"
@app.delete("/<key>")
def drop(key):
    if key not in notes:
        missing(key)
    del notes[key]
    return "ok"
""",
        """
notes = {}
@app.delete("/<key>")
def drop(key):
    try:
        if key in notes:
            del notes[key]
    except KeyError:
        pass
    return "ok"
""",
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_racy_program_is_found(shape: Shape, tmp_path: Path) -> None:
    """The finding is there, with the rule, the severity and the state that it should have."""
    assert shape.expected in shape.found(tmp_path, shape.racy)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_its_sound_twin_is_not_called_that(shape: Shape, tmp_path: Path) -> None:
    """What is left is that each process has its own."""
    source = FLASK + shape.sound
    rules = {one.rule for one in find(program(tmp_path, source)) if one.window != "processes"}
    assert shape.expected[0] not in rules


NOT_HIGH = {
    "what is chosen and taken out is not written back": """
jobs = {}
@app.post("/<name>")
def start(name):
    jobs[name] = {"at": now()}
    return "ok"
@app.post("/sweep")
def sweep():
    for key in [key for key, job in list(jobs.items()) if old(job)]:
        jobs.pop(key, None)
    return "ok"
""",
    "an event that was set before has not been asked": """
stop = threading.Event()
@app.post("/start")
def start():
    try:
        if request.json: stop.clear()
        else: stop.set()
    except Exception:
        stop.set()
    return str(stop.is_set())
""",
    "an address of a server is nobody's own": """
class Settings:
    server_address = ""
settings = Settings()
@app.post("/settings")
def change():
    settings.server_address = request.form["address"]
    with open("settings.txt", "w") as file:
        file.write(settings.server_address)
    return "ok"
@app.get("/")
def show(): return ask(settings.server_address)
""",
    "a default is kept or replaced": """
class Limits:
    most = 5
    @classmethod
    def load(cls, given):
        cls.most = given.get("most", cls.most)
@app.post("/")
def load():
    Limits.load(request.json)
    return "ok"
""",
    "one entry is put under another key, which is asked for again": """
rows, lock = {}, threading.Lock()
def get(name):
    with lock: return rows.get(name)
def put(name, row):
    with lock:
        if name in rows: raise ValueError(name)
        rows[name] = row
@app.post("/<a>/<b>")
def copy(a, b):
    put(b, get(a))
    return "ok"
""",
    "the job looks again under a lock": """
lock, driver = threading.Lock(), None
def make():
    global driver
    with lock:
        if driver is None:
            driver = start_browser()
@app.post("/")
def begin():
    if driver is None:
        threading.Thread(target=make).start()
    return "ok"
""",
}


@pytest.mark.parametrize("source", NOT_HIGH.values(), ids=NOT_HIGH)
def test_what_is_not_as_bad(source: str, tmp_path: Path) -> None:
    """Nothing of it is lost, or is told to the wrong one."""
    found = find(program(tmp_path, FLASK + source))
    assert [one.title for one in found if one.severity is Severity.HIGH] == []


SAID = [
    (
        "titles",
        "the place of an entry of the global `rows` is looked for",
        "rows = []\n@app.put('/<k>')\ndef change(k):\n    for i, row in enumerate(rows):\n"
        "        if row['name'] == k: rows[i] = request.json\n    return 'ok'\n"
        "@app.delete('/<k>')\ndef drop(k):\n    rows.remove(k)\n    return 'ok'\n"
        "@app.post('/')\ndef add():\n    rows.append(request.json)\n    return 'ok'\n",
        True,
    ),
    (
        "titles",
        "is read, turned over",
        "class Light: on = False\nlight = Light()\n@app.post('/')\ndef turn():\n"
        "    if light.on: light.on = False\n    else: light.on = True\n    return 'ok'\n",
        True,
    ),
    (
        "titles",
        "numbered by what is in it",
        "rows = {}\n@app.post('/<k>')\ndef copy(k):\n"
        "    if k not in rows: rows[k] = []\n    rows[k] = [*rows[k], request.json]\n"
        "    return 'ok'\n",
        False,
    ),
    (
        "titles",
        "is found empty, and then the first one is added",
        "rows = []\n@app.post('/')\ndef first():\n    if len(rows) == 0:\n"
        "        rows.append(request.json)\n    return 'ok'\n",
        True,
    ),
    (
        "titles",
        "a thread that runs `sweep` is started at import",
        "def sweep(): pass\nthreading.Thread(target=sweep).start()\n",
        True,
    ),
    (
        "consequences",
        "it is in it twice",
        "rows = []\n@app.post('/<k>')\ndef join(k):\n    if k not in rows:\n"
        "        rows.append(k)\n    return 'ok'\n",
        True,
    ),
    (
        "consequences",
        "changed size",
        "class Room:\n    def __init__(self): self.people = []\nrooms = {}\n"
        "@app.post('/<k>')\ndef make(k):\n    rooms[k] = Room()\n    return 'ok'\n"
        "@app.post('/join/<k>')\ndef join(k):\n    rooms[k].people.append(request.json)\n"
        "    return 'ok'\n@app.get('/<k>')\ndef show(k):\n"
        "    return [one for one in rooms[k].people]\n",
        False,
    ),
]


@pytest.mark.parametrize(("where", "words", "source", "there"), SAID)
def test_what_is_said_happens(
    where: str, words: str, source: str, there: bool, tmp_path: Path
) -> None:
    """The sentence fits the act."""
    found = find(program(tmp_path, FLASK + source))
    said = [one.title if where == "titles" else one.consequence for one in found]
    assert any(words in one for one in said) is there, said


def test_who_reads_the_file_is_shown(tmp_path: Path) -> None:
    """A reader may find half of it, so its line belongs to the finding."""
    source = """
import json
def load():
    with open("rows.json") as file: return json.load(file)
@app.post("/")
def add():
    rows = load()
    rows.append(request.json)
    with open("rows.json", "w") as file: json.dump(rows, file)
    return "ok"
@app.get("/")
def show():
    with open("rows.json") as file: return json.load(file)
"""
    [found] = find(program(tmp_path, FLASK + source))
    assert "shop.show" in {access.place.function for access in found.accesses}


def test_a_visitors_entry_is_one_finding(tmp_path: Path) -> None:
    """However deep in it the changes are."""
    source = """
@app.post("/")
def play():
    if "game" not in session:
        session["game"] = {"board": {}, "moves": []}
    session["game"]["board"]["a1"] = "x"
    session["game"]["moves"].append("a1")
    return "ok"
"""
    found = [one for one in find(program(tmp_path, FLASK + source)) if one.rule == "IS142"]
    assert len(found) == 1


def test_a_thread_changes_what_only_it_has(tmp_path: Path) -> None:
    """Two objects of one class are two threads, and each counts on its own attribute."""
    source = """
class Watch(threading.Thread):
    def __init__(self):
        super().__init__()
        self.seen = 0
    def run(self):
        while True:
            self.seen = max(look(), self.seen)
watches = (Watch(), Watch())
for watch in watches: watch.start()
@app.get("/")
def newest(): return str(max(watch.seen for watch in watches))
"""
    found = find(program(tmp_path, FLASK + source))
    assert [one.title for one in found if one.window != "processes"] == []
    counts = "counts['n'] = counts['n'] + look()"
    shared = "counts = {'n': 0}" + source.replace("self.seen = max(look(), self.seen)", counts)
    found = find(program(tmp_path, FLASK + shared))
    assert [one.title for one in found if one.window != "processes"]
