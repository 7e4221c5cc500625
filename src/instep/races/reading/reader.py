"""Reads a program: its files, its start, its actors, and what each of them does.

How it stays right. First everything that runs at the start is walked: modules, factories, commands'
definitions. That finds the objects and the entries. Then every entry is walked, and once more if
something that it looked at was given more to hold meanwhile: what a view stores, another one finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from instep.races.reading import (
    caches,
    classes,
    entries,
    functions,
    heap,
    locking,
    operations,
    outside,
    registering,
    unifying,
    verbs,
)
from instep.races.reading.collecting import uncollected
from instep.races.reading.expressions import EVALUATORS
from instep.races.reading.files import Source, gather
from instep.races.reading.frames import Frame, survey, words
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Actor, Broken, Location, Made, Place, Program, Role, Root
from instep.races.reading.names import Modules
from instep.races.reading.statements import EXECUTORS
from instep.races.reading.values import Bound, Class, Function, Object, Value
from instep.races.reading.walker import STEPS_OF_A_MODULE, Entry, Walker

MOST_ENTRIES = 3000


def read(
    paths: Sequence[Path], *, root: Path | None = None, exclude: Sequence[str] = ()
) -> Program:
    """Read a program without importing it.

    Args:
        paths: files and folders.
        root: what the paths in the result are relative to; None leaves them as they are given.
        exclude: glob patterns of paths to leave out.

    Returns:
        The program: its actors with their traces, what is made at import, and what was broken.

    Example:
        >>> from pathlib import Path
        >>> program = read([Path("shop.py")])  # doctest: +SKIP
        >>> [actor.name for actor in program.actors]  # doctest: +SKIP
        ['shop.order']
    """
    with uncollected():
        sources, broken = gather(paths, root, exclude)
        walker = walk(sources)
        program = Program(broken=broken)
        program.files = {source.path: source.lines for source in sources}
        program.lines = sum(len(source.lines) for source in sources)
        program.actors = actors(walker)
        types = unifying.unify(program.actors, walker.types)
        verbs.settle(program.actors, types)
        program.broken += walker.failures.values()
        program.unfinished = walker.unfinished
        program.made = [*made(walker), *caches.explained(walker, program.actors)]
        program.defined = defined(walker, program)
        program.values = {location: frozenset(one) for location, one in types.items() if one}
    words.cache_clear()
    return program


def walk(sources: list[Source]) -> Walker:
    """Walk through what runs at the start."""
    modules = Modules(sources)
    found = survey(sources)
    walker = Walker(modules, found, EVALUATORS, EXECUTORS)
    for module in modules.all:
        module.rebound = set(found.globals.get(module.path, ()))
    for module in modules.all:
        walker.run_module(module)
    factories(walker)
    if modules.all:
        frame = Frame(modules.all[0], modules.all[0].name, 0)
        threading_server = any(
            "ThreadingHTTPServer" in line or "ThreadingMixIn" in line or "ThreadingTCP" in line
            for source in sources
            for line in source.lines
        )
        walker.allow(STEPS_OF_A_MODULE)
        registering.leftover(walker, frame, threading_server)
        operations.described(walker)
    for thing in walker.answering:
        heap.publish(Value((thing,)), heap.shared_self(thing))
    return walker


def factories(walker: Walker) -> None:
    """Call the functions that make applications, or register views, and that nothing has called."""
    for module in walker.modules.all:
        for value in list(module.names.values()):
            for thing in value.things:
                if isinstance(thing, Function) and thing.module is module:
                    factory(walker, thing, None)
                elif isinstance(thing, Class) and thing.module is module:
                    factory_class(walker, thing)


def factory_class(walker: Walker, cls: Class) -> None:
    """A class that registers views in its methods is made once, if nothing made it."""
    found = [
        thing
        for value in cls.attributes.values()
        for thing in value.things
        if isinstance(thing, Function) and id(thing.node) in walker.survey.factories
    ]
    if not found:
        return
    frame = Frame(cls.module, cls.module.name, 0)
    receivers = cls.instances[:1]
    if not receivers:
        walker.allow(STEPS_OF_A_MODULE)
        value = classes.instantiate(walker, cls, Arguments(), cls.node, frame)
        heap.publish(value, Location(Root.GLOBAL, cls.module.name, cls.node.name))
        receivers = list(value.objects())
    for receiver in receivers[:1]:
        for thing in found:
            factory(walker, thing, receiver)


def factory(walker: Walker, function: Function, receiver: Object | None) -> None:
    """Call one factory, unless it was called."""
    if id(function.node) not in walker.survey.factories or function.node in walker.entered:
        return
    frame = Frame(function.module, function.module.name, 0)
    walker.allow(STEPS_OF_A_MODULE)
    functions.invoke(walker, function, receiver, Arguments(), function.node, frame)
    walker.ended(function.name, frame.place(function.node))


def actors(walker: Walker) -> list[Actor]:
    """Walk through every entry, and again through those that others gave more to find."""
    results: dict[object, Actor] = {}
    numbers: dict[object, int] = {}
    for round_ in range(2):
        done: set[object] = set()
        changed = dict(walker.changed)
        while True:
            waiting = [key for key in walker.entries if key not in done]
            if not waiting and walker.handed:
                entries.unclaimed(walker)
                continue
            if not waiting or len(done) > MOST_ENTRIES:
                break
            for key in waiting:
                done.add(key)
                if round_ and key in results and complete(results[key], numbers[key], changed):
                    continue
                numbers[key] = walker.growth
                results[key] = actor(walker, walker.entries[key])
    return list(results.values())


def complete(known: Actor, number: int, changed: dict[Location, int]) -> bool:
    """Whether nothing that an actor looked at was given more to hold since."""
    return all(changed.get(access.location, -1) <= number for access in known.trace)


def actor(walker: Walker, entry: Entry) -> Actor:
    """Walk through one entry."""
    trace = walker.begin(entry.role)
    if entry.role is Role.STARTUP:
        trace.walk = 0
    function = entry.thing.function if isinstance(entry.thing, Bound) else entry.thing
    assert isinstance(function, Function)
    frame = Frame(function.module, function.name, trace.walk)
    receiver = receiver_of(walker, entry, function, frame)
    given = Arguments()
    if entry.cls is None:
        given = Arguments(list(entry.arguments), dict(entry.keywords))
    fill(function, receiver is not None, given, entry)
    try:
        value = functions.enter(walker, function, receiver, given, frame)
        trace.answers |= heap.deep_reads(value)
        if entry.role is not Role.COMMAND:  # what one starts is known by then
            walker.ended(entry.name, entry.place)
    except Exception as error:
        reason = f"`{entry.name}` could not be followed: {type(error).__name__}: {error}"
        walker.failures[entry.name] = Broken(entry.place.path, entry.place.line, reason)
    result = Actor(entry.name, entry.role, entry.place, walker.mounts.resolved(entry.routes))
    result.trace = trace.accesses()
    result.starts = trace.starts
    result.repeated = entry.repeated
    of_thread = entry.role is Role.BACKGROUND and function.name.endswith(".run")
    if of_thread and isinstance(receiver, Object):
        result.own = receiver.home
    return result


def fill(function: Function, bound: bool, given: Arguments, entry: Entry) -> None:
    """What the framework passes comes from the request."""
    spec = function.node.args
    parameters = [one.arg for one in (*spec.posonlyargs, *spec.args)][1 if bound else 0 :]
    for name in [*parameters[len(given.positional) :], *(one.arg for one in spec.kwonlyargs)]:
        if name not in given.keywords and name not in function.defaults:
            kind = "request" if entry.role in (Role.VIEW, Role.HOOK) else ""
            given.keywords[name] = Value(kind=kind, text=name)


def receiver_of(
    walker: Walker, entry: Entry, function: Function, frame: Frame
) -> Object | Class | None:
    """On what a method is called: its object, or a new instance for each request."""
    if isinstance(entry.thing, Bound):
        receiver = entry.thing.receiver
        return receiver if isinstance(receiver, (Object, Class)) else None
    cls = entry.cls or function.owner
    if cls is None or "static" in function.marks:
        return None
    if entry.cls is None and cls.instances:
        return cls.instances[0]
    given = Arguments(list(entry.arguments), dict(entry.keywords))
    value = classes.instantiate(walker, cls, given, function.node, frame)
    return next(iter(value.objects()), None)


def defined(walker: Walker, program: Program) -> dict[Location, Place]:
    """Where the locations that are accessed were first bound."""
    wanted = {access.location for one in program.actors for access in one.trace}
    found = {key: place for key, place in walker.defined.items() if key in wanted}
    for location in wanted:
        plain = replace(location, path=tuple(one for one in location.path if one != "[]"))
        if plain in walker.defined:
            found.setdefault(plain, walker.defined[plain])
    for cls in walker.classes:
        for thing in cls.instances:
            for name, place in thing.places.items():
                if thing.home is not None:
                    found.setdefault(heap.step(thing.home, "." + name), place)
    return found


IGNORED = frozenset({"flask.Flask", "flask.Blueprint", "logging.getLogger", "Blueprint"})


def made(walker: Walker) -> list[Made]:
    """What lives as long as the process, of what the outside made."""
    found: dict[tuple[Location, Place], Made] = {}
    for thing, role, place, module in walker.outsiders:
        if thing.what in IGNORED or thing.what in outside.KNOWN_CONTAINERS:
            continue
        if locking.is_lock(thing):
            continue
        location = thing.home
        begun = id(thing) in walker.begun
        place = walker.begun.get(id(thing), place)
        if location is None and begun and role in (Role.STARTUP, Role.COMMAND):
            location = Location(Root.GLOBAL, module, thing.what.rpartition(".")[2])
        if location is None or location.root in (Root.CONTEXT, Root.SESSION, Root.FILE):
            continue
        if thing.what in outside.SECRETS:
            place = walker.defined.get(location, place)
        key = (location, place)
        old = found.get(key)
        if old is None or role is Role.STARTUP:
            begun = begun or (old is not None and old.started)
            found[key] = Made(location, thing.what, place, thing.arguments, begun, role)
    return list(found.values())
