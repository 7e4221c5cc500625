"""Scopes: what was made for one process, thread or request, closed together, the last one first.

How it stays right. All that threads share is dictionaries, each of whose operations is one step of
the interpreter; there are no locks. A value is closed by whoever takes it out, so never twice. A
forked child puts what it inherited aside, unclosed and for as long as it lives, and begins anew.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from typing import Any, Protocol

from ..errors import Misuse
from ..stores import process
from .making import Making, Named

log = logging.getLogger("instep")

_NONE = object()


class Made(Named, Protocol):
    """What a scope must know of a resource."""

    def create(self) -> Any:
        """Run the factory."""

    def shut(self, value: Any) -> None:
        """Close a value."""


class Scope:
    """The values of resources in one process, thread or request.

    Args:
        what: "process", "thread" or "request", for messages.
    """

    __slots__ = ("__weakref__", "_closer", "_making", "_old", "ended", "left", "values", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.values: dict[Made, Any] = {}  # in the order of making
        self.ended = False
        self.left = False  # its block, if it has one, has come to its end
        self._making: dict[Made, Making] = {}
        # instep: ignore[IS110] others add to it, and only the thread that it belongs to takes
        self._old: list[dict[Made, Any]] = []
        self._closer = 0  # the thread that closes

    def get(self, resource: Made, broken: Any = _NONE) -> Any:
        """The value of a resource, made now unless somebody has made it or is about to.

        Args:
            resource: whose.
            broken: a value that is closed and made anew, if it is still this one.

        Raises:
            LockTimeout: another thread makes it for longer than this one waits.
            Misuse: the scope has ended, or the factory asks for what it makes.
        """
        deadline = time.monotonic() + resource.timeout
        while True:
            self._refuse_late(resource)
            while self._old:
                told(self._emptied(self._old.pop()))
            mine = Making(resource)
            first = self._making.setdefault(resource, mine)
            if first is mine:
                return self._make(resource, mine, broken)
            first.wait(deadline)
            value = self.values.get(resource, _NONE)
            if value is not _NONE and value is not broken:
                return value

    def drop(self, resource: Made) -> None:
        """Close the value of one resource, if there is one."""
        found = self.values.pop(resource, _NONE)
        if found is not _NONE:
            resource.shut(found)

    def end(self) -> list[BaseException]:
        """Close everything for good; the errors, which are logged."""
        self.ended = True
        return self.close()

    def close(self) -> list[BaseException]:
        """Close everything, each although another one failed; the errors, which are logged."""
        self._closer = threading.get_ident()
        try:
            found = self._emptied(None)
            while self._old:
                found += self._emptied(self._old.pop())
            return found
        finally:
            self._closer = 0

    def retire(self) -> None:
        """Have everything closed by the thread that it belongs to, at its next use or its end."""
        old, self.values = self.values, {}
        self._old.append(old)

    def forget(self) -> None:
        """Begin anew in a child, and let nothing that was inherited say goodbye, not even at the
        end of the child: the connections are the parent's."""
        inherited = (self.values, self._making, self._old)
        if any(inherited):
            process.forget(inherited)
            # At its end the interpreter clears modules, and `process` with them. One reference
            # more than anybody can give back keeps the finalizers from running then.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))
        self.values, self._making, self._old, self._closer = {}, {}, [], 0

    def _refuse_late(self, resource: Made) -> None:
        if self.ended:
            raise Misuse(
                f"the resource {resource.name!r} is used after the {self.what} that it belonged "
                "to has ended and closed it: keep it no longer than that, or declare it with "
                "another scope"
            )
        if self._closer and self._closer == threading.get_ident():
            raise Misuse(
                f"a closer asks for the resource {resource.name!r}, which is closed already or "
                "was never made: it can use only what was made before its own"
            )

    def _make(self, resource: Made, mine: Making, broken: Any) -> Any:
        making, values, era = self._making, self.values, process.era
        try:
            mine.begin()
            value = values.get(resource, _NONE)
            if value is not _NONE and value is not broken:
                return value  # made between the look at the values and that at the makers
            if value is not _NONE:
                self._discard(resource)
            value = resource.create()
            if era is not process.era:
                raise self._forked(resource, value)
            values[resource] = value
        finally:
            making.pop(resource, None)
            mine.done()
        if self.ended:
            if values.pop(resource, _NONE) is not _NONE:  # else the one who ended it has closed it
                resource.shut(value)
            self._refuse_late(resource)
        return value

    def _discard(self, resource: Made) -> None:
        try:
            self.drop(resource)
        except Exception as error:  # it is broken, so that is no surprise
            log.warning("instep: closing the resource %r failed: %s", resource.name, error)

    def _forked(self, resource: Made, value: Any) -> Misuse:
        kept = [value]
        process.forget(kept)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        return Misuse(
            f"a process was forked inside the factory of the resource {resource.name!r}, and its "
            "child came to the end of it: leave the child with os._exit"
        )

    def _emptied(self, values: dict[Made, Any] | None) -> list[BaseException]:
        """Close what is in `values`, or in those of now, which are others after a fork."""
        errors: list[BaseException] = []
        era = process.era
        while era is process.era:
            try:
                resource, value = (self.values if values is None else values).popitem()
            except KeyError:
                break
            try:
                resource.shut(value)
            except BaseException as error:
                log.error("instep: closing the resource %r failed", resource.name, exc_info=error)
                errors.append(error)
        return errors


def told(errors: list[BaseException]) -> None:
    """Raise what may not be kept from the caller (Ctrl-C, a greenlet's end); the rest is logged."""
    for error in errors:
        if not isinstance(error, Exception):
            raise error


def raised(errors: list[BaseException]) -> None:
    """Raise the errors of closing: the only one as it is, several as a group."""
    told(errors)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup(
            "closing resources failed", [e for e in errors if isinstance(e, Exception)]
        )
