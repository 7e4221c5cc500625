"""Functions whose results are kept, and the keys that are made of their arguments.

How it stays right: a key is made of the function's qualified name and of what `repr` or the codec
makes of its arguments, so it is the same in every process and after every restart; Python's `hash`
is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import partial, update_wrapper
from hashlib import blake2b
from types import FunctionType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from ...codec import Codec
from ...errors import Misuse

if TYPE_CHECKING:
    from .cache import Cache

P = ParamSpec("P")
T = TypeVar("T")

_SPOKEN = frozenset((str, int, bool, float, bytes, type(None)))  # `repr` tells one from another
_LONGEST = 200  # characters of arguments that are kept in a key as they are

KeyOf = Callable[..., str]


class Keys:
    """Makes the keys of the functions of one cache.

    Args:
        codec: of the space.
        name: the cache's.
    """

    def __init__(self, codec: Codec, name: str) -> None:
        self._codec = codec
        self._name = name
        self._functions: dict[str, tuple[object, ...]] = {}  # which has a name

    def of(self, fn: Callable[..., Any], key: KeyOf | None) -> KeyOf:
        """What makes the key of a function's arguments.

        Raises:
            Misuse: the function's results cannot be kept, or its name is taken.
        """
        if not inspect.isroutine(fn):
            raise Misuse(f"{self._name!r}: cached() takes a function; this is {fn!r}")
        if inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn):
            raise Misuse(
                f"{self._name!r}: {fn.__qualname__} is async or a generator, whose results come "
                "after the call: cache a plain function that returns what is to be kept"
            )
        if key is not None:
            return key
        self._claim(fn)
        signature = inspect.signature(fn)
        kinds = {parameter.kind for parameter in signature.parameters.values()}
        plain = kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD}
        count = len(signature.parameters) if plain else -1
        return partial(self._key, fn.__qualname__, signature, count)

    def _claim(self, fn: Callable[..., Any]) -> None:
        """Two functions of one name would get each other's results."""
        name, plain = fn.__qualname__, inspect.unwrap(fn)
        if not inspect.isfunction(plain):
            raise Misuse(
                f"{self._name!r}: {name} is bound to an object, or is not Python's, so no key can "
                "be made of its arguments: give it a key="
            )
        code = plain.__code__
        where = code.co_filename, code.co_firstlineno, *_closed_over(plain)
        if "<lambda>" in name or self._functions.setdefault(name, where) != where:
            raise Misuse(
                f"{self._name!r}: the name {name} is not this function's alone, so another one "
                "would get its results: give it a key=, or a cache of its own"
            )

    def _key(
        self, name: str, signature: inspect.Signature, count: int, /, *args: Any, **kwargs: Any
    ) -> str:
        """The key of some arguments: the same whether they are given by position or by name.

        Args:
            name: the function's.
            signature: likewise.
            count: how many arguments it has, if all of them can be given by position; else -1.
            args: what it is called with.
            kwargs: likewise.
        """
        given: Collection[Any] = args
        if kwargs or len(args) != count:  # else the costly part is spared
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments.values()
        if _SPOKEN.issuperset(map(type, given)):
            spoken = ", ".join(map(repr, given))
            if len(spoken) <= _LONGEST:
                return f"{name}({spoken})"
        try:
            packed = self._codec.pack(list(given), "arguments")
        except Misuse as refusal:
            raise Misuse(
                f"{self._name!r}: no key can be made of what {name} was called with: {refusal}; "
                "say what its result hangs on: cached(key=lambda …: …)"
            ) from None
        return f"{name}#{blake2b(packed, digest_size=16).hexdigest()}"


def _closed_over(fn: FunctionType) -> Iterator[object]:
    """What tells functions apart that were made by the same lines: texts, numbers, bytes."""
    for cell in fn.__closure__ or ():
        with suppress(ValueError):  # it is not there yet: the function's own name
            if type(cell.cell_contents) in _SPOKEN:
                yield repr(cell.cell_contents)


class Cached(Generic[P, T]):
    """A function whose results are kept; made by `Cache.cached`.

    Args:
        cache: where.
        fn: the function.
        key: makes the key of its arguments.
        ttl: as for `Cache.set`.
        tags: likewise, or a function of the arguments.
    """

    __wrapped__: Callable[P, T]

    def __init__(
        self,
        cache: Cache,
        fn: Callable[P, T],
        key: KeyOf,
        ttl: float | None,
        tags: Iterable[str] | Callable[P, Iterable[str]],
    ) -> None:
        update_wrapper(self, fn)
        self._cache = cache
        self._fn = fn
        self._ttl = ttl
        self._tags = tags if callable(tags) else tuple(tags)
        self._key = key

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The result for these arguments, from the cache or made now."""
        tags = self._tags(*args, **kwargs) if callable(self._tags) else self._tags
        return self._cache.get_or_create(
            self._key(*args, **kwargs),
            partial(self._fn, *args, **kwargs),
            ttl=self._ttl,
            tags=tags,
        )

    @overload
    def __get__(self, instance: None, owner: type) -> Cached[P, T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Callable[..., T]: ...
    def __get__(self, instance: object, owner: type) -> Any:
        """A method's function, with its instance as the first argument."""
        whole: Callable[..., Any] = self
        return self if instance is None else partial(whole, instance)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key of the result for these arguments."""
        return self._key(*args, **kwargs)

    def delete(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Delete the result for these arguments; whether there was one that was fresh."""
        return self._cache.delete(self._key(*args, **kwargs))
