"""Bytes to values, without ever running code that was not declared.

How it stays right: an extension code is looked up in a fixed table, a class by its tag among the
declared ones, and nothing else is ever called. Whatever is wrong with the bytes is a `StoreError`.
"""

from typing import TYPE_CHECKING, Any

from ormsgpack import unpackb

from ..errors import StoreError
from .depth import EXTENSIONS, MEASURED, too_deep
from .values import NESTING, OBJECT, READERS

if TYPE_CHECKING:
    from .registry import Codec
    from .shape import Extra


class Reader:
    """One act of reading: how deep it is, what went wrong first, and what was unusual.

    The unpacker swallows what a callback raises, so the first error is kept here.
    """

    __slots__ = ("_depth", "_error", "codec", "evolved", "extras")

    def __init__(self, codec: "Codec") -> None:
        self.codec = codec
        self.extras: dict[int, tuple[object, Extra]] = {}
        self.evolved = False
        self._depth = 0
        self._error: BaseException | None = None

    def unpack(self, data: bytes) -> Any:
        """Return the value that was packed.

        Raises:
            StoreError: the data is corrupt or of a class that is not declared.
        """
        try:
            return unpackb(data, ext_hook=self.hook)
        except ValueError as error:
            reason = self.reason(error)
            raise reason from reason.__cause__

    def reason(self, error: ValueError) -> BaseException:
        """What went wrong first, when the unpacker failed."""
        return corrupt(error) if self._error is None else self._error

    def record(self, data: bytes) -> tuple[str, int, Any]:
        """Return tag, version and state of an instance's record.

        Raises:
            StoreError: it is none.
        """
        record = self.unpack(data)
        if type(record) is list and len(record) == 3:
            tag, version, state = record
            if type(tag) is str and type(version) is int and version >= 0:
                return tag, version, state
        raise corrupt("it is not the record of an instance")

    def hook(self, code: int, data: bytes) -> Any:
        """The value of an extension code; for the unpacker."""
        self._depth += 1
        try:
            return self._read(code, data)
        except RecursionError as error:
            if self._error is None:
                self._error = corrupt("it nests too deeply to be read from here")
                self._error.__cause__ = error
            raise
        except BaseException as error:
            if self._error is None:
                self._error = error
            raise
        finally:
            self._depth -= 1

    def _read(self, code: int, data: bytes) -> Any:
        if self._depth > EXTENSIONS:
            raise StoreError("the record is corrupt: it nests too deeply")
        if self._depth == MEASURED and code in NESTING:
            self._measure(data)
        if code == OBJECT:
            return self.codec.revive(self, data)
        read = READERS.get(code)
        if read is None:
            raise StoreError(
                f"the record holds a value of kind {code}, which this version of instep does not "
                "know: it is corrupt, or a newer version wrote it and this one must be upgraded"
            )
        try:
            return read(data, self.unpack)
        except Exception as error:
            # What is inside has put its own error first; a value of a declared class may raise
            # its own here too, from __hash__ or __eq__.
            if self._error is None:
                raise corrupt(error) from error
            raise

    def _measure(self, data: bytes) -> None:
        try:
            deep = too_deep(data)
        except ValueError as error:
            raise corrupt(error) from None
        if deep:
            raise StoreError("the record is corrupt: it nests too deeply")


def corrupt(why: object) -> StoreError:
    """Return the error for bytes that this codec never wrote."""
    return StoreError(
        f"the record is corrupt ({why}): restore the store from a backup or delete this name"
    )
