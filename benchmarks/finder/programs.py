"""Programs to check, made from a seed: packages of views, services, models, helpers and tables.

A shop of many parts, as programs of that size are: a blueprint has eight views, which call the
methods of services, which call other services, below them, and helpers. One service in ten keeps
its state in the open; the others keep it behind a lock, in a database, or have none. The same seed
makes the same program.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

VERBS = ("load", "price", "reserve", "cancel", "ship", "count", "merge", "audit", "label", "check")
THINGS = ("order", "basket", "stock", "invoice", "coupon", "parcel", "seat", "ticket", "report")
HANDS = 12
"""Modules of one package: helpers, models, a table, services and views."""


def program(folder: Path, lines: int, seed: int = 5) -> int:
    """Write a program.

    Args:
        folder: an empty one.
        lines: how many it should have, about.
        seed: of the generator.

    Returns:
        How many lines it has.
    """
    random, written, number = Random(seed), 0, 0
    while written < lines:
        package = folder / "shop" / f"part{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        for name, text in _package(number, random):
            (package / f"{name}.py").write_text(text)
            written += text.count("\n")
        number += 1
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "app.py").write_text(_application(number))
    return written + _application(number).count("\n")


def _application(parts: int) -> str:
    names = [(part, view) for part in range(parts) for view in range(3)]
    text = "from flask import Flask\n\n"
    text += "".join(f"from shop.part{p}.views{v} import bp as bp_{p}_{v}\n" for p, v in names)
    text += "\n\ndef create_app():\n    app = Flask(__name__)\n"
    text += "".join(f"    app.register_blueprint(bp_{p}_{v})\n" for p, v in names)
    return text + "    return app\n\n\napp = create_app()\n"


def _package(number: int, random: Random) -> Iterator[tuple[str, str]]:
    yield "tables", _tables(random)
    for index in range(2):
        yield f"helpers{index}", _helpers(random)
    for index in range(2):
        yield f"models{index}", _models(random)
    for index in range(4):
        yield f"services{index}", _service(number, index, random)
    for index in range(3):
        yield f"views{index}", _views(index, random)


def _tables(random: Random) -> str:
    rows = "".join(
        f'    "{random.choice(THINGS)}-{row}": ({random.random():.4f}, "{random.choice(VERBS)}"),\n'
        for row in range(150)
    )
    return f'"""What things cost."""\n\nTABLE = {{\n{rows}}}\n\nDEFAULT = (0.0, "none")\n'


def _helpers(random: Random) -> str:
    text = '"""Small functions."""\n\nimport re\n\nWORD = re.compile(r"[a-z]+")\n\n\n'
    for index in range(24):
        below = f"    result += step{random.randrange(index)}(value // 2, seen)\n" if index else ""
        text += (
            f"def step{index}(value, seen=()):\n"
            f'    """Step {index}."""\n'
            f"    result = value * {random.randrange(9)} + {index}\n"
            "    for item in seen:\n"
            f"        if item > {random.randrange(99)}:\n"
            f"            result += item % {random.randrange(2, 9)}\n"
            f"    if value > {random.randrange(1, 9)}:\n"
            f"    {below or '    result += 1' + chr(10)}"
            "    return result\n\n\n"
        )
    return text


def _models(random: Random) -> str:
    text = '"""Rows."""\n\nfrom dataclasses import dataclass, field\n\n\n'
    for index in range(12):
        thing = random.choice(THINGS).title()
        text += (
            f"@dataclass\nclass {thing}{index}:\n"
            f'    """One {thing}."""\n\n'
            "    number: int\n    owner: str\n    lines: list = field(default_factory=list)\n\n"
            "    @property\n    def total(self):\n"
            "        return sum(line.price * line.count for line in self.lines)\n\n"
            "    def add(self, line):\n"
            "        if line.count < 1:\n            raise ValueError(line.count)\n"
            "        self.lines.append(line)\n        return self.total\n\n\n"
        )
    return text


def _service(number: int, index: int, random: Random) -> str:
    kind = "open" if random.random() < 0.1 else random.choice(("locked", "database", "none"))
    below = [(number, other) for other in range(index)]
    below += [(random.randrange(number), random.randrange(4)) for _ in range(2) if number]
    text = '"""A service."""\n\nimport threading\n\n'
    text += f"from shop.part{number}.helpers{random.randrange(2)} import step3, step9, step21\n"
    text += f"from shop.part{number}.tables import DEFAULT, TABLE\n"
    text += "".join(
        f"from shop.part{p}.services{s} import service as below{place}\n"
        for place, (p, s) in enumerate(below)
    )
    text += "\n\nclass Service:\n    def __init__(self):\n"
    text += "        self.entries = {}\n        self.count = 0\n"
    text += "        self.guard = threading.Lock()\n\n"
    for turn, verb in enumerate(VERBS):
        text += _method(f"{verb}_{random.choice(THINGS)}", verb, kind, turn, len(below), random)
    return text + "\nservice = Service()\n"


def _method(name: str, verb: str, kind: str, turn: int, below: int, random: Random) -> str:
    text = f"    def {verb}(self, key, amount=1):\n"
    text += f'        """{name}: what a view asks for."""\n'
    text += "        price, unit = TABLE.get(key, DEFAULT)\n"
    text += f"        value = step{random.choice((3, 9, 21))}(int(price) + amount)\n"
    text += f"        if value > {random.randrange(50)} and unit:\n"
    text += f"            value -= step{random.choice((3, 9))}(value)\n"
    if below and turn % 3 == 0:
        other = random.randrange(below)
        text += f"        value += below{other}.{random.choice(VERBS)}(key, value)\n"
    if kind == "locked":
        text += "        with self.guard:\n            self.count += 1\n"
        text += "            self.entries[key] = self.entries.get(key, 0) + value\n"
        text += "            return self.entries[key]\n\n"
    elif kind == "open" and turn < 2:
        text += "        if key not in self.entries:\n            self.entries[key] = value\n"
        text += "        self.count = self.count + step3(1)\n        return self.count\n\n"
    elif kind == "database":
        text += '        rows = g.db.execute("select * from t where k = ?", (key,)).fetchall()\n'
        text += "        return [dict(row) for row in rows if row] or value\n\n"
        text = text.replace("        price,", "        from flask import g\n        price,", 1)
    else:
        text += "        found = [item for item in range(value % 7) if item]\n"
        text += "        return sum(found) + value\n\n"
    return text


def _views(index: int, random: Random) -> str:
    text = '"""Views."""\n\nfrom flask import Blueprint, abort, jsonify, request\n\n'
    for service in range(4):
        text += f"from .services{service} import service as service{service}\n"
    text += f'\nbp = Blueprint("views{index}", __name__)\n\n\n'
    for view in range(8):
        thing, verb = random.choice(THINGS), random.choice(("get", "post"))
        text += (
            f'@bp.{verb}("/{thing}/{view}/<key>")\n'
            f"def {thing}{view}(key):\n"
            f'    """{thing}."""\n'
            '    amount = request.args.get("amount", 1, type=int)\n'
            f"    if amount < {random.randrange(1, 5)} or not key.isalnum():\n"
            "        abort(400)\n"
            f"    first = service{random.randrange(4)}.{random.choice(VERBS)}(key, amount)\n"
            f"    second = service{random.randrange(4)}.{random.choice(VERBS)}(key, amount)\n"
            "    return jsonify(first=first, second=second)\n\n\n"
        )
    return text
