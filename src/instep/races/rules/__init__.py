"""The rules: each a question to the traces of a program, with a page that explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from instep.races.rules.rule import RULES, Rule, page

if TYPE_CHECKING:
    from instep.races.rules.search import find

__all__ = ["RULES", "Rule", "find", "page"]


def __getattr__(name: str) -> Any:
    """The search is loaded when it is asked for: the ids, pages and findings do without it."""
    if name != "find":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from instep.races.rules.search import find

    return find
