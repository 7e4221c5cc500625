"""Classes of the program: what an attribute means, what an instance is, who it inherits from."""

from __future__ import annotations

import ast

from instep.races.reading import heap, outside
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments, invoke
from instep.races.reading.model import Kind, Location, Root
from instep.races.reading.values import (
    NO_READS,
    NOTHING,
    REST,
    Bound,
    Class,
    Function,
    Object,
    Outside,
    Super,
    Thing,
    Value,
    join,
)
from instep.races.reading.walker import Walker

MOST_INSTANCES = 6


ABSTRACT = frozenset({"builtins.object", "abc.ABC", "typing.Generic", "typing.Protocol"})


def lineage(cls: Class) -> list[Class]:
    """A class and the classes of the program it inherits from, nearest first."""
    found = [cls]
    for one in found:
        if len(found) > 30:
            break
        found += [base for base in one.bases if isinstance(base, Class) and base not in found]
    return found


def outside_bases(cls: Class) -> list[str]:
    """The dotted names of the classes of the outside it inherits from, nearest first."""
    found = [base for one in lineage(cls) for base in one.bases]
    return [base.name for base in found if isinstance(base, Outside) and base.name not in ABSTRACT]


def last_bases(cls: Class) -> set[str]:
    """The last names of those."""
    return {base.rpartition(".")[2] for base in outside_bases(cls)}


def outside_base(cls: Class) -> bool:
    """Whether it may have methods that the program does not define."""
    return bool(outside_bases(cls))


def container(cls: Class) -> str:
    """The container that a class is a kind of, if any."""
    for base in outside_bases(cls):
        if base in outside.CONTAINERS:
            return outside.CONTAINERS[base]
    return ""


def is_container(cls: Class) -> bool:
    """Whether a class is a kind of container."""
    return bool(container(cls))


def is_record(cls: Class) -> bool:
    """Whether its instances belong to a database, or to the request."""
    return bool(last_bases(cls) & outside.ORM_BASES) or "record" in cls.marks


def defined(cls: Class, name: str) -> tuple[Class, Value] | None:
    """Where an attribute of a class is defined, and what it is."""
    for one in lineage(cls):
        if name in one.attributes:
            return one, one.attributes[name]
    return None


def attribute(
    walker: Walker, cls: Class, wanted: str, receiver: Thing, node: ast.AST, frame: Frame
) -> Value:
    """An attribute found through a class: a method, a property, or state of the class."""
    found = defined(cls, wanted)
    if found is None:
        return NOTHING
    owner, value = found
    if isinstance(receiver, Object) and is_record(cls) and described(value):
        return Value(kind="call")
    values: list[Value] = []
    reads = NO_READS
    if wanted in walker.survey.attributes and not all(
        isinstance(thing, Function) for thing in value.things
    ):
        location = Location(Root.CLASS, owner.name, wanted)
        home = receiver.home if isinstance(receiver, Object) else None
        if home is not None and wanted not in walker.survey.of_classes:
            location = heap.step(home, "." + wanted)  # the class holds only the default
        reads = walker.trace.note(Kind.READ, location, node, frame)
    if (
        isinstance(receiver, Object)
        and receiver.home is not None
        and wanted in walker.survey.attributes
        and not any(isinstance(thing, Function) for thing in value.things)
    ):  # the default of what an instance may have for itself
        location = heap.step(receiver.home, "." + wanted)
        reads |= walker.trace.note(Kind.READ, location, node, frame)
    for thing in value.things:
        if not isinstance(thing, Function):
            values.append(Value((thing,), reads, value.kind))
        elif "setter" not in thing.marks:
            values.append(of_class(walker, thing, cls, receiver, node, frame))
    return join(*values) if values else Value((), reads, value.kind)


def described(value: Value) -> bool:
    """Whether a class holds a column or a field there, of which each instance has its own."""
    return bool(value.things) and all(
        isinstance(thing, Object)
        and thing.what not in outside.KNOWN_CONTAINERS
        and thing.what not in outside.LOCKS
        and (thing.cls is None or outside_base(thing.cls))
        and not (thing.cls is not None and is_container(thing.cls))
        for thing in value.things
    )


def of_class(
    walker: Walker,
    function: Function,
    cls: Class,
    receiver: Thing,
    node: ast.AST,
    frame: Frame,
) -> Value:
    """A function found in a class, bound as Python binds it."""
    marks = function.marks
    if "static" in marks:
        return Value((function,))
    if "class" in marks:
        return Value((Bound(function, cls),))
    if isinstance(receiver, Class):
        return Value((function,))
    if "property" in marks:
        value = invoke(walker, function, receiver, Arguments(), node, frame)
        return value if value is not NOTHING else Value()
    return Value((Bound(function, receiver),))


def above(walker: Walker, thing: Super, wanted: str, node: ast.AST, frame: Frame) -> Value:
    """`super().wanted`."""
    for base in lineage(thing.above)[1:]:
        if wanted in base.attributes:
            return attribute(walker, base, wanted, thing.receiver, node, frame)
    if isinstance(thing.receiver, Object):
        from instep.races.reading.values import Method

        return Value((Method(thing.receiver, wanted),))
    return Value((Outside(f"builtins.object.{wanted}"),))


