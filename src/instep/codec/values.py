"""Built-in values that msgpack has no word for, each under an extension code of its own.

How it stays right: a value is looked up by its exact type, so a subclass can never pass for its
base. Codes are part of the format: a code, once given, keeps its meaning for good.
"""

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID, SafeUUID
from zoneinfo import ZoneInfo

from ormsgpack import Fragment, packb, unpackb

Pack = Callable[[object], bytes]
Unpack = Callable[[bytes], Any]

OBJECT = 0  # an instance of a declared class; everything else is in VALUES
BYTEARRAY = 4

FACTORIES: dict[object, str] = {
    kind: kind.__name__ for kind in (list, dict, set, tuple, int, float, str, bytes, bool)
}
FACTORY_NAMED = {name: kind for kind, name in FACTORIES.items()}


class Refused(Exception):
    """A value that cannot be stored, without its path: it completes "x is of type T, …"."""


class Value(NamedTuple):
    """How one built-in type is written and read.

    Args:
        code: its extension code.
        write: makes the payload from the value and a function that packs what is inside it.
        read: makes the value from the payload and a function that unpacks what is inside it.
        nests: whether the payload is msgpack and so may nest further.
    """

    code: int
    write: Callable[[Any, Pack], bytes]
    read: Callable[[bytes, Unpack], Any]
    nests: bool = False


def _sorted_items(items: Iterable[object], pack: Pack) -> bytes:
    # A set has no order of its own and hashing has another one in every process, but equal states
    # must give equal bytes: so the packed items are sorted.
    return packb([Fragment(item) for item in sorted(map(pack, items))])


def write_items(value: dict[Any, Any], pack: Pack) -> bytes:
    """Write a mapping of any keys as its keys, then its values, in its own order."""
    if getattr(value, "__dict__", None):
        raise Refused("which carries attributes of its own: declare a subclass for them")
    return pack([list(value), list(value.values())])


def _read_items(data: bytes, unpack: Unpack) -> dict[Any, Any]:
    keys, values = unpack(data)
    return dict(zip(keys, values, strict=True))


def _write_defaultdict(value: defaultdict[Any, Any], pack: Pack) -> bytes:
    factory = value.default_factory
    name = None if factory is None else _factory_name(factory)
    return pack([name, list(value), list(value.values())])


def _factory_name(factory: object) -> str:
    name = next((name for kind, name in FACTORIES.items() if kind is factory), None)
    if name is None:
        raise Refused("whose factory is not a built-in type such as list, dict, set or int")
    return name


def _read_defaultdict(data: bytes, unpack: Unpack) -> defaultdict[Any, Any]:
    name, keys, values = unpack(data)
    factory: Any = None if name is None else FACTORY_NAMED[name]
    return defaultdict(factory, zip(keys, values, strict=True))


def _read_deque(data: bytes, unpack: Unpack) -> deque[Any]:
    maxlen, items = unpack(data)
    return deque(items, maxlen)


def _write_int(value: int, pack: Pack) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)


def _write_decimal(value: Decimal, pack: Pack) -> bytes:
    return str(value).upper().encode()  # whether it says E or e hangs on the thread's context


def _write_uuid(value: UUID, pack: Pack) -> bytes:
    safe = value.is_safe.value
    return value.bytes + (b"" if safe is None else struct.pack("b", safe))


def _read_uuid(data: bytes, unpack: Unpack) -> UUID:
    safe = SafeUUID(struct.unpack("b", data[16:])[0]) if len(data) > 16 else SafeUUID.unknown
    return UUID(bytes=data[:16], is_safe=safe)


def _zone(zone: object) -> Any:
    """Return what is needed to make a time zone again, refusing those that have no name."""
    if zone is None:
        return None
    if type(zone) is timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset // timedelta(microseconds=1), *name]
    if type(zone) is ZoneInfo and zone.key is not None:
        ZoneInfo(zone.key)  # what cannot be found here, nobody can read
        return zone.key
    raise Refused("whose time zone is neither a timezone nor a ZoneInfo with a key")


