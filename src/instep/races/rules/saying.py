"""What a finding says: a title, and what it means for the people who use the program.

The sentence about the consequence comes from what the code does, not from the rule: a number that
is returned becomes a duplicate, one that is only counted becomes a lost count, a key that is
deleted after a look becomes a KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from instep.races.reading.model import Kind, Root
from instep.races.rules.methods import error_of, inside, is_literal
from instep.races.rules.symptom import Symptom

_KINDS = {
    Root.GLOBAL: "global",
    Root.CLASS: "class attribute",
    Root.DEFAULT: "default argument",
    Root.FUNCTION: "function attribute",
    Root.CLOSURE: "closure variable",
    Root.APPLICATION: "application's",
    Root.FILE: "file",
    Root.SESSION: "session's",
    Root.CONTEXT: "context's",
}

_TITLES = {
    "number": "{kind} {name} is read, changed and written back",
    "count": "{kind} {name} is read, changed and written back",
    "turned": "{kind} {name} is read, turned over and written back",
    "change": "{kind} {name} is read, changed and written back",
    "identity": "a new entry of {kind} {name} is numbered by what is in it now",
    "private lock": "{kind} {name} is changed under a lock that every caller makes anew",
    "other lock": "{kind} {name} is not changed under the same lock everywhere",
    "read outside": "{kind} {name} is read before the lock is taken, and written under it",
    "after release": "{kind} {name} is changed under a lock, and read again after it",
    "halves": "{kind} {name} is written in one hold of a lock, and read bit by bit without it",
    "torn": "fields of {kind} {name} that belong together are written one by one",
    "removed twice": "an entry of {kind} {name} is looked up, and then taken out",
    "removed anyway": "an entry of {kind} {name} is chosen, and then taken out, whatever it is",
    "moved": "the place of an entry of {kind} {name} is looked for, and then used",
    "used twice": "an entry of {kind} {name} is looked up, used, and then taken out",
    "put back": "an entry of {kind} {name} is looked up, and then replaced",
    "changed when gone": "an entry of {kind} {name} is looked up, and then changed",
    "spent twice": "{kind} {name} is checked, and then changed",
    "taken twice": "{kind} {name} is checked, and then {taken}",
    "completed twice": "whoever completes {kind} {name} goes on for all",
    "too many": "there is room in {kind} {name}, and then one more is added",
    "first twice": "{kind} {name} is found empty, and then the first one is added",
    "remembered twice": "an entry of {kind} {name} is made if it is not there yet",
    "flag": "{kind} {name} is checked, and then set",
    "once": "{kind} {name} is checked, and then set, to do something once",
    "made twice": "{kind} {name} is made by whoever needs it first",
    "expired": "{kind} {name} is made anew when it is too old",
    "gone": "{kind} {name} is tested, and then read again",
    "iterated": "{kind} {name} is iterated while others add or remove entries",
    "skips": "{kind} {name} is iterated while others take entries out",
    "published": "{kind} {name} is written by requests",
    "kept": "{kind} {name} keeps what belongs to one request",
    "workspace": "{kind} {name} is emptied, filled and answered from by every request",
    "accident": "{kind} {name} is changed by requests, and all of them share it",
    "handed over": "{kind} {name} is written, and read again by the same request",
    "replaced": "{kind} {name} is bound anew while others change what it holds",
    "drained": "{kind} {name} is emptied after its entries were taken",
    "other's": "an entry is added to {kind} {name}, and then one is taken for it by its place",
    "unseen": "the newest entry of {kind} {name} is taken, and then all of them count as seen",
    "setting": "{kind} {name} is a setting for all, and requests change it",
    "entries": "{kind} {name} is filled by requests, in each process for itself",
    "connection": "{kind} {name} is a connection that all threads use",
    "device": "{kind} {name} is a device or line that all threads use",
    "forked": "{kind} {name} is made at import, before the server forks",
    "started": "{kind} {name} is started at import: once in every worker",
    "local cache": "{kind} {name} is a cache of this process alone",
    "local limits": "{kind} {name} counts in the memory of this process",
    "remembered": "{kind} {name} keeps results of what can change",
    "drawn": "{kind} {name} is drawn at import: another one in every worker",
    "begins anew": "{kind} {name} counts in what is new for each request",
    "left over": "{kind} {name} is what an earlier request has left",
    "unnoticed": "{kind} {name} is changed inside, which Flask does not notice",
    "session": "{kind} {name} is read, changed and written back",
    "file": "{kind} {name} is loaded, changed and written by requests",
    "file there": "{kind} {name} is looked for, and then written",
    "tables there": "{kind} {name} is looked for, and then its tables are made",
    "folder there": "the folder {name} is looked for, and then made",
    "file saved": "{kind} {name} is written in place by every request",
    "file handed over": "{kind} {name} is written, and read again by the same request",
    "file gone": "{kind} {name} is looked for, and then taken away",
}


def title(symptom: Symptom) -> str:
    """What it is, in a few words."""
    name = str(symptom.state)
    what = symptom.write.method.rpartition(".")[2]
    if symptom.pattern == "started" and name == what:  # kept nowhere
        runs = f" that runs `{symptom.write.key}`" if symptom.write.key else ""
        return f"a {what.lower()}{runs} is started at import: once in every worker"
    if symptom.pattern in _OF_A_FIELD and inside(symptom.write) and is_literal(symptom.write.key):
        name += f"[{symptom.write.key}]"
    taken = "an entry is added" if inside(symptom.write) else "set"
    return _TITLES[symptom.pattern].format(kind=_kind(symptom), name=f"`{name}`", taken=taken)


_OF_A_FIELD = frozenset("setting turned flag once expired".split()) | {"made twice"}
"""What is said of one field of a record, not of the whole."""


def _kind(symptom: Symptom) -> str:
    kind = _KINDS[symptom.state.root]
    if symptom.state.root is Root.GLOBAL and symptom.state.path:
        kind = "object"
    return f"the {kind}"


def consequence(symptom: Symptom) -> str:
    """What can go wrong, in one sentence a shop owner understands."""
    special = _SPECIAL.get(symptom.pattern)
    if special is not None:
        return special(symptom)
    return _CONSEQUENCES[symptom.pattern]


_CONSEQUENCES = {
    "private lock": "Two requests read the same value; the change of one of them is lost, as if "
    "there were no lock.",
    "other lock": "Who takes another lock, or none, comes between all the same, and a change is "
    "lost.",
    "read outside": "Two requests read the same value before either takes the lock; the change of "
    "one of them is lost.",
    "after release": "Two requests both change it, then both read it: they get the same number, "
    "and one number is never given out.",
    "halves": "A request may see the new half together with the old one.",
    "torn": "A request that comes between sees the new value of one field with the old one of the "
    "other.",
    "changed when gone": "Another request has replaced or deleted the entry meanwhile, so the "
    "change is made to something that nobody sees any more.",
    "removed anyway": "What another request has made of the entry meanwhile is gone with it.",
    "moved": "Another request has taken one out meanwhile: this one changes or deletes the wrong "
    "entry, or fails with IndexError.",
    "put back": "Another request has taken the entry out meanwhile, and now it is there again.",
    "completed twice": "Two requests both add theirs and then both find that all is there: what "
    "comes then is done twice.",
    "too many": "Two requests both see room for one more, and both take it: there is one too many.",
    "first twice": "Two requests both find it empty, and both go on as the first.",
    "flag": "Two requests both find it free and both go on.",
    "once": "Two requests both find it not done, and it is done twice.",
    "expired": "Two requests both find it too old, and both make it anew.",
    "skips": "A request skips an entry, or shows one twice, while another takes one out.",
    "published": "Another worker process does not see it; within this process it is one step.",
    "workspace": "Two requests at once empty and fill the same container: one visitor is shown the "
    "other's results, or half of both.",
    "accident": "What one visitor adds is shown to all the others of this process, and grows for "
    "ever.",
    "other's": "Another request has added one meanwhile: this one goes on with the other's.",
    "unseen": "What is added in between, or two at once, is never seen by this one.",
    "setting": "It changes at once for all visitors of this process, and not in the others.",
    "entries": "What one worker process has stored, another one does not find; after a restart it "
    "is gone.",
    "handed over": "Another request writes it in between, and this one goes on with what is the "
    "other's.",
    "replaced": "What another request is just changing is thrown away with the old one.",
    "turned": "Two requests both turn it over, and it is as only one had done it.",
    "drained": "What another request adds between the taking and the emptying is lost, or taken by "
    "two.",
    "connection": "Two requests talk on one connection at once: one gets the other's rows, or "
    "commits what the other was about to take back.",
    "device": "Two requests talk to it at once: one gets the other's answer, or half of it.",
    "started": "With four workers the job runs four times; with `--preload` it runs in none.",
    "local cache": "What one worker makes invalid, the others go on serving.",
    "local limits": "With four workers a visitor may do four times as much as the limit says.",
    "remembered": "A worker goes on answering with what was right when it asked first, and each "
    "worker with something else.",
    "begins anew": "It begins anew with each request, so the number is the same each time.",
    "left over": "A visitor is served with what an earlier visitor has left in the same thread, or "
    "with nothing in another one.",
    "session": "Of two requests that a visitor's browser makes at once, the change of one is lost.",
    "unnoticed": "The change is not saved: Flask's session notices only what is assigned to it.",
    "file": "Two requests load the same content; the change of the one that writes first is lost, "
    "and a reader may find half a file.",
    "file saved": "Two requests write it at once: half of it is one's, half the other's, or the "
    "older one stays.",
    "file handed over": "Another request writes it in between, and this one goes on with what is "
    "the other's.",
    "file gone": "Two requests both find it; the second one fails with FileNotFoundError.",
    "tables there": "Two requests both find that it is not there and both make the tables: one "
    "fails; or one finds the file of the other, and no tables in it.",
    "folder there": "Two requests both find that it is not there; the second one fails with "
    "FileExistsError (an error 500).",
    "file there": "Two requests both find that it is not there, and one overwrites the other's "
    "file.",
}


def _number(symptom: Symptom) -> str:
    if symptom.write.method == "-=" or _named(symptom, r"stock|left|balance|credit|seats|quota"):
        return "Two requests both see the same rest and both take from it: one taking is lost."
    return f"Two requests get the same {noun(str(symptom.state))}."


def _count(symptom: Symptom) -> str:
    return "Counts are lost: two requests that count at once count as one."


def _change(symptom: Symptom) -> str:
    if symptom.read is not None and symptom.read.kind is Kind.ITERATE:
        return "What another request adds or removes meanwhile is undone without a word."
    return "Of two changes made at the same time one is lost."


def _identity(symptom: Symptom) -> str:
    if symptom.write.key is not None:
        return "Two requests get the same id, and one overwrites what the other has stored."
    return "Two requests get the same id: two entries cannot be told apart any more."


def _removed(symptom: Symptom) -> str:
    raised = error_of(symptom.write)
    return f"Two requests both find it; the second one fails with {raised} (an error 500)."


def _used(symptom: Symptom) -> str:
    return "Two requests both find it and both use it: what is good for once is used twice."


def _spent(symptom: Symptom) -> str:
    if _named(symptom, r"balance|account|credit|money|wallet|purse|fund|amount"):
        return "Two requests both see enough money, and both spend it."
    if _named(symptom, r"seat|book|stock|ticket|slot|room|left|avail|count|quant|invent"):
        return "Two requests both see that there is one left, and both take it: it is sold twice."
    return "Two requests both find the check fulfilled and both act; once was meant."


def _taken(symptom: Symptom) -> str:
    if _named(symptom, r"seat|book|reserv|ticket|slot|room|table"):
        return "Two requests both find it free and both are told that it is theirs: sold twice."
    if _named(symptom, r"user|name|account|member|email|login"):
        return "Two visitors both find the name free and both are told that it is theirs."
    if symptom.write.method in ("append", "appendleft", "insert", "extend"):
        return "Two requests both find that it is not there, and then it is in it twice."
    return "Two requests both find that it is not there; the second one overwrites the first."


def _remembered(symptom: Symptom) -> str:
    return "Two requests both make it; one of the two is thrown away, with what was put into it."


def _made(symptom: Symptom) -> str:
    return (
        "Two requests both make one: they go on with two different ones, and what is kept in the "
        "first is lost."
    )


def _gone(symptom: Symptom) -> str:
    if symptom.rule == "IS112":
        return (
            "Another request has set it to something else meanwhile: this one fails, or goes on "
            "with what it has not tested."
        )
    return "Another request has taken it out meanwhile, and this one fails with KeyError (500)."


def _iterated(symptom: Symptom) -> str:
    what = {"set": "Set", "deque": "deque"}.get(symptom.write.method, "dictionary")
    return f"Now and then a page fails with RuntimeError: {what} changed size during iteration."


def _kept(symptom: Symptom) -> str:
    whose = " ".join(words(symptom.write.key or str(symptom.state))) or "data"
    return f"One visitor's {whose} is used for another visitor."


def _forked(symptom: Symptom) -> str:
    if symptom.write.method == "random.Random":
        return "With `--preload` all workers draw the same numbers."
    return "With `--preload` several workers talk on one connection and get each other's answers."


def _drawn(symptom: Symptom) -> str:
    if symptom.severity.rank < 2:
        return (
            "A cookie that one worker has signed is refused by the next: visitors are logged out."
        )
    return "Each worker, and each restart, has another one."


_SPECIAL: dict[str, Callable[[Symptom], str]] = {
    "number": _number,
    "count": _count,
    "change": _change,
    "identity": _identity,
    "removed twice": _removed,
    "used twice": _used,
    "spent twice": _spent,
    "taken twice": _taken,
    "remembered twice": _remembered,
    "made twice": _made,
    "gone": _gone,
    "iterated": _iterated,
    "kept": _kept,
    "forked": _forked,
    "drawn": _drawn,
}


def _named(symptom: Symptom, pattern: str) -> bool:
    words = f"{symptom.state} {symptom.write.key or ''} {symptom.write.place.function}"
    return re.search(pattern, words, re.IGNORECASE) is not None


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_IDLE = frozenset("next last current global new latest the my get count total self".split())
_NUMBERS = frozenset("id number ticket code token serial seat slot position turn version".split())
_NUMBERED = frozenset("order invoice customer user job task item booking message room game".split())


def words(name: str) -> list[str]:
    """The words of a name of the program that tell something: of `_next_order_id`, order and id."""
    found = [word.lower() for word in _WORD.findall(name.rpartition(".")[2])]
    return [word for word in found if word not in _IDLE]


def noun(name: str) -> str:
    """What a number is to people: `next_order_id` is an order id, `hits` just a number.

    Args:
        name: of the state that holds it.

    Example:
        >>> noun("_next_order_id"), noun("shop.lastOrder"), noun("hits")
        ('order id', 'order number', 'number')
    """
    telling = words(name)
    if telling and telling[-1] in _NUMBERS:
        return " ".join(telling)
    if telling and telling[-1] in _NUMBERED:
        return " ".join([*telling, "number"])
    return "number"
