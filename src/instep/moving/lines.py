"""The lines of a dump: each is a JSON object, and each record comes back as the very bytes.

How it stays right: a record is shown only if its line, read again, gives the same key and data;
what does not (damage, a newer release, bytes that are nobody's) is kept in base64 instead.
"""

from __future__ import annotations

import json
from typing import Any

from ..codec.legible import legible, pack_legible
from ..codec.marks import base64, unbase64
from ..objects.kinds import CACHE, COUNTER, ENTRY, LEADER, LOCK, OBJECT, ONCE, VALUE
from ..stores.base import Record
from ..stores.keys import OTHER, TEXT, UNDER

KINDS = {
    OBJECT: "object",
    COUNTER: "counter",
    VALUE: "value",
    ENTRY: "entry",
    LOCK: "lock",
    ONCE: "once",
    LEADER: "leader",
    CACHE: "cache",
}
_LEADS = {kind: lead for lead, kind in KINDS.items()}
_SHOWN = 200  # characters of a name
_DIGITS = 600  # of a number; Python reads longer ones only if it is told to

Line = dict[str, Any]


def line_of(key: bytes, record: Record) -> Line:
    """A record as a line."""
    about = {"version": record.version, "expires": _shown_expiry(record.expires)}
    return {**_shown_key(key), **_shown_data(record.data, about)}


def record_of(line: Line) -> tuple[bytes, Record]:
    """The key and the record of a line; its transaction id is 0.

    Raises:
        ValueError: it is not the line of a record.
    """
    try:
        version, expires = line["version"], _expiry(line["expires"])
        if type(version) is not int or not 0 < version < 1 << 63:
            raise ValueError(f"{version!r} is no version")
        return _key(line), Record(version, 0, expires, _data(line))
    except (KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise ValueError(f"not the line of a record: {error!r}") from None


def written(line: Line) -> bytes:
    """A line as it stands in the file."""
    return json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def read(text: bytes) -> Line:
    """The line that stands in the file.

    Raises:
        ValueError: it is none.
    """
    try:
        line = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if type(line) is not dict:
        raise ValueError("not a JSON object")
    return line


def name_of(key: bytes) -> str:
    """A key as people know it, whatever it is made of: `stock`, `stock["tea"]`, `stock[42]`."""
    form = _shown_key(key)
    name = key.decode(errors="backslashreplace") if "key" in form else str(form["name"])
    if "entry" in form:
        name += f"[{json.dumps(form['entry'], ensure_ascii=False)}]"
    if len(name) > _SHOWN:
        name = name[: _SHOWN - 1] + "…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)


def _shown_key(key: bytes) -> Line:
    try:
        form = _parted(key)
        if _key(form) == key:
            return form
    except ValueError:
        pass
    return {"key": base64(key)}


def _parted(key: bytes) -> Line:
    name, under, rest = key.partition(UNDER)
    if not under:
        return {"name": name.decode()}
    tag, entry = rest[:1], rest[1:]
    if tag not in (TEXT, OTHER):
        raise ValueError("not a key of this package")
    return {"name": name.decode(), "entry": entry.decode() if tag == TEXT else legible(entry)}


def _key(line: Line) -> bytes:
    if "key" in line:
        return unbase64(line["key"])
    name: bytes = line["name"].encode()
    if "entry" not in line:
        return name
    entry = line["entry"]
    if type(entry) is str:
        return name + UNDER + TEXT + entry.encode()
    return name + UNDER + OTHER + pack_legible(entry)


def _shown_data(data: bytes, about: Line) -> Line:
    kind = KINDS.get(data[:1])
    try:
        form = {"kind": kind, **_parts(kind, data[1:], about)}
        if kind is not None and _data(form) == data:
            return form
    except (ValueError, TypeError):
        pass
    return {"kind": kind or "unknown", **about, "data": base64(data)}


def _parts(kind: str | None, rest: bytes, about: Line) -> Line:
    if kind in ("counter", "lock"):
        if len(rest) > _DIGITS:
            raise ValueError("too long to be written in digits")
        return {**about, "state": int(rest, 16)}
    state = legible(rest)
    if kind == "object":
        tag, version, state = state
        return {"class": tag, "class_version": version, **about, "state": state}
    return {**about, "state": state}


def _data(line: Line) -> bytes:
    if "data" in line:
        return unbase64(line["data"])
    kind, state = line["kind"], line["state"]
    lead = _LEADS[kind]
    if kind in ("counter", "lock"):
        return lead + b"%x" % state
    if kind == "object":
        state = [line["class"], line["class_version"], state]
    return lead + pack_legible(state)


def _shown_expiry(expires: float) -> Any:
    if not expires:
        return None
    return expires if abs(expires) < float("inf") else str(expires)


def _expiry(form: Any) -> float:
    expires = 0.0 if form is None else float(form)
    if expires != expires:
        raise ValueError("an expiry that is no number")
    return expires
