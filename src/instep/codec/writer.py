"""Values to bytes, losslessly or not at all.

How it stays right: the packer is told to hand over whatever it would otherwise write as something
else (subclasses, tuples, dates, enum members, big integers), and each such value is written by the
entry of its exact type. Two things it never hands over are looked for here: mappings whose keys are
not all plain str make it fail, and byte buffers, which it would write as bytes, leave a marker that
`concealed` checks. Both are then replaced (`_lowered`) before the packer sees them.
"""

from itertools import chain
from typing import TYPE_CHECKING, Any

import ormsgpack

from .depth import EXTENSIONS, MEASURED, too_deep
from .hints import declarable
from .values import BYTEARRAY, NESTING, OBJECT, VALUES, Refused

if TYPE_CHECKING:
    from .shape import Extra, Shape

OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)

_FLAT = frozenset({type(None), bool, int, float, str, bytes})
_BUFFERS = frozenset({bytearray, memoryview})
_STR = {str}


def concealed(packed: bytes, value: object) -> bool:
    """Tell whether a byte buffer may have been written as bytes: 0xc4-0xc6 mark binary data."""
    return (0xC4 in packed or 0xC5 in packed or 0xC6 in packed) and _has_buffer(value)


def _has_buffer(value: object) -> bool:
    # Level by level, so that the loops over the values are the interpreter's own, not ours: the
    # markers are common in floats, and then this is most of what writing a large state costs.
    level: list[Any] = [value]
    while level:
        kinds = set(map(type, level))
        if not kinds.isdisjoint(_BUFFERS):
            return True
        maps = [item for item in level if type(item) is dict] if dict in kinds else []
        lists = [item for item in level if type(item) is list] if list in kinds else []
        level = [*chain.from_iterable(map(dict.values, maps)), *chain.from_iterable(lists)]
    return False


class Writer:
    """One act of writing: how deep it is, and what went wrong in it first.

    The packer swallows what a callback raises, so the first error is kept here.
    """

    __slots__ = ("_careful", "_depth", "_error", "extras", "shapes")

    def __init__(
        self,
        shapes: "dict[type, Shape[Any]]",
        extras: "dict[int, tuple[object, Extra]] | None" = None,
    ) -> None:
        self.shapes = shapes
        self.extras = extras
        self._depth = 0
        self._error: BaseException | None = None
        self._careful = False

    def pack(self, value: object) -> bytes:
        """Return the bytes of a value.

        Raises:
            Refused: it, or something in it, cannot be stored.
        """
        if not self._careful:
            try:
                packed = ormsgpack.packb(value, self._default, OPTIONS)
            except TypeError:
                if self._error is not None:
                    raise self._error from None
            else:
                if not concealed(packed, value):
                    return packed
            # From here on in this act: trying the quick way again at every level of a deep state
            # would double the work each time.
            self._careful = True
        return self._pack_lowered(value)

    def _pack_lowered(self, value: object) -> bytes:
        try:
            lowered = self._lowered(value)
        except RecursionError:
            raise Refused("which is nested too deeply, or contains itself") from None
        try:
            return ormsgpack.packb(lowered, self._default, OPTIONS)
        except TypeError as error:
            if self._error is not None:
                raise self._error from None
            raise Refused(_reason(error)) from None

    def _lowered(self, value: Any) -> Any:
        kind = type(value)
        if kind is list:
            if set(map(type, value)) <= _FLAT:
                return value
            return [self._lowered(item) for item in value]
        if kind is dict:
            if not set(map(type, value)) <= _STR:
                return self._extension(value)
            if set(map(type, value.values())) <= _FLAT:
                return value
            return {key: self._lowered(item) for key, item in value.items()}
        if kind is bytearray:
            return ormsgpack.Ext(BYTEARRAY, bytes(value))
        if kind in _BUFFERS:
            raise Refused("which cannot be stored: copy it into bytes")
        return value

    def _default(self, value: object) -> ormsgpack.Ext:
        try:
            return self._extension(value)
        except BaseException as error:
            if self._error is None:
                self._error = error
            raise

    def _extension(self, value: object) -> ormsgpack.Ext:
        self._depth += 1
        try:
            if self._depth > EXTENSIONS:
                raise Refused("which is nested too deeply, or contains itself")
            code, packed = self._written(value)
            if self._depth == MEASURED and code in NESTING and too_deep(packed):
                raise Refused("which is nested too deeply")
            return ormsgpack.Ext(code, packed)
        except RecursionError:
            raise Refused("which is nested too deeply, or contains itself") from None
        finally:
            self._depth -= 1

    def _written(self, value: object) -> tuple[int, bytes]:
        entry = VALUES.get(type(value))
        if entry is not None:
            return entry.code, entry.write(value, self.pack)
        shape = self.shapes.get(type(value))
        if shape is not None:
            return OBJECT, shape.write(value, self)
        raise Refused(_unknown(type(value)))


def _reason(error: TypeError) -> str:
    if "surrogates" in str(error):
        return "which has a lone surrogate in it: it is no text, keep it as bytes"
    if "Recursion" in str(error):
        return "which is nested too deeply, or contains itself"
    return f"which cannot be stored ({error})"


def _unknown(kind: type) -> str:
    refusal: str | None = getattr(kind, "__instep_refusal__", None)
    if refusal is not None:
        return refusal
    if declarable(kind):
        return (
            f"a class that the space does not know: call space.declare({kind.__name__}) if it is "
            "yours, or keep plain values of it"
        )
    return (
        "which cannot be stored: keep plain values of it, or, with connections, locks and the "
        "like, a resource"
    )