def _read_zone(zone: Any) -> timezone | ZoneInfo | None:
    if zone is None:
        return None
    if isinstance(zone, str):
        return ZoneInfo(zone)
    microseconds, *name = zone
    return timezone(timedelta(microseconds=microseconds), *name)


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Refused("which has a lone surrogate in it: keep it as bytes") from None


def _write_datetime(value: datetime, pack: Pack) -> bytes:
    day = [value.year, value.month, value.day]
    return packb([*day, *_clock(value)])


def _clock(value: datetime | time) -> list[Any]:
    parts = [value.hour, value.minute, value.second, value.microsecond]
    return [*parts, value.fold, _zone(value.tzinfo)]


def _read_datetime(data: bytes, unpack: Unpack) -> datetime:
    *day, hour, minute, second, microsecond, fold, zone = unpackb(data)
    clock = time(hour, minute, second, microsecond, _read_zone(zone), fold=fold)
    return datetime.combine(date(*day), clock)


def _read_time(data: bytes, unpack: Unpack) -> time:
    hour, minute, second, microsecond, fold, zone = unpackb(data)
    return time(hour, minute, second, microsecond, _read_zone(zone), fold=fold)


VALUES: dict[type, Value] = {
    tuple: Value(1, lambda v, pack: pack(list(v)), lambda d, unpack: tuple(unpack(d)), True),
    set: Value(2, _sorted_items, lambda d, unpack: set(unpack(d)), True),
    frozenset: Value(3, _sorted_items, lambda d, unpack: frozenset(unpack(d)), True),
    bytearray: Value(BYTEARRAY, lambda v, pack: bytes(v), lambda d, unpack: bytearray(d)),
    int: Value(5, _write_int, lambda d, unpack: int.from_bytes(d, "little", signed=True)),
    complex: Value(
        6,
        lambda v, pack: struct.pack(">dd", v.real, v.imag),
        lambda d, unpack: complex(*struct.unpack(">dd", d)),
    ),
    datetime: Value(7, _write_datetime, _read_datetime),
    date: Value(
        8,
        lambda v, pack: packb([v.year, v.month, v.day]),
        lambda d, unpack: date(*unpackb(d)),
    ),
    time: Value(9, lambda v, pack: packb(_clock(v)), _read_time),
    timedelta: Value(
        10,
        lambda v, pack: packb([v.days, v.seconds, v.microseconds]),
        lambda d, unpack: timedelta(*unpackb(d)),
    ),
    timezone: Value(11, lambda v, pack: packb(_zone(v)), lambda d, unpack: _read_zone(unpackb(d))),
    ZoneInfo: Value(12, lambda v, pack: packb(_zone(v)), lambda d, unpack: _read_zone(unpackb(d))),
    Decimal: Value(13, _write_decimal, lambda d, unpack: Decimal(d.decode())),
    Fraction: Value(
        14,
        lambda v, pack: pack([v.numerator, v.denominator]),
        lambda d, unpack: Fraction(*unpack(d)),
        True,
    ),
    UUID: Value(15, _write_uuid, _read_uuid),
    PosixPath: Value(16, lambda v, pack: _text(str(v)), lambda d, unpack: PosixPath(d.decode())),
    PurePosixPath: Value(
        17, lambda v, pack: _text(str(v)), lambda d, unpack: PurePosixPath(d.decode())
    ),
    dict: Value(18, write_items, _read_items, True),  # with keys that are not all plain str
    OrderedDict: Value(
        19, write_items, lambda d, unpack: OrderedDict(_read_items(d, unpack)), True
    ),
    Counter: Value(20, write_items, lambda d, unpack: Counter(_read_items(d, unpack)), True),
    defaultdict: Value(21, _write_defaultdict, _read_defaultdict, True),
    deque: Value(22, lambda v, pack: pack([v.maxlen, list(v)]), _read_deque, True),
}

READERS = {value.code: value.read for value in VALUES.values()}
NESTING = {value.code for value in VALUES.values() if value.nests} | {OBJECT}
