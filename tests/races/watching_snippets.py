"""Small programs that must do the same whether or not they are instrumented.

Run as a script, by whichever interpreter, it compares them all and prints how many there were.
Each has a function `main`; what it returns, prints into `log`, or raises is compared, and where in
the source it is raised.
"""

import sys
import traceback
from typing import Any

SNIPPETS: dict[str, str] = {
    "global augmented": "def main():\n global G\n G += 1\n G -= 3\n return G\nG = 4\n",
    "global bound in many ways": """
def main():
    global A, B, C, D, E, F
    A, (B, *C) = 1, (2, 3, 4)
    for D in range(3): pass
    with manager() as E: pass
    import json as F
    return A, B, C, D, E, F.dumps([1])
import contextlib
@contextlib.contextmanager
def manager(): yield 7
""",
    "global deleted": """
X = 1
def main():
    global X
    del X
    try:
        return X
    except NameError as error:
        return str(error)
""",
    "walrus": "def main():\n global W\n return [W := 3, [(y := x) for x in range(3)], y, W]\n",
    "walrus in conditions": """
def main():
    d = {"a": [1]}
    if (found := d.get("a")) and (n := len(found)): return found, n
""",
    "in-place operators": """
class Box:
    def __init__(self, n): self.n = n; log.append("init")
    def __iadd__(self, other): log.append("iadd"); return self
    def __add__(self, other): log.append("add"); return Box(self.n + other)
class Holder: pass
def main():
    h = Holder(); h.box = Box(1); same = h.box
    h.box += 1
    h.rows = [1]; rows = h.rows; h.rows += [2]
    h.t = (1,); h.t += (2,)
    return h.box is same, rows, h.t
""",
    "order of evaluation": """
def say(x): log.append(x); return x
class Owner(dict):
    def __setattr__(self, name, value):
        log.append(("set", name, value)); dict.__setattr__(self, name, value)
    def __setitem__(self, key, value):
        log.append(("item", key, value)); dict.__setitem__(self, key, value)
def main():
    o = Owner()
    def owner(): log.append("owner"); return o
    owner().x = say(1)
    owner()[say("k")] = say(2)
    owner()[say("k")] += say(3)
    owner().x += say(4)
    del owner()[say("k")]
    owner().y = owner().z = say(5)
    return say("a") in owner(), say("b") not in owner(), owner().get(say("c"), say(6)), len(owner())
""",
    "properties, slots and descriptors": """
class Field:
    def __get__(self, obj, cls): log.append("get"); return 5 if obj else self
    def __set__(self, obj, value): log.append(("set", value))
class Thing:
    __slots__ = ("a", "_b")
    field = Field()
    @property
    def b(self): return self._b
    @b.setter
    def b(self, value): self._b = value * 2
def main():
    t = Thing(); t.a = 1; t.b = 4; t.b += 1; t.field = 3; t.field += 1
    del t.a
    try: t.a
    except AttributeError as error: log.append(type(error).__name__)
    return t.b, t.field, Thing.field is not None
""",
    "private names": """
class Safe:
    __count = 0
    def __init__(self): self.__mine = 1
    def up(self): self.__mine += 1; Safe.__count += 1; return self.__mine, Safe.__count
    def raw(self): return sorted(vars(self)), [n for n in vars(Safe) if "count" in n]
def main():
    s = Safe(); s.up(); return s.up(), s.raw()
""",
    "super, class cell and inheritance": """
class Base:
    def __init__(self): self.n = 0
    def up(self): self.n += 1; return self.n
class Child(Base):
    def __init__(self): super().__init__(); self.m = 1
    def up(self): self.m = super().up(); return __class__.__name__, self.m
def main(): return Child().up()
""",
    "getattr, missing attributes and suggestions": """
class Loose:
    def __getattr__(self, name): log.append(name); return 42
class Tight: pass
def main():
    l = Loose(); l.x = l.y + 1; l.z += 1
    try: Tight().wrong
    except AttributeError as error: log.append(str(error))
    return l.x, l.z
""",
    "comprehension scopes": """
rows = [1, 2]
x = 10
def main():
    global x
    x = 5
    a = [x for x in rows]
    b = {k: v for k, v in {"a": rows}.items()}
    c = [[y * z for z in rows] for y in rows if y in rows]
    d = list(row for row in rows if x)
    class Inner:
        items = [1, 2]
        first = items[0]
        both = [i for i in items]
    return a, b, c, d, Inner.both, Inner.first, x
""",
    "chained comparisons": """
d = {1: 2}
def main(): return 1 in d in [d], 1 in d == True, 0 < d[1] < 3
""",
    "subscripts": """
class Key:
    def __index__(self): return 1
    def __hash__(self): log.append("hash"); return 3
    def __eq__(self, other): return True
def main():
    rows = [1, 2, 3]; d = {}
    d[Key()] = 1; d[Key()] += 1
    rows[0:2] = [9]; rows[Key()] += 1; del rows[0]; rows[:] = rows + [4]
    grid = {(1, 2): 3}; grid[1, 2] += 1
    t: list[int] = [1]
    return rows, len(d), grid[1, 2], t[-1], dict[str, int], "abc"[1], d[Key()]
""",
    "unpacking into places": """
class O: pass
def main():
    o = O(); d = {}
    o.a, d["b"], *o.rest = 1, 2, 3, 4
    for o.i, d["i"] in [(1, 2), (3, 4)]: pass
    [o.c for o.c in range(3)]
    with open("/dev/null") as o.file: pass
    return vars(o).keys(), d, o.i, o.c
""",
    "generators": """
def count(d):
    for key, value in d.items():
        got = yield key, value
        if got: d[key] = got
def main():
    d = {"a": 1, "b": 2}
    g = count(d); first = next(g); second = g.send(7)
    def inner(): x = yield from count(d); return x
    return first, second, list(inner()), d
""",
    "async": """
import asyncio
class Box: n = 0
box = Box()
rows = []
async def up():
    box.n += 1
    async with asyncio.Lock(): rows.append(box.n)
    async for x in numbers(): rows.append(x)
    return [y async for y in numbers()]
async def numbers():
    for i in range(2): yield i
def main(): return asyncio.run(up()), rows, box.n
""",
    "match": """
class Point:
    __match_args__ = ("x", "y")
    def __init__(self, x, y): self.x, self.y = x, y
class Names: one = 1
def which(v):
    match v:
        case Names.one: return "one"
        case Point(0, y=y): return ("point", y)
        case {"k": x, **rest} if x in rest: return x, rest
        case [first, *others]: return first, others
        case str() as s: return s
        case _: return None
def main():
    p = Point(0, 2); p.x = 0; Names.one = 1
    return [which(v) for v in (1, p, {"k": 1, 1: 2}, [1, 2], "s", 5)]
""",
    "annotations stay unevaluated": """
from __future__ import annotations
class A:
    def f(self, x: nothing.at_all, y: also[nothing] = 3) -> nowhere.near:
        z: missing[1] = 4
        self.w: missing.too = 5
        return x + y + z + self.w
def main(): return A().f(1), A.f.__annotations__
""",
    "docstrings and decorators": '''
def deco(arg):
    def wrap(f): log.append((arg, f.__name__, f.__doc__)); return f
    return wrap
rows = {}
@deco(rows.setdefault("a", 1))
def f(x=rows["a"], *, y=len(rows)):
    """Says what it is."""
    return x + y
def main(): return f(), f.__doc__, f.__defaults__, f.__qualname__
''',
    "f-strings": """
class O: n = 1
o = O()
d = {"k": 2}
def main():
    o.n += 1
    return f"{o.n} {o.n=} {d['k']:>5} {d['k']!r:{o.n}} {len(d)} {[x for x in d]}"
""",
    "lambdas and defaults": """
d = {"n": 0}
def main():
    f = lambda k, d=d: d.get(k, len(d)) + d[k]
    g = [lambda i=i: (i, d["n"]) for i in range(2)]
    return f("n"), [h() for h in g], sorted([3, 1], key=lambda x: (d["n"], x))
""",
    "nonlocal": """
def make():
    n = 0
    def up(by=1):
        nonlocal n
        n += by
        n = n + 0
        for n in (n, n): pass
        return [n for _ in range(2)]
    def see(): return n
    return up, see
def main(): up, see = make(); up(); return up(2), see()
""",
    "nonlocal unbound": """
def main():
    def inner():
        nonlocal x
        try: x += 1
        except NameError as error: return type(error).__name__
    r = inner()
    x = 1
    return r
""",
    "locals stay as they are": """
class O: rows = {}
o = O()
def main():
    o.rows[str(1)] = 1
    o.rows[str(1)] += 1
    return sorted(locals()), sorted(o.rows)
""",
    "names that hide built-ins": """
def main(globals=3, len=lambda x: "mine", list=lambda x: "listed"):
    d = {1: 2}
    return globals, len(d), list(d)
""",
    "a metaclass that knows every name": """
class Meta(type):
    def __getattr__(cls, name): log.append(name); return 1
class Box(metaclass=Meta):
    n = 0
    def __getitem__(self, key): return key
    def __contains__(self, key): return True
def main():
    box = Box()
    box.n += 1
    with box_lock() as inside: pass
    return box.n, box[1], 2 in box, len(log)
class box_lock(metaclass=Meta):
    def __enter__(self): return 1
    def __exit__(self, *exc): return False
""",
    "locks of every kind": """
import threading, contextlib
lock, again = threading.Lock(), threading.RLock()
cond, sem = threading.Condition(), threading.Semaphore(2)
class Mine:
    def __enter__(self): log.append("in"); lock.acquire(); return self
    def __exit__(self, *exc): lock.release(); log.append(exc[0]); return True
class Odd:
    def acquire(self, what): return what * 2
    def release(self): return "released"
def main():
    with lock as got, again, again, cond as c, sem: log.append((got, c))
    with Mine() as m: raise ValueError
    with contextlib.suppress(KeyError): {}["x"]
    taken = lock.acquire(False), lock.acquire(blocking=False), lock.acquire(timeout=0.01)
    lock.release()
    with cond: cond.notify_all()
    try: lock.release()
    except RuntimeError as error: log.append(str(error))
    return taken, Odd().acquire(4), Odd().release(), lock.locked()
""",
    "methods with star arguments": """
d = {}
rows = []
def main():
    rows.extend(*[[3, 4]]); rows.insert(*(0, len(rows))); d.update(**{"a": 1}, b=len(rows))
    d.setdefault(*("z", 1)); rows.sort(key=lambda x: -x, reverse=bool(rows))
    return rows, d, d.pop(str("a"), None), rows.pop(len(rows) - 1), d.get("no", d["b"])
""",
    "exceptions and where they come from": """
class O: pass
d = {"a": 1}
o = O()
def main():
    o.n = 1
    o.n = (d
        ["a"] + d[
            "missing"])
""",
    "exception in a method": "rows = []\ndef main():\n x = [\n  1,\n  rows.pop(\n   0)]\n",
    "exception in a test": "d = 3\ndef main():\n if 1 in d:\n  pass\n",
    "exception in a sum": "class O: n = 'a'\ndef main():\n o = O()\n o.n += 1\n",
    "exception in a loop": "d = {1: 1, 2: 2}\ndef main():\n for k in d:\n  d[k + 9] = 1\n",
    "conditional expressions": """
d = {}
def main():
    a = d if d else 3
    b = not d
    c = d or {"x": 1}
    e = d and d["x"]
    while not d: d["x"] = 1
    assert d, "full"
    return a, b, c, e, d if d["x"] else None
""",
    "exec, vars and dir": """
G = 1
def main():
    global G
    space = {}
    exec("y = 3", space); G += 1
    return space["y"], sorted(n for n in globals() if not n.startswith("__")), G
""",
    "class in a function": """
def main():
    class A:
        n = 0
        rows = []
        def up(self):
            self.n += 1; A.n += 1; self.rows.append(self.n); return self.n
        total = sum(rows)
    return A().up(), A.n, A.rows, A().n
""",
    "try, finally and return": """
d = {"n": 0}
def f():
    try: return d["n"]
    finally: d["n"] += 1
def main(): return f(), f(), d
""",
    "setattr by name": """
class O: pass
def main():
    o = O(); setattr(o, "x", 1); o.x += 1; delattr(o, "x"); return vars(o), hasattr(o, "x")
""",
}


