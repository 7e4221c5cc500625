"""What a comparison of two stores found: the first few by name, the rest as a number."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..stores.base import Record
from .lines import name_of

_NAMED = 10


@dataclass(slots=True)
class Findings:
    """Records of one sort.

    Args:
        count: how many.
        first: some of them, in words.
    """

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, key: bytes, words: str = "") -> None:
        """One more."""
        self.count += 1
        if len(self.first) < _NAMED:
            self.first.append(name_of(key) + (f" ({words})" if words else ""))

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        rest = f" and {self.count - len(self.first):,} more" if self.count > len(self.first) else ""
        return ", ".join(self.first) + rest


def compared(source: Record | None, target: Record | None) -> str:
    """In what a record differs between source and target."""
    if source is None:
        return "not at the source"
    if target is None:
        return "not at the target"
    if source.version != target.version:
        return f"version {source.version} at the source, {target.version} at the target"
    if source.data != target.data:
        return f"version {source.version} of both, with other data"
    return "of equal data, with another expiry"
