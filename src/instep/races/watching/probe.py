"""The probe: what instrumented code calls, and whom it tells.

Each function is handed a value on its way to a native operation, tells the listener what is about
to happen to it, and hands it back. No operation is made here, so a traceback, a descriptor or a
special method of the program finds everything as it was. The functions live in `builtins` under
names that no source can spell, so that the program's own namespaces stay as they were.

What is known of an owner is asked of its type, never of the owner itself: a proxy, a mock or an
object half made must not be woken by being looked at.
"""

from __future__ import annotations

import builtins
import gc
import operator
import os
from _thread import _local
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from instep.races.watching.sites import SITES, TEST, Site

LISTS: Final = (
    *(dict, list, set, deque, array, bytearray, memoryview),
    *(UserDict, UserList, ChainMap, type(os.environ), WeakKeyDictionary, WeakValueDictionary),
)
"""Containers of the standard library; one of a library of its own may well have its own lock."""
VIEWS: Final = frozenset({type({}.keys()), type({}.values()), type({}.items())})
EXACT: Final = frozenset(LISTS)
PLAIN_KEYS: Final = frozenset({str, int, bytes, bool, float, type(None)})


class _Whole:
    def __repr__(self) -> str:
        return "[]"


WHOLE: Final = _Whole()
"""The key of an access to the whole of a container: its length, its order, an unknown item."""


class Listener:
    """Who is told. The methods of this base class do nothing but what the program asked for."""

    steps = False
    """Whether each turn of a loop over a container is told, not its start alone."""

    def access(self, kind: str, owner: object, key: object, site: Site) -> None:
        """Something is about to be touched.

        Args:
            kind: `read`, `write`, `update` (both in one step), `iterate` or `test`.
            owner: the object; for a global its module's `__dict__`; a proxy's object.
            key: the attribute's or global's name; of an item its key, or `WHOLE`.
            site: where, and what the source says.
        """

    def acquire(
        self, lock: Any, blocking: bool, timeout: float, site: Site, native: Callable[[], Any]
    ) -> Any:
        """A lock is asked for; what this returns is what the program gets.

        Args:
            lock: anything that has `acquire` and `release`, whenever it was made.
            blocking: whether to wait.
            timeout: seconds; -1 for ever.
            site: where.
            native: does it and returns what the program would have got.
        """
        return native()

    def release(self, lock: Any, site: Site, native: Callable[[], Any]) -> Any:
        """A lock is given back; as for `acquire`."""
        return native()

    @contextmanager
    def request(self, name: str) -> Iterator[None]:
        """What runs inside belongs to one request."""
        yield


_listener: Listener | None = None


def listen(listener: Listener | None) -> Listener | None:
    """Make somebody the one who is told; returns who was until now."""
    global _listener
    before, _listener = _listener, listener
    return before


def listening() -> Listener | None:
    """Who is told."""
    return _listener


_foreign: dict[type, str] = {}
_containers: dict[type, bool] = {}


def _treatment(cls: type) -> str:
    """How an owner of that type is told: plain, module, proxy, or not at all."""
    if issubclass(cls, ModuleType):
        return "module"
    if issubclass(cls, _local):
        return "not"  # each thread has its own
    return "proxy" if has(cls, "_get_current_object") else "plain"


def has(cls: type, name: str) -> bool:
    """Whether objects of a class have a method; a metaclass may make up any name if asked."""
    return any(name in base.__dict__ for base in cls.__mro__)


def subject(owner: Any) -> Any:
    """The object itself behind a proxy; a module's `__dict__`; None if it is nobody's business."""
    cls = type(owner)
    how = _foreign.get(cls)
    if how is None:
        how = _foreign[cls] = _treatment(cls)
    if how == "plain":
        return owner
    if how == "module":
        return owner.__dict__
    if how == "proxy":
        try:
            return subject(object.__getattribute__(owner, "_get_current_object")())
        except (RuntimeError, LookupError, AttributeError):
            return None  # outside of its context: the program is about to hear of it
    return None


def _is_container(cls: type) -> bool:
    known = _containers.get(cls)
    if known is None:
        known = _containers[cls] = issubclass(cls, LISTS) or has(cls, "_get_current_object")
    return known


def attribute(owner: Any, number: int) -> Any:
    """An attribute is about to be read, bound or deleted."""
    if _listener is not None:
        _attribute(_listener, owner, number)
    return owner