def outcome(code: Any) -> tuple[Any, ...]:
    """What a snippet does: its result or exception, its log, and where it failed."""
    log: list[Any] = []
    space: dict[str, Any] = {"__name__": "snippet", "log": log}
    exec(code, space)
    try:
        result: Any = repr(space["main"]())
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        spots = [(f.name, f.lineno, f.colno, f.end_lineno, f.end_colno) for f in frames]
        result = type(error).__name__, str(error), spots
    return result, repr(log)


def differences(only: str | None = None) -> dict[str, tuple[Any, Any]]:
    """The snippets that do something else when they are instrumented, and what."""
    from instep.races.watching import Listener, instrument, probe

    class Everything(Listener):
        steps = True

    found = {}
    for name, source in SNIPPETS.items():
        if only is None or only == name:
            plain = outcome(compile(source, name, "exec", dont_inherit=True))
            before = probe.listen(Everything())
            try:
                watched = outcome(instrument(source, name))
                probe.listen(None)
                silent = outcome(instrument(source, name))
            finally:
                probe.listen(before)
            if not plain == watched == silent:
                found[name] = plain, watched if watched != plain else silent
    return found


if __name__ == "__main__":
    bad = differences()
    for name, (plain, watched) in bad.items():
        print(name, "\n  plain  ", plain, "\n  watched", watched)
    print(len(SNIPPETS), "snippets")
    sys.exit(bool(bad))
