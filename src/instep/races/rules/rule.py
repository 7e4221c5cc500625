"""The rules: their ids, names, one line of what each flags, and its page."""

from __future__ import annotations

from dataclasses import dataclass

from instep.errors import Misuse
from instep.races.rules.finding import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that breaks.

    Args:
        id: such as `IS101`; it never changes its meaning.
        name: in a few words with hyphens.
        summary: what it flags, in one line.
        severity: of its usual finding; a harmless form of it may have a lower one.
    """

    id: str
    name: str
    summary: str
    severity: Severity

    @property
    def page(self) -> str:
        """The page of the rule, in markdown."""
        return page(self.id)


_HIGH, _MEDIUM, _LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW

RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("IS101", "global-update", "a global is read, changed and written back", _HIGH),
        Rule("IS102", "global-rebound", "a global is bound anew by requests", _LOW),
        Rule("IS103", "container-changed", "a module's container is changed by requests", _HIGH),
        Rule("IS104", "object-changed", "an object of a module is changed by requests", _HIGH),
        Rule("IS105", "class-state", "an attribute of a class is used as state", _HIGH),
        Rule(
            "IS106",
            "function-state",
            "a mutable default argument or an attribute of a function is used as state",
            _HIGH,
        ),
        Rule("IS110", "check-then-act", "what was checked may no longer hold when acted on", _HIGH),
        Rule("IS111", "lazy-singleton", "made at first use, perhaps twice", _MEDIUM),
        Rule("IS112", "tested-then-read", "a variable is tested, and then read again", _MEDIUM),
        Rule("IS113", "mixed-locking", "a lock is there, and does not cover all of it", _MEDIUM),
        Rule("IS114", "iterated-while-changed", "iterated while other requests change it", _HIGH),
        Rule("IS115", "torn-fields", "what belongs together is written one by one", _MEDIUM),
        Rule("IS120", "shared-connection", "a connection or cursor is used by all threads", _HIGH),
        Rule("IS130", "made-before-fork", "made at import, so forked workers share it", _MEDIUM),
        Rule("IS131", "thread-at-import", "a thread starts at import: once per worker", _MEDIUM),
        Rule("IS132", "cache-per-process", "a cache or counter of each process", _MEDIUM),
        Rule("IS133", "secret-at-import", "drawn at import, so each worker has another", _MEDIUM),
        Rule("IS140", "request-data-kept", "one request's data is kept where all see it", _HIGH),
        Rule(
            "IS141", "context-as-store", "`g` or a thread local is used between requests", _MEDIUM
        ),
        Rule("IS142", "session-update", "the session is read, changed and written back", _MEDIUM),
        Rule("IS150", "file-update", "a file is loaded, changed and written by requests", _HIGH),
    )
}
"""All rules, in the order of their ids."""


def page(rule_id: str) -> str:
    """The page of a rule.

    Args:
        rule_id: such as `IS101`, in any case.

    Returns:
        Markdown: what it is, why it breaks, a racy example, a sound one, how to silence it.

    Raises:
        Misuse: there is no such rule.

    Example:
        >>> page("IS101").splitlines()[0]
        '# IS101: a global is read, changed and written back'
    """
    from importlib.resources import files  # slow to import, and only wanted here

    known = rule_id.upper()
    if known not in RULES:
        raise Misuse(f"there is no rule {rule_id!r}; the rules are {', '.join(RULES)}")
    source = files("instep.races.rules").joinpath("pages", f"{known}.md")
    return source.read_text(encoding="utf-8")