def _attribute(listener: Listener, owner: Any, number: int) -> None:
    site = SITES[number]
    key = site.key
    module = issubclass(type(owner), ModuleType)
    owner = subject(owner)
    if owner is None:
        return
    cls = owner if issubclass(type(owner), type) else type(owner)
    for base in () if module else cls.__mro__:
        if key in base.__dict__:
            member = base.__dict__[key]
            if hasattr(type(member), "__set__"):
                if type(member).__name__ != "member_descriptor":
                    return  # a property's body tells by itself; a library's field is its affair
            elif site.kind in ("read", TEST) and key not in own(owner):
                owner = base
            break
    listener.access(site.kind, owner, key, site)


def own(owner: Any) -> Any:
    """The attributes of the object itself."""
    if issubclass(type(owner), type):
        return owner.__dict__
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return ()


def global_(number: int) -> None:
    """A global is about to be read, bound or deleted."""
    if _listener is not None:
        site = SITES[number]
        _listener.access(site.kind, site.namespace, site.key, site)


def value(given: Any, number: int) -> Any:
    """This value is about to be bound to a global."""
    if _listener is not None:
        site = SITES[number]
        _listener.access(site.kind, site.namespace, site.key, site)
    return given


def cell(closure: Any, number: int) -> None:
    """A variable of a function around is about to be touched; the closure leads to its cell."""
    if _listener is not None:
        site = SITES[number]
        _listener.access(site.kind, closure.__closure__[0], site.key, site)


def cell_value(given: Any, closure: Any, number: int) -> Any:
    """This value is about to be bound to such a variable."""
    cell(closure, number)
    return given


def augmented(given: Any, owner: Any, number: int) -> Any:
    """This value is about to be added (or so) to an attribute that was read."""
    if _listener is not None:
        _attribute(_listener, owner, number)
    return given


def item(owner: Any, key: Any, number: int) -> Any:
    """An item of a container, if it is one, is about to be touched."""
    if _listener is not None and _is_container(type(owner)):
        _item(_listener, owner, key, number)
    return owner


def whole(owner: Any, number: int) -> Any:
    """A container, if it is one, is about to be looked at or changed as a whole."""
    if _listener is not None and _is_container(type(owner)):
        _item(_listener, owner, WHOLE, number)
    return owner


def _item(listener: Listener, owner: Any, key: Any, number: int) -> None:
    site = SITES[number]
    if type(owner) not in EXACT:
        owner = subject(owner)
        if owner is None or not issubclass(type(owner), LISTS):
            return
    if type(key) not in PLAIN_KEYS:
        key = WHOLE  # its __hash__ and __eq__ may be the program's
    listener.access(site.kind, owner, key, site)


def key(given: Any, owner: Any, number: int) -> Any:
    """As `item`, where the key comes after the owner."""
    item(owner, given, number)
    return given


def last(given: Any, owner: Any, number: int) -> Any:
    """The last argument of a container's method, which comes just before the call."""
    whole(owner, number)
    return given


def augmented_item(given: Any, owner: Any, key: Any, number: int) -> Any:
    """As `augmented`, for an item."""
    item(owner, key, number)
    return given


def pair(owner: Any, key: Any, number: int) -> tuple[Any, Any]:
    """Both operands of a native operation."""
    item(owner, key, number)
    return owner, key


def swapped(key: Any, owner: Any, number: int) -> tuple[Any, Any]:
    """Both operands of `key in owner`, which come in this order."""
    item(owner, key, number)
    return owner, key


def iterated(owner: Any, number: int) -> None:
    """Another turn of a loop over a container is about to begin."""
    if _listener is not None and _listener.steps and _is_container(type(owner)):
        _item(_listener, owner, WHOLE, number)


def stepped(iterable: Any, number: int) -> Any:
    """A container that a comprehension runs over, so that each further turn is told, too."""
    if _listener is None or not _listener.steps:
        return iterable
    owner = gc.get_referents(iterable)[0] if type(iterable) in VIEWS else iterable
    return _turns(iterable, owner, number) if _is_container(type(owner)) else iterable


def _turns(iterable: Any, owner: Any, number: int) -> Iterator[Any]:
    for value in iterable:
        yield value
        iterated(owner, number)


def hidden(word: str) -> str:
    """The name of one of them in `builtins`: with the underscores that ask to be left alone."""
    return f"__@instep.{word}__"


def install() -> None:
    """Put the functions where instrumented code finds them."""
    from instep.races.watching import locks

    names = "attribute global_ value cell cell_value augmented item whole key last"
    for name in f"{names} augmented_item pair swapped iterated stepped".split():
        setattr(builtins, hidden(name), globals()[name])
    setattr(builtins, hidden("entered"), locks.entered)
    setattr(builtins, hidden("called"), locks.called)
    setattr(builtins, hidden("getitem"), operator.getitem)
    setattr(builtins, hidden("contains"), operator.contains)


def forget() -> None:
    """Drop what is remembered of types, which keeps them alive."""
    _foreign.clear()
    _containers.clear()
