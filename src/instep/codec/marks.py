"""How JSON says what it has no word for: each extension as an object of one key, `{"$tuple": …}`.

The table goes by what `values` writes under each code, and never by the program's classes.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple
from uuid import UUID

from .values import OBJECT

Show = Callable[[bytes], Any]
Pack = Callable[[Any], bytes]

_DIGITS = 600  # of a whole number; Python reads longer ones only if it is told to
_MICROSECOND = timedelta(microseconds=1)
_ZONED = re.compile(r"([^\[]*)(?:\[([^\[\]=]+)\])?(\[_fold=1\])?")


class Mark(NamedTuple):
    """How one extension is shown and packed again.

    Args:
        name: its mark.
        show: makes JSON from the payload and a function that shows what is packed inside it.
        pack: makes the payload from the JSON and a function that packs what is inside it.
        leaf: whether nothing of any depth is inside.
    """

    name: str
    show: Callable[[bytes, Show], Any]
    pack: Callable[[Any, Pack], bytes]
    leaf: bool = False


def base64(data: bytes) -> str:
    """Bytes as text."""
    return b64encode(data).decode()


def unbase64(text: str) -> bytes:
    """What `base64` was given."""
    return b64decode(text, validate=True)


def _inside(name: str) -> Mark:
    """A payload that is packed itself: shown as it is."""
    return Mark(name, lambda data, show: show(data), lambda form, pack: pack(form))


def _text(name: str) -> Mark:
    return Mark(name, lambda data, show: data.decode(), lambda form, pack: form.encode(), True)


def _pairs(name: str) -> Mark:
    """Keys, then values: shown as pairs."""
    return Mark(
        name,
        lambda data, show: [list(pair) for pair in zip(*show(data), strict=True)],
        lambda form, pack: pack([[key for key, _ in form], [value for _, value in form]]),
    )


def _show_default(data: bytes, show: Show) -> Any:
    factory, keys, values = show(data)
    return [factory, [list(pair) for pair in zip(keys, values, strict=True)]]


def _pack_default(form: Any, pack: Pack) -> bytes:
    factory, pairs = form
    return pack([factory, [key for key, _ in pairs], [value for _, value in pairs]])


def _show_object(data: bytes, show: Show) -> Any:
    tag, version, state = show(data)
    return {"class": tag, "version": version, "state": state}


def _pack_object(form: Any, pack: Pack) -> bytes:
    return pack([form["class"], form["version"], form["state"]])


def _show_int(data: bytes, show: Show) -> str:
    number = int.from_bytes(data, "little", signed=True)
    if len(data) > _DIGITS // 3:
        raise ValueError("too long to be written in digits")
    return str(number)


def _pack_int(form: Any, pack: Pack) -> bytes:
    number = int(form)
    return number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)


def _show_datetime(data: bytes, show: Show) -> str:
    *parts, fold, zone = show(data)
    return datetime(*parts).replace(tzinfo=_offset(zone)).isoformat() + _suffix(fold, zone)


def _pack_datetime(form: Any, pack: Pack) -> bytes:
    text, rest = _parted(form)
    value = datetime.fromisoformat(text)
    return pack([value.year, value.month, value.day, *_clock(value, *rest)])


def _show_time(data: bytes, show: Show) -> str:
    *parts, fold, zone = show(data)
    return time(*parts).replace(tzinfo=_offset(zone)).isoformat() + _suffix(fold, zone)


def _pack_time(form: Any, pack: Pack) -> bytes:
    text, rest = _parted(form)
    return pack(_clock(time.fromisoformat(text), *rest))


def _offset(zone: Any) -> timezone | None:
    if zone is None or isinstance(zone, str):
        return None  # a zone with a name says by itself what its offset is
    [microseconds] = zone
    return timezone(microseconds * _MICROSECOND)


def _suffix(fold: int, zone: Any) -> str:
    # As RFC 9557 has it: 2026-01-31T12:00:00[Europe/Berlin], and a private key for the fold.
    return (f"[{zone}]" if isinstance(zone, str) else "") + ("[_fold=1]" if fold else "")


def _parted(form: str) -> tuple[str, tuple[str | None, bool]]:
    found = _ZONED.fullmatch(form)
    if found is None:
        raise ValueError(f"{form!r} is not a time")
    return found[1], (found[2], bool(found[3]))


def _clock(value: datetime | time, zone: str | None, fold: bool) -> list[Any]:
    offset = value.utcoffset()
    where = zone if offset is None else [offset // _MICROSECOND]
    return [value.hour, value.minute, value.second, value.microsecond, int(fold), where]


MARKS: dict[int, Mark] = {
    OBJECT: Mark("object", _show_object, _pack_object),
    1: _inside("tuple"),
    2: _inside("set"),
    3: _inside("frozenset"),
    4: Mark("bytearray", lambda d, show: base64(d), lambda form, pack: unbase64(form), True),
    5: Mark("int", _show_int, _pack_int, True),
    6: Mark(
        "complex",
        lambda data, show: list(map(str, struct.unpack(">dd", data))),
        lambda form, pack: struct.pack(">dd", *map(float, form)),
        True,
    ),
    7: Mark("datetime", _show_datetime, _pack_datetime, True),
    8: Mark(
        "date",
        lambda data, show: date(*show(data)).isoformat(),
        lambda form, pack: pack(list(date.fromisoformat(form).timetuple()[:3])),
        True,
    ),
    9: Mark("time", _show_time, _pack_time, True),
    10: _inside("timedelta"),
    11: _inside("timezone"),
    12: _inside("zoneinfo"),
    13: _text("decimal"),
    14: _inside("fraction"),
    15: Mark(
        "uuid",
        lambda data, show: str(UUID(bytes=data)),
        lambda form, pack: UUID(form).bytes,
        True,
    ),
    16: _text("path"),
    17: _text("purepath"),
    18: _pairs("dict"),
    19: _pairs("ordereddict"),
    20: _pairs("counter"),
    21: Mark("defaultdict", _show_default, _pack_default),
    22: _inside("deque"),
}

CODES = {f"${mark.name}": code for code, mark in MARKS.items()}
