"""Packed values as JSON, and back to the very bytes, without the classes of the program.

What JSON has no word for is an object of one key that begins with `$` (see `marks`); a mapping that
happens to look like one is put into `{"$map": …}`.

How it stays right: whoever shows bytes packs them again and compares (`legible` does). What does
not come back as it was (damage, what another program wrote) is not shown.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from ormsgpack import Ext, packb, unpackb

from .depth import too_deep
from .marks import CODES, MARKS, base64, unbase64

_PACKING = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
_WRONG = (*_PACKING, struct.error)


class _Marked:
    """What is no plain JSON, as JSON."""

    __slots__ = ("form",)

    def __init__(self, mark: str, inner: Any) -> None:
        self.form = {mark: inner}


def legible(packed: bytes) -> Any:
    """The JSON (objects, lists, texts, numbers) of packed bytes.

    Raises:
        ValueError: they cannot be shown so that the very bytes come back.
    """
    if too_deep(packed):
        raise ValueError("nested too deeply to be shown")
    try:
        form = _shown(packed)
    except _WRONG as error:
        raise ValueError(f"cannot be shown: {error}") from None
    if pack_legible(form) != packed:
        raise ValueError("cannot be shown without loss")
    return form


def pack_legible(form: Any) -> bytes:
    """The bytes that `legible` was given.

    Raises:
        ValueError: it is nothing that `legible` gave.
    """
    try:
        return packb(_packable(form))
    except _WRONG as error:
        raise ValueError(f"not the JSON of a packed value: {error}") from None


def _shown(packed: bytes) -> Any:
    return _plain(unpackb(packed, ext_hook=_extension))


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return [_plain(item) for item in value]
    if kind is dict:
        plain = {key: _plain(item) for key, item in value.items()}
        return {"$map": plain} if _looks_marked(plain) else plain
    if kind is _Marked:
        return value.form
    if kind is bytes:
        return {"$bytes": base64(value)}
    if kind is float and not math.isfinite(value):
        return {"$float": _unusual(value)}
    return value


def _unusual(value: float) -> str:
    """Infinity or NaN by its name; a NaN of its own (negative, with a payload) by its bits."""
    name, bits = str(value), struct.pack(">d", value)
    return name if struct.pack(">d", float(name)) == bits else f"0x{bits.hex()}"


def _extension(code: int, payload: bytes) -> _Marked:
    mark = MARKS.get(code)
    if mark is None:
        return _Marked("$ext", [code, base64(payload)])
    if not mark.leaf:
        return _Marked(f"${mark.name}", mark.show(payload, _shown))
    try:
        form = mark.show(payload, unpackb)
        if mark.pack(form, packb) == payload:
            return _Marked(f"${mark.name}", form)
    except _WRONG:
        pass  # a named time zone, a very long number: the bytes then
    return _Marked("$ext", [code, base64(payload)])


def _looks_marked(form: dict[str, Any]) -> bool:
    return len(form) == 1 and next(iter(form)).startswith("$")


def _packable(form: Any) -> Any:
    kind = type(form)
    if kind is list:
        return [_packable(item) for item in form]
    if kind is dict:
        if _looks_marked(form):
            [(mark, inner)] = form.items()
            return _marked(mark, inner)
        return {key: _packable(item) for key, item in form.items()}
    return form


def _marked(mark: str, inner: Any) -> Any:
    if mark == "$map":
        return {key: _packable(item) for key, item in inner.items()}
    if mark == "$bytes":
        return unbase64(inner)
    if mark == "$float":
        return struct.unpack(">d", bytes.fromhex(inner[2:]))[0] if "x" in inner else float(inner)
    if mark == "$ext":
        code, payload = inner
        return Ext(code, unbase64(payload))
    code = CODES[mark]
    return Ext(code, MARKS[code].pack(inner, packb if MARKS[code].leaf else pack_legible))
