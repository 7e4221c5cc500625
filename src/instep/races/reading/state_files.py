"""Files as state: read, written and looked for by paths that all requests share."""

from __future__ import annotations

import ast
import re

from instep.races.reading import heap, loading, paths
from instep.races.reading.frames import Frame, words
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Kind, Location, Root
from instep.races.reading.trace import Detail
from instep.races.reading.values import (
    NO_READS,
    NOTHING,
    Constant,
    Object,
    Template,
    Value,
    join,
)
from instep.races.reading.walker import Walker

FILE = "file"
TESTS = frozenset(
    """os.path.exists os.path.isfile os.path.isdir os.path.getsize os.path.getmtime os.path.lexists
    os.stat os.access""".split()
)
SENDING = frozenset({"flask.send_file", "flask.helpers.send_file"})
REMOVALS = frozenset("os.remove os.unlink shutil.rmtree os.truncate".split())
FOLDERS = frozenset({"os.mkdir", "os.makedirs"})
"""These fail if the folder is there, unless they are told that it may be."""
MOVES = frozenset("os.rename os.replace shutil.move shutil.copy shutil.copyfile".split())
WRITERS = frozenset(
    """json.dump pickle.dump yaml.dump yaml.safe_dump csv.writer csv.DictWriter simplejson.dump
    marshal.dump toml.dump tomli_w.dump joblib.dump""".split()
)
LOADERS = frozenset(
    """json.load pickle.load yaml.safe_load yaml.load csv.reader csv.DictReader simplejson.load
    marshal.load toml.load tomllib.load joblib.load configparser.ConfigParser.read""".split()
)
PATH_LOADERS = re.compile(
    r"(pandas|polars|geopandas|cudf)\.read_\w+|numpy\.(load|loadtxt|genfromtxt)|joblib\.load"
    r"|torch\.load|openpyxl\.load_workbook|toml\.load|xml\.etree\.\w+\.parse"
)
"""Functions that load the file of the path that they are given."""
PATH_SAVERS = re.compile(r"numpy\.save\w*|cv2\.imwrite")
PATH_SECOND = frozenset({"joblib.dump", "torch.save"})
SAVING = frozenset(
    """save savefig save_model to_csv to_excel to_json to_pickle to_parquet to_feather
    to_html write_csv write_json write_parquet write_excel""".split()
)
"""Methods that write what they belong to into the file of the path that they are given."""
TEXT_LOADERS = frozenset({"json.loads", "yaml.safe_load", "pickle.loads", "tomllib.loads"})
PATHS = frozenset(
    """os.path.join os.path.abspath os.path.normpath os.path.realpath os.path.expanduser os.fspath
    flask.safe_join werkzeug.utils.safe_join werkzeug.security.safe_join""".split()
)
OPENERS = frozenset({"builtins.open", "io.open", "codecs.open", "gzip.open"})
PATH_METHODS = {
    "read_text": Kind.READ,
    "read_bytes": Kind.READ,
    "write_text": Kind.WRITE,
    "write_bytes": Kind.WRITE,
    "exists": Kind.TEST,
    "is_file": Kind.TEST,
    "is_dir": Kind.TEST,
    "mkdir": Kind.WRITE,
    "stat": Kind.TEST,
    "unlink": Kind.WRITE,
    "touch": Kind.WRITE,
    "rename": Kind.WRITE,
    "replace": Kind.WRITE,
}


def location_of(value: Value, node: ast.expr | None, frame: Frame) -> tuple[Location | None, str]:
    """The file that a path means, and the part of it that differs between requests."""
    known = value.constant()
    for thing in value.objects():
        if thing.what.startswith("pathlib."):
            return location_of(thing.items.get(0, NOTHING), node, frame)
        if thing.what == "path":
            return Location(Root.FILE, "", thing.arguments[0]), thing.arguments[1]
    if isinstance(known, str) and known:
        return Location(Root.FILE, "", known), ""
    for one in value.things:
        if isinstance(one, Template) and ("*" in one.shape.strip("*") or one.shape[0] != "*"):
            key = one.text if "*" in one.shape else ""
            return Location(Root.FILE, "", paths.settled(one.shape)), key
    if not isinstance(node, (ast.Name, ast.Attribute)) or value.kind == "request":
        return None, ""
    text = words(node)
    if text.rpartition(".")[2].isupper() or paths.steady(node, frame):
        return Location(Root.FILE, frame.module.name, text), ""
    return None, ""


def first_node(node: ast.expr) -> ast.expr | None:
    """The first argument of a call."""
    return node.args[0] if isinstance(node, ast.Call) and node.args else None