def call_method(
    walker: Walker,
    thing: Object,
    wanted: str,
    arguments: list[Value],
    node: ast.AST,
    frame: Frame,
) -> Value:
    """Call a method of an instance by its name, if its class has one."""
    found = defined(thing.cls, wanted) if thing.cls is not None else None
    if found is None:
        return NOTHING
    results = [
        invoke(walker, function, thing, Arguments(list(arguments)), node, frame)
        for function in found[1].things
        if isinstance(function, Function)
    ]
    return join(*results)


def default_item(
    walker: Walker, thing: Object, inside: Value, node: ast.AST, frame: Frame
) -> Value:
    """What a `defaultdict` makes where it has nothing."""
    factory = thing.attributes.get("default_factory")
    if factory is None or (inside.things and REST in thing.items):
        return inside
    made: list[Value] = [inside]
    for one in factory.things:
        if isinstance(one, Outside) and one.name in outside.CONTAINERS:
            made.append(Value((Object(outside.CONTAINERS[one.name], thing.site, 0),)))
        elif isinstance(one, Outside) and one.name in outside.LOCKS:
            made.append(Value((Object(one.name, thing.site, 0),)))
        elif isinstance(one, Function):
            made.append(invoke(walker, one, None, Arguments(), node, frame))
        elif isinstance(one, Class):
            made.append(instantiate(walker, one, Arguments(), node, frame))
    value = join(*made)
    heap.put(thing, REST, value)
    return value


def instantiate(
    walker: Walker, cls: Class, arguments: Arguments, node: ast.AST, frame: Frame
) -> Value:
    """Make an instance: `__new__`, then `__init__`, or the fields of a dataclass."""
    meta = next((one for one in cls.bases if isinstance(one, Class) and "meta" in one.marks), None)
    call = meta.attributes.get("__call__") if meta is not None else None
    if call is not None:
        for function in call.things:
            if isinstance(function, Function):
                return invoke(walker, function, cls, arguments, node, frame)
    return construct(walker, cls, arguments, node, frame)


def construct(
    walker: Walker, cls: Class, arguments: Arguments, node: ast.AST, frame: Frame
) -> Value:
    """`type.__call__`: a new instance, initialised."""
    new = defined(cls, "__new__")
    if new is not None and new[1].things and isinstance(new[1].things[0], Function):
        value = invoke(walker, new[1].things[0], cls, arguments, node, frame)
    else:
        value = Value((blank(walker, cls, node, frame),), arguments.reads(), "new")
    for thing in value.objects():
        if thing.cls is cls:
            initialise(walker, thing, cls, arguments, node, frame)
    return value


def blank(walker: Walker, cls: Class, node: ast.AST, frame: Frame) -> Object:
    """A new instance that nothing has set up."""
    site = (frame.module.path, getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
    what = heap.RECORD if is_record(cls) else container(cls) or cls.name
    made = Object(what, site, walker.trace.walk, cls)
    if len(cls.instances) < MOST_INSTANCES and walker.starting:
        cls.instances.append(made)
    return made


def initialise(
    walker: Walker,
    thing: Object,
    cls: Class,
    arguments: Arguments,
    node: ast.AST,
    frame: Frame,
) -> None:
    """Run what sets an instance up."""
    found = defined(cls, "__init__")
    if found is not None:
        for function in found[1].things:
            if isinstance(function, Function):
                invoke(walker, function, thing, arguments, node, frame)
        return
    fields(walker, thing, cls, arguments)
    call_method(walker, thing, "__post_init__", [], node, frame)


def fields(walker: Walker, thing: Object, cls: Class, arguments: Arguments) -> None:
    """The fields of a dataclass, a named tuple or a model: from arguments, or their defaults."""
    names: list[str] = []
    for one in reversed(lineage(cls)):
        for name, default in declared(one):
            names.append(name)
            value = made_default(walker, one, default)
            if value is not None:
                thing.attributes[name] = value
    for name, value in zip(names, arguments.positional, strict=False):
        thing.attributes[name] = value
    for name, value in arguments.keywords.items():
        if name in names:
            thing.attributes[name] = value


def declared(cls: Class) -> list[tuple[str, ast.expr | None]]:
    """The annotated names of a class that are its instances', with their defaults."""
    if cls.fields is None:
        cls.fields = [
            (one.target.id, one.value)
            for one in cls.node.body
            if isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and not ast.unparse(one.annotation).startswith(("ClassVar", "typing.ClassVar"))
        ]
    return cls.fields


def copied(cls: Class) -> bool:
    """Whether each instance gets a copy of what the class holds, as models of pydantic do."""
    names = {base.rpartition(".")[2] for base in outside_bases(cls)}
    return bool(names & {"BaseModel", "BaseSettings", "GenericModel", "Struct"})


def made_default(walker: Walker, cls: Class, value: ast.expr | None) -> Value | None:
    """What `field(default_factory=list)` or a plain default gives to a new instance."""
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg == "default_factory":
                frame = Frame(cls.module, cls.name, walker.trace.walk, parent=cls.frame)
                call = ast.copy_location(
                    ast.Call(func=keyword.value, args=[], keywords=[]), keyword.value
                )
                return walker.evaluate(call, frame)
    if isinstance(value, (ast.Call, ast.List, ast.Dict, ast.Set)) and copied(cls):
        return walker.evaluate(
            value, Frame(cls.module, cls.name, walker.trace.walk, parent=cls.frame)
        )
    if value is None or "dataclass" not in cls.marks:
        return None
    return Value(kind="constant")
