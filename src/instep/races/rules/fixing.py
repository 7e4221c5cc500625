"""How to mend it: in instep's terms, and in plain Flask's and Python's."""

from __future__ import annotations

from instep.races.rules.symptom import Symptom

_LOCK = (
    "put one lock around the read, the write and the read that is returned; "
    "with several workers, a database or another store outside of the processes"
)

_COUNTER = 'shared.counter("{name}"), whose increment() returns the number that it made'
_OBJECT = 'shared.share("{name}", …): each method of the object is one step for all workers'
_MAPPING = 'shared.mapping("{name}"): setdefault, pop and compute are one step each'
_RESOURCE = "shared.resource(…): made once for each process, thread or request, as you say"
_VALUE = 'shared.value("{name}"): set() publishes for all workers, update() is one step'

FIXES: dict[str, tuple[str, str]] = {
    "number": (_COUNTER, _LOCK),
    "count": (_COUNTER, "a lock around it, and one counter outside of the processes"),
    "change": (_OBJECT, _LOCK),
    "turned": (_OBJECT, _LOCK),
    "identity": (
        'shared.counter("{name} ids"), whose increment() returns the next one',
        "itertools.count() for the ids of one process; the database's own ids for several",
    ),
    "private lock": (
        'shared.lock("{name}"), or a shared object',
        "make the lock once, where the state is made, not in the function",
    ),
    "other lock": (_OBJECT, "take the same lock wherever this is read or written"),
    "read outside": (_OBJECT, "take the lock before the read, not after it"),
    "after release": (
        'a method of shared.share("{name}", …) that returns what it made',
        "return it from inside of the lock, or keep it in a local variable there",
    ),
    "halves": (_OBJECT, "read all of it under the lock, into local variables"),
    "torn": (
        'a method of shared.share("{name}", …) that sets them together',
        "put them into one tuple or frozen dataclass and bind it once",
    ),
    "removed twice": (
        'shared.mapping("{name}").pop(key, None), and look at what it returns',
        "take it out in one step, `found = d.pop(key, None)`, and look at `found`; or a lock",
    ),
    "removed anyway": (
        'shared.mapping("{name}").compute(key, fn), where fn looks again before it takes it out',
        "one lock around the choosing and the taking out, also where entries are changed",
    ),
    "moved": (
        'shared.mapping("{name}"), where an entry has a key and not a place',
        "one lock around the search and the change; or a dictionary by name in place of the list",
    ),
    "used twice": (
        'shared.mapping("{name}").pop(key, None), and use what it returns',
        "take it out first, `found = d.pop(key, None)`, and use it only then",
    ),
    "completed twice": (
        'a method of shared.share("{name}", …) that adds, counts and says whether it was the last',
        "one lock around the adding and the counting",
    ),
    "put back": (
        'shared.mapping("{name}").compute(key, fn), where fn sees whether it is still there',
        "one lock around the look-up and the replacing, also where it is deleted",
    ),
    "changed when gone": (
        _OBJECT,
        "one lock around the look-up and the change, also where it is deleted",
    ),
    "spent twice": (
        'a method of shared.share("{name}", …) that checks and changes',
        "one lock around check and change; in a database, `UPDATE … WHERE stock > 0`",
    ),
    "taken twice": (
        'shared.mapping("{name}").setdefault(key, value), and see whether yours is in it',
        "`d.setdefault(key, mine) is mine`, a lock around both, or a unique column",
    ),
    "too many": (
        'a method of shared.share("{name}", …) that checks and adds',
        "one lock around both, or a queue.Queue(maxsize=…)",
    ),
    "first twice": (
        'a method of shared.share("{name}", …) that checks and adds',
        "one lock around both",
    ),
    "remembered twice": (
        'shared.cache("{name}", ttl=…).get_or_create(key, make): made once for all workers',
        "look again under a lock before you make it",
    ),
    "flag": (
        'shared.lock("{name}", timeout=0), or shared.once for what is done only once',
        "lock.acquire(blocking=False) checks and takes in one step",
    ),
    "once": (
        'shared.once("{name}"), which does it once for all workers',
        "do it at import or in the factory; or look again under a lock",
    ),
    "made twice": (_RESOURCE, "make it at import, or look again under a lock before making it"),
    "expired": (
        'shared.cache("{name}", ttl=…).get_or_create(key, make): one request makes it for all',
        "look again under a lock, and bind value and time together, as one tuple",
    ),
    "gone": (
        'shared.mapping("{name}").get(key), asked once',
        "ask once, `found = d.get(key)`, and use `found`",
    ),
    "iterated": (
        'shared.mapping("{name}"), which iterates over a snapshot',
        "iterate over a copy, `list(d.items())`, made in one step",
    ),
    "skips": (_OBJECT, "iterate over a copy, `list(entries)`"),
    "published": (_VALUE, "nothing for one process; a database or another store for several"),
    "kept": ("a parameter, or flask.g for the length of the request", "flask.g, or an argument"),
    "workspace": ("a local variable, nothing else", "a local variable, returned and handed on"),
    "accident": (
        'a local variable; if it is meant for all, shared.share("{name}", …)',
        "make it in the function or in __init__",
    ),
    "handed over": ("a local variable, returned and handed on", "a local variable, returned"),
    "replaced": (_OBJECT, "one lock around every change and around the binding"),
    "drained": (
        'a method of shared.share("{name}", …) that empties and returns',
        "take them out one by one (`popleft()`), or swap the container under a lock",
    ),
    "other's": ("a local variable for the new entry", "keep the new entry in a local variable"),
    "unseen": (
        'a method of shared.share("{name}", …) that returns all from a number on',
        "keep the number of the last one that was seen, and hand out `entries[seen:]`",
    ),
    "setting": (_VALUE, "the session or a database; settings are made before the first request"),
    "entries": (_MAPPING, "a database, or another store outside of the processes"),
    "connection": (
        _RESOURCE,
        "open it for each request and keep it on flask.g, or use a pool; or a lock around each use",
    ),
    "device": (
        _OBJECT,
        "a lock around each use, question and answer together; or one thread that owns it",
    ),
    "forked": (_RESOURCE, "make it at first use, or in the server's post_fork hook"),
    "started": (
        'shared.leader("{name}").campaign(start, stop): one worker at a time',
        "a process of its own (cron, a command, a worker of a queue)",
    ),
    "local cache": (
        'shared.cache("{name}", ttl=…)',
        "a cache outside of the processes, such as Redis",
    ),
    "local limits": (
        'storage_uri="instep://" (import instep.integrations.limits)',
        "a storage outside of the processes, such as Redis",
    ),
    "remembered": (
        'shared.cache("{name}", ttl=…).cached',
        "a cache with an end, outside of the processes",
    ),
    "drawn": ("the configuration", "read it from the configuration or the environment"),
    "begins anew": (_COUNTER, "the session for what is the visitor's, a database for the rest"),
    "left over": (
        "flask.g for one request, the session for one visitor",
        "flask.g, or the session",
    ),
    "session": (
        "`with session.transaction():` of instep.integrations.session",
        "keep it in a database, under the visitor's id",
    ),
    "unnoticed": (
        "instep.integrations.session, which notices changes inside of values",
        "assign it anew, or set session.modified = True",
    ),
    "file": (
        'shared.mapping("{name}") in place of the file',
        "one lock on a file (fcntl.flock) around load and dump, and os.replace of a finished file",
    ),
    "file saved": (
        'shared.mapping("{name}") in place of the file',
        "write a file of another name, under a lock, and put it in place with os.replace",
    ),
    "file handed over": (
        "nothing shared: a file of its own for each request",
        "tempfile.NamedTemporaryFile, or keep it in memory (io.BytesIO)",
    ),
    "file gone": (
        'shared.lock("{name}") around both',
        "do it without looking, and catch FileNotFoundError (`path.unlink(missing_ok=True)`)",
    ),
    "tables there": (
        'shared.once("{name}"), which makes them once for all workers',
        "`CREATE TABLE IF NOT EXISTS`, before the first request",
    ),
    "folder there": (
        'shared.lock("{name}") around both',
        "make it without looking: `os.makedirs(path, exist_ok=True)`",
    ),
    "file there": (
        'shared.lock("{name}") around both',
        'open(path, "x"), which fails if it is there',
    ),
}
"""For each pattern: with instep, and without."""


def fixes(symptom: Symptom) -> tuple[str, str]:
    """How to mend it with instep, and without.

    Args:
        symptom: what is to be mended.
    """
    fix, plain = FIXES[symptom.pattern]
    return fix.format(name=_name(symptom)), plain


def _name(symptom: Symptom) -> str:
    """A name for the object in the store."""
    last = str(symptom.state).rpartition("/")[2] or symptom.state.owner
    return last.strip("_").lower().replace('"', "'") or "state"