def call(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value | None:
    """What a function does with a file; None if it is not about files."""
    if name in OPENERS:
        return opened(walker, given, node, frame)
    if name == "os.path.dirname":
        return Value((), given.reads(), join(*given.positional).kind or "call")
    if name in PATHS or name in ("pathlib.Path", "pathlib.PurePath"):
        return path(walker, name, given, node, frame)
    if name in TESTS:
        return noted(walker, Kind.TEST, name, given, node, frame)
    if name in SENDING and given.positional:
        return noted(walker, Kind.READ, name, given, node, frame)
    if name in FOLDERS and "exist_ok" in given.keywords:
        return Value(kind="call")
    if name in REMOVALS or name in FOLDERS:
        return noted(walker, Kind.WRITE, name, given, node, frame)
    if name in MOVES:
        moved(walker, name, given, node, frame)
        return Value(kind="call")
    if name in WRITERS and len(given.positional) > (0 if "csv" in name else 1):
        return written(walker, name, given, node, frame)
    saved = PATH_SAVERS.fullmatch(name)
    if saved or name in PATH_SECOND:
        save(walker, name, given, node, frame, 0 if saved else 1, given.reads())
        return Value((), given.reads(), "call")
    if PATH_LOADERS.fullmatch(name):
        value = noted(walker, Kind.READ, name, given, node, frame)
        made = loading.make(walker, name, node, frame)
        made.numbers = value.reads | from_files(join(*given.positional))
        return Value((made,), made.numbers, "call")
    if name in LOADERS and given.positional:
        reads = given.reads() | from_files(given.positional[0])
        return Value((loading.make(walker, name, node, frame),), reads, "call")
    return None


def opened(walker: Walker, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`open(path, mode)`."""
    location, key = location_of(
        given.positional[0] if given.positional else NOTHING, first_node(node), frame
    )
    mode_value = given.keywords.get("mode") or (
        given.positional[1] if len(given.positional) > 1 else NOTHING
    )
    mode = mode_value.constant()
    mode = mode if isinstance(mode, str) else "r"
    made = loading.make(walker, FILE, node, frame)
    if location is None:
        return Value((made,), given.reads(), "new")
    made.items["where"] = Value((made,), text=mode)
    walker.types.setdefault(location, set()).add(FILE)
    made.home = location
    detail = Detail(key or None, f"open {mode}", depends=given.reads())
    kind = Kind.WRITE if mode[:1] in ("w", "x") else Kind.READ
    reads = NO_READS
    if mode[:1] != "a":
        reads = walker.trace.note(kind, location, node, frame, detail)
    made.numbers = reads
    made.arguments = (mode,)
    return Value((made,), reads if kind is Kind.READ else NO_READS, "new")


def from_files(value: Value) -> frozenset[int]:
    """The reads that opening a file made."""
    return frozenset().union(NO_READS, *(one.numbers for one in value.objects()))


def path(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """A path, known by its last part."""
    made = loading.make(walker, "pathlib.Path" if "pathlib" in name else "path", node, frame)
    last = next((one for one in reversed(given.positional) if one.constant() != ""), NOTHING)
    for thing in last.objects():
        if thing.what.startswith("pathlib."):
            return last
    if made.what == "path":
        known = last.constant()
        if isinstance(known, str):
            return Value((Constant(known),), given.reads(), "constant")
        first = given.positional[0] if given.positional else NOTHING
        folder = first.constant() or first.text or folder_name(first, node)
        if not folder or len(given.positional) < 2 or not isinstance(node, ast.Call):
            return Value((), given.reads(), last.kind or "call", last.text)
        part = next((one for one in last.things if isinstance(one, Template)), None)
        name = f"{str(folder).rstrip('/')}/{paths.settled(part.shape) if part else '*'}"
        made.arguments = (name, part.text if part else loading.key_text(last, node.args[-1]))
        return Value((made,), given.reads(), last.kind)
    made.items[0] = last
    return Value((made,), given.reads(), "new")


def folder_name(value: Value, node: ast.expr) -> str:
    """A folder of which only the name is known: `config.folder`."""
    first = first_node(node)
    known = value.kind != "request" and isinstance(first, (ast.Name, ast.Attribute))
    return words(first) if known and first is not None else ""


def noted(
    walker: Walker, kind: Kind, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value:
    """One access of a file by its path."""
    first = given.positional[0] if given.positional else NOTHING
    location, key = location_of(first, first_node(node), frame)
    if location is None:
        return Value((), given.reads(), "call")
    detail = Detail(key or None, name.rpartition(".")[2], depends=given.reads())
    return Value((), walker.trace.note(kind, location, node, frame, detail), "call")


def save(
    walker: Walker,
    name: str,
    given: Arguments,
    node: ast.expr,
    frame: Frame,
    number: int,
    reads: frozenset[int],
) -> None:
    """`rows.to_csv(path)`, `upload.save(path)`: what comes from `reads` is written to a file."""
    if len(given.positional) <= number or not isinstance(node, ast.Call):
        return
    nodes = node.args[number : number + 1]
    location, key = location_of(given.positional[number], nodes[0] if nodes else None, frame)
    if location is None or not paths.may_be(location.name):
        return
    walker.types.setdefault(location, set()).add(FILE)
    detail = Detail(key or None, name.rpartition(".")[2], "call", reads)
    walker.trace.note(Kind.WRITE, location, node, frame, detail)


def moved(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> None:
    """`os.replace(new, old)` writes the old one in one step."""
    if len(given.positional) < 2 or not isinstance(node, ast.Call) or len(node.args) < 2:
        return
    location, key = location_of(given.positional[1], node.args[1], frame)
    if location is not None:
        detail = Detail(key or None, name.rpartition(".")[2], depends=given.reads(), atomic=True)
        walker.trace.note(Kind.WRITE, location, node, frame, detail)


def written(walker: Walker, name: str, given: Arguments, node: ast.expr, frame: Frame) -> Value:
    """`json.dump(data, file)`."""
    target = given.positional[0] if "csv" in name else given.positional[1]
    reads = frozenset().union(NO_READS, *(heap.deep_reads(one) for one in given.all()))
    reads |= container_reads(walker, given, node, frame)
    kind = given.positional[0].kind if "csv" not in name else ""
    kind = "loaded" if kind and loaded(given.positional[0]) else kind
    for thing in target.objects():
        store(walker, thing, name.rpartition(".")[2], reads, node, frame, kind)
    return Value(target.things if "csv" in name else (), reads, "call")


def loaded(value: Value) -> bool:
    """Whether a value is, or is made from, what was loaded from a file."""
    return value.kind == "loaded" or any(
        thing.what in LOADERS or thing.what in TEXT_LOADERS for thing in value.objects()
    )


def container_reads(
    walker: Walker, given: Arguments, node: ast.expr, frame: Frame
) -> frozenset[int]:
    """Shared containers that are written out are walked through."""
    reads = NO_READS
    for value in given.positional[:1]:
        for thing in heap.shared_objects(value):
            if thing.what != FILE and loading.shares_items(thing):
                reads |= loading.noted(
                    walker, thing, Kind.ITERATE, node, frame, Detail(method="dump")
                )
    return reads


def store(
    walker: Walker,
    thing: Object,
    name: str,
    reads: frozenset[int],
    node: ast.expr,
    frame: Frame,
    kind: str = "",
) -> None:
    """Write to an open file; at the end of it, if it was opened so."""
    if (
        thing.what != FILE
        or thing.home is None
        or not thing.arguments
        or (thing.arguments[0][:1] == "r" and ("+" not in thing.arguments[0]))
    ):
        return
    appending = thing.arguments[0][:1] == "a"
    method_name = "append" if appending else name
    detail = Detail(None, method_name, kind or "call", reads, appending)
    walker.trace.note(Kind.WRITE, thing.home, node, frame, detail)


def method(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value | None:
    """A method of a path or of an open file; None if it is neither."""
    if owner.what.startswith("pathlib."):
        if name == "open":
            mode = given.positional[:1]
            inner = Arguments([Value((owner,)), *mode], given.keywords)
            return opened(walker, inner, node, frame)
        if name in PATH_METHODS and "exist_ok" not in given.keywords:
            return of_path(walker, owner, name, given, node, frame)
        if name in ("with_name", "joinpath", "with_suffix"):
            return beside(walker, owner, name, given, node, frame)
        return Value((owner,) if name in ("resolve", "absolute", "expanduser") else ())
    if owner.what.startswith("configparser."):
        return configured(walker, owner, name, given, node, frame)
    if owner.what != FILE:
        return None
    if name in ("write", "writelines", "writerow", "writerows"):
        reads = frozenset().union(NO_READS, *(heap.deep_reads(one) for one in given.all()))
        kind = "loaded" if any(loaded(one) for one in given.positional) else "call"
        store(walker, owner, name, reads, node, frame, kind)
        return Value(kind="call")
    return Value((), owner.numbers, "call")


def beside(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value:
    """`folder.joinpath("name")`, `path.with_name("other")`: a path, by its last part."""
    last = given.positional[-1] if given.positional else given.star or NOTHING
    made = loading.make(walker, "pathlib.Path", node, frame)
    made.items[0] = NOTHING if name == "with_suffix" else last
    if name == "joinpath" and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        texts = words(node.func.value), words(node.args[-1]) if node.args else ""
        things = last.things or paths.in_folder(owner.items.get(0, NOTHING), last, *texts)
        made.items[0] = Value(things, last.reads, last.kind, last.text)
    return Value((made,), given.reads())


def configured(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value | None:
    """`config.read(path)` and `config.write(file)` of a ConfigParser."""
    if name == "read":
        value = noted(walker, Kind.READ, name, given, node, frame)
        owner.numbers = value.reads
        return value
    if name != "write":
        return None
    for thing in join(*given.positional).objects():
        store(walker, thing, name, owner.numbers, node, frame)
    return Value(kind="call")


def of_path(
    walker: Walker, owner: Object, name: str, given: Arguments, node: ast.expr, frame: Frame
) -> Value:
    """`path.read_text()`, `path.write_text(…)`."""
    target = (
        node.func.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        else None
    )
    location, key = location_of(Value((owner,)), target, frame)
    if location is None:
        return Value((), given.reads(), "call")
    reads = frozenset().union(NO_READS, *(heap.deep_reads(one) for one in given.all()))
    kind = "loaded" if any(loaded(one) for one in given.positional) else "call"
    detail = Detail(key or None, name, kind, reads)
    walker.types.setdefault(location, set()).add(FILE)
    return Value((), walker.trace.note(PATH_METHODS[name], location, node, frame, detail), "call")
