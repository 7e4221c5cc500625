"""From a program to findings: every rule asked, and the answers gathered by piece of state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import takewhile
from operator import eq

from instep.races.reading.model import Access, Kind, Location, Place, Program, Root
from instep.races.rules.completing import completions
from instep.races.rules.deciding import decisions
from instep.races.rules.filing import files
from instep.races.rules.finding import Also, Finding, Reached, Window
from instep.races.rules.fixing import fixes
from instep.races.rules.iterating import iterations
from instep.races.rules.making import made
from instep.races.rules.methods import changes
from instep.races.rules.releasing import releases
from instep.races.rules.saying import consequence, title
from instep.races.rules.scene import Part, State, states
from instep.races.rules.starting import starts
from instep.races.rules.storing import stores
from instep.races.rules.symptom import Symptom
from instep.races.rules.together import torn
from instep.races.rules.updating import OTHERS, drained, others_last, peeked, unseen, updates
from instep.races.rules.visiting import contexts, sessions

MOST_ACCESSES = 60
"""In one finding; more than that show nothing new."""
MOST_CALLS = 40
MOST_OTHERS = 10
"""Weaker symptoms in one finding."""


def find(
    program: Program, *, select: Collection[str] = (), ignore: Collection[str] = ()
) -> list[Finding]:
    """Ask all rules about a program.

    Args:
        program: as `reading.read` returns it.
        select: ids of the only rules to ask; all if empty.
        ignore: ids of rules not to ask.

    Returns:
        One finding for each piece of state, the worst first, then by path and line.

    Example:
        >>> from instep.races.reading.model import Program
        >>> find(Program())
        []
    """
    known = {location: state for state in states(program) if (location := state.location)}
    gathered: dict[tuple[Location, Place | None], list[Symptom]] = defaultdict(list)
    for symptom in _symptoms(program, known):
        if (not select or symptom.rule in select) and symptom.rule not in ignore:
            apart = symptom.write.place if symptom.rule == "IS131" else None
            gathered[symptom.state, apart].append(symptom)
    found = [
        _finding(sorted(symptoms, key=lambda symptom: symptom.order), known)
        for symptoms in gathered.values()
    ]
    found.sort(key=lambda one: (one.severity.rank, one.place, one.rule, one.location))
    unique: dict[object, Finding] = {}
    for one in found:  # two instances of one class break in the same places
        unique.setdefault((one.rule, one.place, one.read, one.writes), one)
    return list(unique.values())


def _symptoms(program: Program, known: dict[Location, State]) -> Iterator[Symptom]:
    filled = _filled(known)
    for state in known.values():
        if state.location.root not in OTHERS:
            yield from updates(state)
            yield from decisions(state, filled=state.location in filled)
            yield from iterations(state)
            yield from completions(state)
            yield from releases(state)
            yield from drained(state)
            yield from others_last(state)
            yield from unseen(state)
            yield from peeked(state)
            yield from stores(state, filled=state.location in filled)
        yield from contexts(state)
        yield from files(state)
    yield from torn(program)
    yield from starts(program)
    yield from made(program)
    yield from sessions(program)


def _filled(known: dict[Location, State]) -> set[Location]:
    """What holds an object whose attributes requests change."""
    found: set[Location] = set()
    for location, state in known.items():
        if state.writers:
            for length in range(len(location.path)):
                found.add(Location(location.root, location.owner, location.name,
                                   location.path[:length]))  # fmt: skip
    return found


def _finding(symptoms: list[Symptom], known: dict[Location, State]) -> Finding:
    """One finding of all that is wrong with one piece of state."""
    worst = symptoms[0]
    serious = [one for one in symptoms if one.window is not Window.PROCESSES] or symptoms
    concerned = serious if worst in serious else symptoms
    fix, plain = fixes(worst)
    parts = known[worst.state].parts if worst.state in known else []
    reached = _reached(worst, concerned, parts)
    return Finding(
        worst.rule,
        worst.severity,
        worst.window,
        worst.state,
        title(worst),
        consequence(worst),
        worst.write.place,
        worst.read.place if worst.read is not None else None,
        tuple(sorted({one.write.place for one in concerned})),
        tuple(one.name for one in reached),
        tuple(_accesses(concerned, parts)),
        fix,
        plain,
        tuple(dict.fromkeys(place for one in concerned for place in _calls(one)))[:MOST_CALLS],
        reached,
        _also(worst, symptoms),
    )


def _reached(worst: Symptom, symptoms: list[Symptom], parts: list[Part]) -> tuple[Reached, ...]:
    actors = [one.actor for one in symptoms]
    actors += [one.rival.actor for one in symptoms if one.rival is not None]
    actors += [part.actor for part in parts]
    unique = {
        Reached(actor.name, actor.role, tuple(actor.routes), actor.place.path): None
        for actor in actors
    }
    return tuple(unique)


def _accesses(symptoms: list[Symptom], parts: list[Part]) -> list[Access]:
    """What shows it: of each symptom, and who may find half a file."""
    shown: dict[tuple[Place, str], Access] = {}
    for symptom in symptoms:
        rival = symptom.rival.access if symptom.rival is not None else None
        for access in (symptom.read, symptom.write, rival):
            if access is not None:
                shown.setdefault((access.place, access.kind), access)
    for part in parts if symptoms[0].state.root is Root.FILE else ():
        for access in part.accesses.values():
            if access.kind is Kind.READ:
                shown.setdefault((access.place, access.kind), access)
                break
    return list(shown.values())[:MOST_ACCESSES]


def _calls(symptom: Symptom) -> Iterator[Place]:
    """The calls by which one function comes to the read and to the write: it is there to mend."""
    read, write, trace = symptom.read, symptom.write, symptom.actor.trace
    if read is None or not (
        read in trace[read.number :][:1] and write in trace[write.number :][:1]
    ):
        return  # one of them is another actor's
    together = map(eq, read.stack, write.stack)
    depth = sum(takewhile(bool, together))
    for access in (read, write):
        yield from access.stack[depth : depth + 1]


def _also(worst: Symptom, symptoms: list[Symptom]) -> tuple[Also, ...]:
    """The other things that are wrong, once for each rule and line, without mere notes."""
    found: dict[tuple[str, Place], Also] = {}
    for one in symptoms:
        shown = (worst.rule, worst.write.place)
        mere = one.window is Window.PROCESSES and changes(one.write) and one is not worst
        if (one.rule, one.write.place) != shown and not mere:
            read = one.read.place if one.read is not None else None
            found.setdefault(
                (one.rule, one.write.place), Also(one.rule, title(one), one.write.place, read)
            )
    return tuple(found.values())[:MOST_OTHERS]
