"""Locks: which one an expression means, and what is held while a block runs.

How it stays right. A lock excludes others only if they take the same one: one that is made in the
function that takes it excludes nobody (private), one of many under keys excludes who has the same
key (per key), one taken for reading excludes writers only (shared). A lock that cannot be followed
to where it was made is known by the class and the words it is reached through.
"""

from __future__ import annotations

import ast
import re

from instep.races.reading import outside
from instep.races.reading.frames import Frame, words
from instep.races.reading.model import Hold, Location, Lock
from instep.races.reading.values import Class, Method, Object, Value
from instep.races.reading.walker import Walker

WORDS = re.compile(r"lock|mutex|semaphore|critical|synchroni[sz]ed|guard", re.I)
READING = re.compile(r"(^|_)(read|reader|shared|rlock|gen_rlock|r_lock)", re.I)
NOT_LOCKS = re.compile(r"block|clock|unlock|locked_out|lockout|locker", re.I)


def is_lock(thing: object) -> bool:
    """Whether a thing is a lock."""
    return isinstance(thing, Object) and (
        thing.what in outside.LOCKS
        or thing.what.rpartition(".")[2] in outside.NAMED_LOCKS
        or thing.what.startswith("lock:")
    )


def called(location: Location) -> str:
    """A location as the name of a lock."""
    return f"{location.owner}.{location}" if location.owner else str(location)


def lock_of(walker: Walker, thing: Object, shared: bool = False) -> Lock:
    """The lock that an object is."""
    if thing.home is not None:
        return Lock(called(thing.home), False, "[]" in thing.home.path, shared)
    path, line, column = thing.site
    name = f"{thing.what} {path}:{line}:{column}"
    if thing.what.startswith("lock:"):
        constant = thing.what.startswith("lock:=")
        return Lock(thing.what[5:], False, not constant, shared)
    if thing.what.rpartition(".")[2] in outside.NAMED_LOCKS:
        known = thing.arguments[:1]
        per_key = bool(known) and not known[0].startswith(("'", '"')) and not known[0].isupper()
        return Lock(f"{thing.what} {' '.join(known)}", False, per_key, shared)
    private = thing.born == walker.trace.walk and not walker.starting
    return Lock(name, private, False, shared)


def locks(walker: Walker, value: Value, node: ast.expr, frame: Frame) -> list[Lock]:
    """The locks that entering a value takes.

    Args:
        walker: the walk.
        value: what is entered.
        node: the expression, for its words if the value is not known.
        frame: where.

    Returns:
        The locks; none if it is no lock.
    """
    text = words(node)[:80]
    shared = bool(READING.search(text.rpartition(".")[2]))
    found = [lock_of(walker, thing, shared) for thing in value.objects() if is_lock(thing)]
    for one in value.objects():
        found += [hold.lock for hold in one.held if isinstance(hold, Hold)]
    for thing in value.things:
        if isinstance(thing, Method) and is_lock(thing.owner):
            found.append(lock_of(walker, thing.owner, shared))
    if found or any(isinstance(thing, Object) and not unknown(thing) for thing in value.things):
        return unique(found)
    if WORDS.search(text) and not NOT_LOCKS.search(text):
        return [by_words(node, text, shared, frame)]
    return []


def unknown(thing: Object) -> bool:
    """Whether a thing of the outside may be a lock for all that is known."""
    return thing.cls is None and thing.what not in outside.KNOWN_CONTAINERS


def by_words(node: ast.expr, text: str, shared: bool, frame: Frame) -> Lock:
    """A lock that is known only by what it is called."""
    receiver = frame.receiver
    if text.startswith("self.") and receiver is not None:
        for thing in receiver.things:
            if isinstance(thing, Object) and thing.cls is not None:
                text = f"{thing.cls.name}.{text[5:]}"
            elif isinstance(thing, Class):
                text = f"{thing.name}.{text[5:]}"
    per_key = "[" in text or bool(isinstance(node, ast.Call) and varying(node))
    return Lock(text, False, per_key, shared)


def varying(node: ast.Call) -> bool:
    """Whether a call that makes a lock is given something that differs between requests."""
    return any(not isinstance(one, ast.Constant) and not constant_name(one) for one in node.args)


def constant_name(node: ast.expr) -> bool:
    """Whether an expression is a constant by its looks: `LOCK_NAME`, `self.key`."""
    if isinstance(node, ast.Name):
        return node.id.isupper()
    return isinstance(node, ast.Attribute) and node.attr.isupper()


def unique(found: list[Lock]) -> list[Lock]:
    """Each lock once."""
    return list(dict.fromkeys(found))


def made_by_method(owner: str, name: str, node: ast.Call, frame: Frame) -> Object | None:
    """The lock that `store.lock("name")` of the outside is."""
    if name not in outside.LOCKING_METHODS:
        return None
    first = words(node.args[0])[:60] if node.args else ""
    constant = not node.args or isinstance(node.args[0], ast.Constant) or first.isupper()
    site = (frame.module.path, node.lineno, node.col_offset)
    what = f"lock:{'=' if constant else '*'}{owner}.{name}({first})"
    return Object(what, site, -1)


def method(walker: Walker, owner: Object, name: str, node: ast.AST, frame: Frame) -> bool:
    """`lock.acquire()` and `lock.release()`; says whether it was one of them."""
    if not is_lock(owner):
        return False
    if name in outside.TAKING:
        walker.trace.take(lock_of(walker, owner, "read" in name))
    elif name in outside.GIVING:
        walker.trace.give(lock_of(walker, owner, "read" in name))
    return True


def by_name(walker: Walker, node: ast.Call, frame: Frame) -> None:
    """`something_lock.acquire()` where the lock itself is not known."""
    target = node.func
    if not isinstance(target, ast.Attribute):
        return
    text = words(target.value)[:80]
    if not WORDS.search(text) or NOT_LOCKS.search(text):
        return
    lock = by_words(target.value, text, "read" in target.attr, frame)
    if target.attr in outside.TAKING:
        walker.trace.take(lock)
    elif target.attr in outside.GIVING:
        walker.trace.give(lock)
