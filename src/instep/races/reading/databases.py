"""Little databases that are one file: loaded for each question, written whole for each change.

How it stays right. TinyDB reads its file, changes what it has read and writes all of it back, and
takes no lock; a shelf is a mapping in a file. Who opens a database of SQLite finds a file made by
whoever came first, with or without tables in it.
"""

from __future__ import annotations

import ast

from instep.races.reading import heap, loading
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Kind
from instep.races.reading.state_files import FILE, first_node, location_of
from instep.races.reading.trace import Detail
from instep.races.reading.values import NO_READS, Object, Value
from instep.races.reading.walker import Walker

DOCUMENTS = frozenset({"tinydb.TinyDB", "tinydb.database.TinyDB"})
SHELVES = frozenset({"shelve.open", "shelve.DbfilenameShelf"})
MADE = frozenset({"sqlite3.connect", "sqlite3.dbapi2.connect"})
"""These make the file if it is not there, with nothing in it."""
ASKING = frozenset("get search contains all count".split())
CHANGING = frozenset(
    """insert insert_multiple update update_multiple upsert remove truncate purge purge_tables
    drop_table drop_tables write_back""".split()
)


def call(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value | None:
    """Open a database that is a file; None if it is none, or its path is not known."""
    if name not in DOCUMENTS | SHELVES or not given.positional:
        return None
    location, _ = location_of(given.positional[0], first_node(node), frame)
    if location is None:
        return None
    made = loading.make(walker, "dict" if name in SHELVES else name, node, frame)
    made.home = location
    walker.types.setdefault(location, set()).add(FILE)
    return Value((made,), given.reads(), "new")


def method(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value | None:
    """A method of a database of documents, or of one of its tables; None if it is none."""
    if name == "executescript" and "file" in owner.items:
        location, _ = location_of(owner.items["file"], None, frame)
        if location is not None:
            walker.trace.note(Kind.WRITE, location, node, frame, Detail(None, name, "new"))
    if owner.what not in DOCUMENTS or owner.home is None:
        return None
    if name == "table":
        return Value((owner,), given.reads(), "call")
    if name not in ASKING | CHANGING:
        return Value((), given.reads(), "call")
    reads = frozenset().union(NO_READS, *map(heap.deep_reads, given.all()))
    found = walker.trace.note(Kind.READ, owner.home, node, frame, Detail(None, "load"))
    if name in CHANGING:
        detail = Detail(None, name, "call", reads | found)
        walker.trace.note(Kind.WRITE, owner.home, node, frame, detail)
        return Value(kind="call")
    made = loading.make(walker, heap.UNKNOWN, node, frame)
    made.numbers = found
    return Value((made,), reads | found, "call")
