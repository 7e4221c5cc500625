"""How one class is kept: its tag, its version, and the plan of how its state comes and goes.

A record is the msgpack array `[tag, version, state]`. How it stays right: a record starts with the
very bytes that this class would write at this version, or it goes the long way, where everything is
looked at: another class, an older or newer version, attributes that came or went.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ormsgpack import packb, unpackb

from ..errors import Misuse
from .attributes import Attributes
from .forms import form
from .reader import Reader
from .refusal import explain
from .values import Refused
from .writer import OPTIONS, Writer, concealed

if TYPE_CHECKING:
    from .registry import Codec

T = TypeVar("T")
_new = object.__new__
_NOTHING = (None, None)


@dataclass(slots=True)
class Extra:
    """What is unusual about an instance that was read: pass it back when the instance is written.

    Args:
        version: the version stored in the record.
        newer: whether it, or something in it, was written by a newer version of its class: it may
            be read, but not written.
        unknown: attributes that the class has no place for; they are written back.
        evolved: whether it was migrated or given defaults, so that it is written with other bytes
            than it was read from although nobody changed it.
        nested: the same for what is inside it, by id, next to the instance that keeps the id taken.
    """

    version: int
    newer: bool = False
    unknown: dict[str, object] = field(default_factory=dict)
    evolved: bool = False
    nested: "dict[int, tuple[object, Extra]]" = field(default_factory=dict, repr=False)


class Shape(Generic[T]):
    """How instances of one class become bytes and come back. Made by `Codec.shape`."""

    __slots__ = (
        "_bare",
        "_codec",
        "_form",
        "_head",
        "_lead",
        "_led",
        "_plain",
        "_set_dict",
        "_wanted",
        "cls",
        "tag",
        "version",
    )

    def __init__(self, codec: "Codec", cls: type[T]) -> None:
        self.cls = cls
        self.tag = tag_of(cls)
        self.version = _version_of(cls)
        self._codec = codec
        self._form = form(cls)
        self._head = self._head_of(self.version)
        self._lead = codec.lead
        self._led = self._lead + self._head
        # Whether instances are all in their __dict__, and whether all of them so far were made of
        # what msgpack has words for, so that it pays to try without a writer or reader.
        self._plain = isinstance(self._form, Attributes) and self._form.plain
        self._bare = self._plain
        self._set_dict: Any = self._form.set_dict if isinstance(self._form, Attributes) else None
        self._wanted = self._form.wanted if isinstance(self._form, Attributes) else frozenset()

    def dump(self, instance: T, extra: Extra | None, where: str) -> bytes:
        """Return the record of an instance.

        Args:
            instance: of this very class.
            extra: what `load` returned next to it.
            where: what to call it in an error.

        Raises:
            Misuse: something in it cannot be stored; the message has its path.
        """
        if extra is None and self._bare:
            state = instance.__dict__
            try:
                packed = packb(state, None, OPTIONS)
            except TypeError:
                self._bare = False
            else:
                if not concealed(packed, state):
                    return self._led + packed
        extras = None if extra is None else {id(instance): (instance, extra), **extra.nested}
        try:
            return self._lead + self.write(instance, Writer(self._codec.shapes, extras))
        except Refused as refusal:
            raise Misuse(explain(self._codec.shapes, instance, where, refusal)) from None

    def load(self, data: bytes, where: str = "the record") -> tuple[T, Extra | None]:
        """Return the instance that a record holds, made without its constructor.

        Args:
            data: what `dump` returned.
            where: what to call it in an error.

        Raises:
            Misuse: the record holds an instance of another class.
            StoreError: the record is corrupt, or holds what is not declared.
        """
        if self._bare and data.startswith(self._led):
            try:
                state = unpackb(data[len(self._led) :])
            except ValueError:
                self._bare = False
            else:
                if type(state) is dict and (not self._wanted or self._wanted <= state.keys()):
                    instance = _new(self.cls)
                    self._set_dict(instance, state)
                    return instance, None
        return self._load(data, where, None)

    def restore(self, instance: T, data: bytes, where: str = "the record") -> Extra | None:
        """Make this very instance equal to what a record holds.

        Args:
            instance: of this very class; what it holds now is dropped.
            data: what `dump` returned.
            where: what to call it in an error.

        Raises:
            Misuse: the record holds an instance of another class.
            StoreError: the record is corrupt, or holds what is not declared.
        """
        return self._load(data, where, instance)[1]

    def write(self, instance: T, writer: Writer) -> bytes:
        """Return the record of an instance as part of one act of writing."""
        state = instance.__dict__ if self._plain else self._form.capture(instance)
        _, extra = writer.extras.get(id(instance), _NOTHING) if writer.extras else _NOTHING
        if extra is None:
            return self._head + writer.pack(state)
        unknown = extra.unknown
        if unknown:
            state = self._form.changed(
                state, lambda known: dict(sorted({**known, **unknown}.items()))
            )
        return self._head_of(max(extra.version, self.version)) + writer.pack(state)

    def attributes(self, instance: T) -> Any:
        """Return the attributes of an instance, or what its own `__getstate__` makes of them."""
        found: list[Any] = []
        self._form.changed(self._form.capture(instance), found.append)
        return found[0] if found else {}

    def build(self, reader: Reader, version: int, state: Any, instance: Any = None) -> Any:
        """Return the instance that a state makes, as part of one act of reading."""
        usual = version == self.version and self._plain and instance is None
        if usual and type(state) is dict and self._wanted <= state.keys():
            instance = _new(self.cls)
            self._set_dict(instance, state)
            return instance
        return self._build(reader, version, state, instance)

    def _build(self, reader: Reader, version: int, state: Any, instance: Any) -> Any:
        if version < self.version:
            reader.evolved = True
            migrate = getattr(self.cls, "__migrate__", None)
            if migrate is not None:
                state = self._form.changed(state, lambda old: self._migrated(migrate, old, version))
        if self._form.lacks(state):
            reader.evolved = True
        if instance is None:
            instance = self._form.create(state)
        else:
            self._form.clear(instance)
        unknown = self._form.fill(instance, state)
        if unknown or version > self.version:
            extra = Extra(version, version > self.version, unknown)
            reader.extras[id(instance)] = (instance, extra)
        return instance

    def _load(self, data: bytes, where: str, instance: Any) -> tuple[T, Extra | None]:
        reader = Reader(self._codec)
        tag, version, state = reader.record(data.removeprefix(self._lead))
        if tag != self.tag:
            raise Misuse(
                f"{where} is of class {tag} in the store, but the program declares {self.tag}: use "
                f'another name, or, if the class was renamed, set __instep_name__ = "{tag}" in it'
            )
        instance = self.build(reader, version, state, instance)
        if not reader.extras and not reader.evolved:
            return instance, None
        _, extra = reader.extras.pop(id(instance), (None, Extra(version)))
        extra.nested = reader.extras
        extra.newer = extra.newer or any(inner.newer for _, inner in extra.nested.values())
        extra.evolved = reader.evolved
        return instance, extra

    def _migrated(self, migrate: Callable[[Any, int], Any], state: Any, version: int) -> Any:
        try:
            new = migrate(state, version)
        except Exception as error:
            error.add_note(
                f"instep: while {self.tag}.__migrate__ brought a state from version {version} to "
                f"{self.version}; the record is unchanged"
            )
            raise
        if type(state) is dict and type(new) is not dict:
            raise Misuse(
                f"{self.tag}.__migrate__ returned {type(new).__name__}: it must return the state, "
                "a dict of attributes"
            )
        return new

    def _head_of(self, version: int) -> bytes:
        return packb([self.tag, version, None])[:-1]


def tag_of(cls: type) -> str:
    """Return the name under which a class is known in the store.

    Without its module: `python app.py` calls the module `__main__`, `flask run` calls it `app`,
    and both must find the same state.
    """
    tag = cls.__dict__.get("__instep_name__", cls.__qualname__)
    if not isinstance(tag, str) or not tag:
        raise Misuse(f"{cls.__qualname__}.__instep_name__ is {tag!r}: it must be a text")
    return str(tag)


def _version_of(cls: type) -> int:
    version = getattr(cls, "__version__", 0)
    if type(version) is not int or not 0 <= version < 1 << 63:
        raise Misuse(
            f"{cls.__qualname__}.__version__ is {version!r}: it must be an integer from 0 upwards"
        )
    return version
