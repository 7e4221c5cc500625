"""Proxies: what `share` returns, with the methods of the class and nothing of its state."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from ..errors import Misuse
from ..transaction import call
from .names import Named

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_READONLY = "__instep_readonly__"

# Made by Python for the class itself, or the proxy's own.
_OWN = frozenset(
    (
        "__class__ __class_getitem__ __del__ __delattr__ __dict__ __dir__ __doc__ __format__ "
        "__getattr__ __getattribute__ __getstate__ __init__ __init_subclass__ __instep__ "
        "__migrate__ __module__ __new__ __post_init__ __reduce__ __reduce_ex__ __repr__ "
        "__setattr__ __setstate__ __sizeof__ __slots__ __copy__ __deepcopy__ __replace__ "
        "__subclasshook__ __version__ __weakref__ __annotations__ __annotate__ __annotate_func__ "
        "__annotations_cache__ __static_attributes__ __firstlineno__ __match_args__ "
        "__dataclass_fields__ __dataclass_params__ __attrs_attrs__ __attrs_own_setattr__ "
        "__orig_bases__ __parameters__ __type_params__ __abstractmethods__ _abc_impl __qualname__ "
        "__instep_name__ __instep_refusal__ "
    ).split()
)
# Asked by Python behind the caller's back: they never change anything.
_LOOKS = frozenset(
    (
        "__bool__ __contains__ __eq__ __ge__ __gt__ __hash__ __iter__ __le__ __len__ __lt__ "
        "__ne__ __str__ "
    ).split()
)
_PLAIN = (property, functools.cached_property, MemberDescriptorType, GetSetDescriptorType, type)


def readonly(function: F) -> F:
    """Mark a method that changes nothing: it reads a snapshot, and neither waits nor writes.

    Args:
        function: a method of a class that is given to `share` or `family`.

    Returns:
        The same function.

    Raises:
        Misuse: when it is called and changes the object's state after all.

    Example:
        >>> from instep import Space, readonly
        >>> class Stock:
        ...     def __init__(self) -> None:
        ...         self.left = 3
        ...     @readonly
        ...     def sold_out(self) -> bool:
        ...         return self.left == 0
        >>> Space("memory:").share("stock", Stock).sold_out()
        False
    """
    if not isinstance(function, property):  # which only reads anyway
        setattr(function, _READONLY, True)
    return function


class Proxy(Named):
    """What stands for a shared object; its class also has the methods of the object's class."""

    __slots__ = ("__instep__", "__weakref__")
    __instep__: Any

    def __init__(self, target: Any) -> None:
        object.__setattr__(self, "__instep__", target)

    def __getattr__(self, name: str) -> Any:
        target = self.__instep__
        if name.startswith("__") and name.endswith("__") and not hasattr(target.shape.cls, name):
            raise AttributeError(f"{self!r} has no attribute {name!r}")  # asked by a protocol
        return target.attribute(name)

    def __setattr__(self, name: str, value: object) -> None:
        self.__instep__.assign(
            lambda instance: setattr(instance, name, value), f"assigning .{name}"
        )

    def __delattr__(self, name: str) -> None:
        self.__instep__.assign(lambda instance: delattr(instance, name), f"deleting .{name}")

    def __dir__(self) -> list[str]:
        return dir(self.__instep__.shape.cls)

    def __repr__(self) -> str:
        target = self.__instep__
        return f"<shared {target.shape.cls.__qualname__} {target.name!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and _identity(self) == _identity(other)

    def __hash__(self) -> int:
        return hash(_identity(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise Misuse(f"{self!r} cannot be copied, pickled or stored: pass its name instead")


def _identity(proxy: Proxy) -> tuple[int, bytes]:
    target = proxy.__instep__
    return id(target.space), target.key


_classes: WeakKeyDictionary[type, type] = WeakKeyDictionary()


def proxy_class(cls: type) -> Any:
    """The class of the proxies for a class.

    Raises:
        Misuse: it has methods that cannot be one atomic step.
    """
    found = _classes.get(cls)
    if found is None:
        found = _classes[cls] = type(cls.__name__, (Proxy,), _namespace(cls))
    return found


def _namespace(cls: type) -> dict[str, Any]:
    namespace: dict[str, Any] = {
        "__slots__": (),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
        "__class__": property(lambda _: cls),
    }
    for name, attribute in _members(cls):
        if name not in _OWN and not isinstance(attribute, _PLAIN):
            method = _method(cls, name, attribute)
            if method is not None or name == "__hash__":
                namespace[name] = method
    return namespace


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for base in cls.__mro__[:-1]:
        for name, attribute in vars(base).items():
            if name not in seen:
                seen.add(name)
                yield name, attribute


def _method(cls: type, name: str, attribute: Any) -> Callable[..., Any] | None:
    """What the proxy has in the place of a class's attribute; None: it is read like any other."""
    if isinstance(attribute, staticmethod | classmethod):
        return _forward(cls, name)
    if not _is_method(attribute):
        return None
    function = attribute if isinstance(attribute, FunctionType) else _by_name(name)
    _refuse_lazy(cls, name, attribute)
    if name == "__iter__":
        return _wrap(
            lambda proxy: iter(proxy.__instep__.look(_listed(function), (), {})), attribute
        )
    if getattr(attribute, _READONLY, False) or name in _LOOKS:
        return _wrap(lambda proxy, *a, **k: proxy.__instep__.look(function, a, k), attribute)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        target = self.__instep__
        return call(target.space.opened(), target, function, args, kwargs)

    return _wrap(method, attribute)


def _is_method(attribute: Any) -> bool:
    """Functions and what wraps them; fields with a descriptor of their own are attributes."""
    if isinstance(attribute, functools.partialmethod | functools.singledispatchmethod):
        return True
    kind = type(attribute)
    return callable(attribute) and hasattr(kind, "__get__") and not hasattr(kind, "__set__")


def _wrap(method: Callable[..., Any], attribute: Any) -> Callable[..., Any]:
    with suppress(AttributeError, TypeError):
        functools.update_wrapper(method, attribute)
    return method


def _forward(cls: type, name: str) -> Callable[..., Any]:
    return lambda _, *args, **kwargs: getattr(cls, name)(*args, **kwargs)


def _by_name(name: str) -> Callable[..., Any]:
    """A callable that is no plain function (a partial method, compiled code) is looked up."""

    def function(instance: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(instance, name)(*args, **kwargs)

    function.__qualname__ = name
    return function


def _listed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def listed(instance: Any) -> list[Any]:
        return list(function(instance))

    return listed


def _refuse_lazy(cls: type, name: str, attribute: Any) -> None:
    if inspect.iscoroutinefunction(attribute) or inspect.isasyncgenfunction(attribute):
        kind, remedy = "async", "make it a plain method, and do what waits before or after the call"
    elif inspect.isgeneratorfunction(attribute) and name != "__iter__":
        kind, remedy = "a generator", "return a list, which is complete when the call commits"
    else:
        return
    raise Misuse(
        f"{cls.__qualname__}.{name} is {kind}, and a call of a shared object is one atomic step: "
        f"{remedy}"
    )
