"""Serializability: what came of calls at the same time must be what came of some order of them.

How it stays right. Each order is run, and the first one twice: what differs between two runs of the
same order (times, random tokens) says nothing and is masked, piece by piece. No model of the
program is needed, and nothing is compared that the program does not answer or keep.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import unescape

from instep.races.exploring.plan import Answer, Outcome, Run

PIECES = re.compile(r"\d+|[^\W\d]+|\W")
HEADERS = ("location", "set-cookie", "content-type", "etag", "retry-after", "allow")
SIGNED = re.compile(r"^([^=;]+)=\"?(\.?[\w-]+)\.[\w-]+\.[\w-]+\"?(?=;|$)")

Facts = dict[str, str]
"""What is compared, by what it is: `answer 0`, `state orders['n']`."""


def facts(outcome: Outcome) -> Facts:
    """An outcome as named texts."""
    found = {}
    for group in ("answers", "then"):
        for number, answer in enumerate(outcome[group]):
            found[f"{group} {number}"] = _answer(answer)
    found.update({f"state {name}": value for name, value in outcome["state"].items()})
    found["invariant"] = str(outcome["invariant"])
    return found


def _answer(answer: Answer | None) -> str:
    if answer is None:
        return "no answer"
    headers = sorted(
        f"{name.lower()}: {_header(name.lower(), value)}"
        for name, value in answer["headers"]
        if name.lower() in HEADERS
    )
    return "\n".join([answer["what"], *headers, "", answer["body"]])


def _header(name: str, value: str) -> str:
    """A signed cookie counts by its payload: the time in it and the signature are not its own."""
    if name != "set-cookie":
        return value
    value = re.sub(r"(?i);\s*(expires|max-age)=[^;]*", "", value)
    return SIGNED.sub(r"\1=\2", value)


class Oracle:
    """Knows what the sequential orders lead to."""

    def __init__(self) -> None:
        self.orders: dict[tuple[int, ...], Run] = {}
        self.masks: dict[str, set[int] | None] = {}
        self.chance: set[str] = set()
        """What differs in its first line already, the status: nothing is left of it."""

    def learn(self, order: tuple[int, ...], run: Run) -> None:
        """What an order led to; the second time, what differs is masked."""
        if order in self.orders:
            self.compare(self.orders[order], run)
        else:
            self.orders[order] = run

    def compare(self, one: Run, other: Run) -> None:
        """Mask what differs between two plays of the same schedule, if both came to an end."""
        if one.hangs or one.waits or other.hangs or other.waits:
            return
        before, after = facts(one.outcome), facts(other.outcome)
        for name in before.keys() & after.keys():
            self._mask(name, before[name], after[name])

    def _mask(self, name: str, before: str, after: str) -> None:
        if before.partition("\n")[0] != after.partition("\n")[0]:
            self.chance.add(name)
        if before == after or self.masks.get(name, ()) is None:
            return
        old, new = PIECES.findall(before), PIECES.findall(after)
        if len(old) != len(new) or name.startswith("state"):
            self.masks[name] = None
            return
        differing = {place for place, pair in enumerate(zip(old, new, strict=True))
                     if pair[0] != pair[1]}  # fmt: skip
        self.masks[name] = (self.masks.get(name) or set()) | differing

    def _masked(self, name: str, text: str) -> str:
        if name not in self.masks:
            return text
        mask = self.masks[name]
        if mask is None:
            return "" if name in self.chance else text.partition("\n")[0]
        pieces = PIECES.findall(text)
        return "".join("?" if place in mask else piece for place, piece in enumerate(pieces))

    def masked(self, outcome: Outcome) -> Facts:
        """What counts of an outcome."""
        return {name: self._masked(name, text) for name, text in facts(outcome).items()}

    def knowing(self, orders: Mapping[tuple[int, ...], Run]) -> Oracle:
        """One that masks the same, and knows other runs of the orders."""
        other = Oracle()
        other.orders, other.masks, other.chance = dict(orders), self.masks, self.chance
        return other

    def explains(self, outcome: Outcome) -> bool:
        """Whether some order leads to the same."""
        found = self.masked(outcome)
        return any(self._same(found, self.masked(run.outcome)) for run in self.orders.values())

    @staticmethod
    def _same(one: Facts, other: Facts) -> bool:
        """Equal in all that both know: a location may be known to one of them only."""
        return all(one[name] == other[name] for name in one.keys() & other.keys())

    def differing(self, outcome: Outcome) -> list[str]:
        """What differs from the order that comes closest."""
        found = self.masked(outcome)
        best: list[str] | None = None
        for run in self.orders.values():
            other = self.masked(run.outcome)
            names = [name for name in found.keys() & other.keys() if found[name] != other[name]]
            if best is None or len(names) < len(best):
                best = names
        return sorted(best or [], key=_rank)

    def impossible(self, outcome: Outcome) -> list[str]:
        """What no order at all leads to, taken by itself."""
        found = self.masked(outcome)
        others = [self.masked(run.outcome) for run in self.orders.values()]
        return [
            name
            for name in sorted(found, key=_rank)
            if all(name in other and other[name] != found[name] for other in others)
        ]


def _rank(name: str) -> tuple[int, str]:
    groups = ("invariant", "answers", "then", "state")
    return groups.index(name.split()[0]), name


def unrepeatable(masks: Mapping[str, set[int] | None], names: Sequence[str]) -> list[str]:
    """What differs between two runs of the same order, in words."""
    found = []
    for name in sorted(masks, key=_rank):
        kind, _, what = name.partition(" ")
        if kind == "answers":
            found.append(f"the answer to {names[int(what)]}")
        else:
            found.append({"then": "an answer afterwards", "state": what}.get(kind, kind))
    return list(dict.fromkeys(found))


HIDDEN = re.compile(r"(?is)<(head|style|script)\b.*?</\1>|<[^>]*>")


def _plain(text: str) -> str:
    """What a reader sees of a page."""
    return unescape(HIDDEN.sub(" ", text)).strip() if text.startswith("<") else text


def body(answer: Answer | None) -> str:
    """An answer in one line."""
    if answer is None:
        return "no answer"
    text = _plain(answer["body"].strip())
    try:
        text = json.dumps(json.loads(text))
    except ValueError:
        text = " ".join(text.split())
    told = f" ({answer['told']})" if answer.get("told") else ""
    return f"{answer['what']} {text}".strip() + told
