"""Registers actors: functions, methods and classes of views, with the routes that ask for them."""

from __future__ import annotations

import ast

from instep.races.reading import classes, heap
from instep.races.reading.frames import Frame
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Location, Role, Root
from instep.races.reading.values import Bound, Class, Function, Object, Partial, Value
from instep.races.reading.walker import Entry, Walker

ROUTES = frozenset("route api_route websocket expose view callback method_route auth_route".split())
VERBS = frozenset("get post put delete patch head options".split())
VIEW_BASES = frozenset(
    """MethodView View Resource FlaskView RequestHandler HTTPEndpoint APIView BaseView
    MethodResource ResourceBase GenericAPIView AdminIndexView CRUDView Namespace
    BaseNamespace""".split()
)
SERVER_BASES = frozenset(
    """BaseHTTPRequestHandler SimpleHTTPRequestHandler StreamRequestHandler BaseRequestHandler
    DatagramRequestHandler""".split()
)
ASYNC_FRAMEWORKS = frozenset("fastapi starlette quart sanic aiohttp tornado litestar".split())


def threaded(frame: Frame) -> bool:
    """Whether even `async` views of this application run in threads of their own, as Flask's do."""
    for value in frame.module.names.values():
        for thing in value.things:
            name = getattr(thing, "name", "")
            if isinstance(name, str) and name.partition(".")[0] in ASYNC_FRAMEWORKS:
                return False
    return True


def register(
    walker: Walker,
    value: Value,
    role: Role,
    routes: tuple[str, ...],
    frame: Frame,
    *,
    arguments: Arguments | None = None,
    repeated: bool = True,
    only_named: bool = False,
    wanted_async: bool = True,
    made: Function | None = None,
) -> None:
    """Note that the functions a value may be are entries."""
    for thing in value.things:
        function = thing.function if isinstance(thing, Bound) else thing
        if isinstance(thing, Partial):
            inner = Arguments(list(thing.arguments), dict(thing.keywords))
            if any(isinstance(one, Class) for one in thing.target.things):
                view_class(walker, thing.target, routes, inner, frame)
            else:
                register(
                    walker, thing.target, role, routes, frame, arguments=inner, repeated=repeated
                )
            continue
        if isinstance(thing, Object) and thing.cls is not None:
            found = classes.defined(thing.cls, "__call__")
            for one in found[1].things if found else ():
                if isinstance(one, Function):
                    add(walker, Bound(one, thing), one, role, routes, frame, arguments, repeated)
            continue
        if not isinstance(function, Function):
            continue
        if only_named and isinstance(function.node, ast.Lambda):
            continue
        if not wanted_async and isinstance(function.node, ast.AsyncFunctionDef):
            continue
        assert isinstance(thing, (Function, Bound))
        add(walker, thing, function, role, routes, frame, arguments, repeated, made)


def add(
    walker: Walker,
    thing: Function | Bound,
    function: Function,
    role: Role,
    routes: tuple[str, ...],
    frame: Frame,
    arguments: Arguments | None,
    repeated: bool,
    made: Function | None = None,
) -> None:
    """Add one entry."""
    shown = made or function
    own = Frame(shown.module, shown.name, 0)
    receiver = thing.receiver if isinstance(thing, Bound) else None
    if isinstance(receiver, Object) and walker.starting:
        walker.answering.append(receiver)
    site = receiver.site if isinstance(receiver, Object) else id(receiver) if receiver else None
    closure = function.frame
    key = (function.node, site, role, id(closure) if closure and not closure.walk else 0)
    entry = Entry(thing, role, own.place(shown.node), shown.name, list(routes))
    entry.repeated = repeated
    if arguments is not None:
        entry.arguments = tuple(one.bare() for one in arguments.positional)
        entry.keywords = {name: one.bare() for name, one in arguments.keywords.items()}
    walker.register(key, entry)
    if role is Role.BACKGROUND and not walker.starting:
        walker.trace.starts.append((entry.name, walker.trace.guards))


def routes_of(
    walker: Walker, call: ast.Call | None, name: str, target: ast.expr, frame: Frame
) -> tuple[str, ...]:
    """`POST /order`, from the arguments of a decorator or a call."""
    if call is None:
        return ()
    paths = [
        known
        for known in (walker.evaluate(one, frame).constant() for one in call.args)
        if isinstance(known, str)
    ]
    paths = paths or ["?"]
    if name in ("on", "event", "on_message"):
        return tuple(f"event {path}" for path in paths[:4])
    verbs = [name.upper()] if name in VERBS else methods(call)
    owner = target.value if isinstance(target, ast.Attribute) else None
    mark = walker.mounts.mark(walker.evaluate(owner, frame)) if owner is not None else ""
    if name == "class":
        return tuple(mark + path for path in paths)
    return tuple(f"{verb} {mark}{path}" for path in paths[:4] for verb in verbs)


def methods(call: ast.Call) -> list[str]:
    """The methods that a route names; GET, if it names none."""
    for keyword in call.keywords:
        if keyword.arg in ("methods", "method"):
            found = [
                one.value.upper()
                for one in ast.walk(keyword.value)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            return found or ["GET"]
    return ["GET"]


def by_call(
    walker: Walker, given: Arguments, node: ast.expr, frame: Frame, owner: Object | None
) -> None:
    """`add_url_rule`, `add_resource`, `add_route`: views given to a call."""
    mark = walker.mounts.mark(Value((owner,))) if owner is not None else ""
    paths = tuple(
        mark + known
        for known in (one.constant() for one in given.positional)
        if isinstance(known, str)
    )
    verbs = methods(node) if isinstance(node, ast.Call) else ["GET"]
    routes = tuple(f"{verb} {path}" for path in paths[:1] for verb in verbs)
    arguments = Arguments()
    inner = given.keywords.get("resource_class_args")
    for one in inner.objects() if inner else ():
        arguments.positional += list(one.items.values())
    inner = given.keywords.get("resource_class_kwargs")
    for one in inner.objects() if inner else ():
        arguments.keywords.update(
            {key: value for key, value in one.items.items() if isinstance(key, str)}
        )
    for value in given.all():
        for thing in value.things:
            if isinstance(thing, Class):
                view_class(walker, Value((thing,)), paths, arguments, frame)
            elif isinstance(thing, Object) and thing.cls is not None:
                instance(walker, thing, paths, frame)
            elif isinstance(thing, (Function, Bound, Partial)):
                plain = paths if isinstance(thing, Partial) else routes
                register(walker, Value((thing,)), Role.VIEW, plain, frame)


def instance(walker: Walker, thing: Object, paths: tuple[str, ...], frame: Frame) -> None:
    """`add_route("/x", Things())`: one object answers all requests."""
    assert thing.cls is not None
    for cls in classes.lineage(thing.cls):
        for name, value in cls.attributes.items():
            if name.startswith("on_") or name == "__call__":
                verb = name[3:].upper() if name != "__call__" else "GET"
                bound = tuple(
                    Bound(one, thing) for one in value.things if isinstance(one, Function)
                )
                routes = tuple(f"{verb} {path}" for path in paths)
                register(walker, Value(bound), Role.VIEW, routes, frame)


def namespace(walker: Walker, given: Arguments, frame: Frame) -> None:
    """`socketio.on_namespace(Room("/room"))`: one object takes the events of all clients."""
    for value in given.all():
        for thing in value.objects():
            if thing.cls is not None:
                thing.cls.marks.add("views")
                instance(walker, thing, ("event",), frame)


def service(walker: Walker, given: list[Value], frame: Frame) -> None:
    """`add_ShopServicer_to_server(Shop(), server)`: each public method answers all clients."""
    for value in given:
        for thing in value.objects():
            for cls in classes.lineage(thing.cls) if thing.cls else ():
                for name, held in cls.attributes.items():
                    functions = [one for one in held.things if isinstance(one, Function)]
                    bound = tuple(Bound(one, thing) for one in functions if name[0] != "_")
                    register(walker, Value(bound), Role.VIEW, (f"RPC {name}",), frame)


def view_class(
    walker: Walker,
    value: Value,
    paths: tuple[str, ...],
    arguments: Arguments,
    frame: Frame,
) -> None:
    """A class of views: each of its methods that answers a request, on a new instance."""
    for cls in value.things:
        if not isinstance(cls, Class):
            continue
        cls.marks.add("views")
        publish_arguments(cls, arguments)
        shared = shared_instance(walker, cls, arguments, frame)
        for verb, function, owner, method in answering(cls):
            closure = function.frame  # one decorator around two methods makes two wrappers
            wrapper = id(closure) if function.owner is None and closure else 0
            key = (function.node, id(cls), Role.VIEW, wrapper)
            routes = [f"{verb} {path}" for path in paths]
            place = Frame(function.module, function.name, 0).place(function.node)
            name = function.name if owner is cls and not wrapper else f"{cls.name}.{method}"
            thing = Bound(function, shared) if shared is not None else function
            entry = Entry(thing, Role.VIEW, place, name, routes)
            entry.cls = cls if shared is None else None
            if shared is None:
                entry.arguments = tuple(one.bare() for one in arguments.positional)
                entry.keywords = {one: inner.bare() for one, inner in arguments.keywords.items()}
            walker.register(key, entry)


def publish_arguments(cls: Class, arguments: Arguments) -> None:
    """What is handed to every instance of a class of views belongs to all requests."""
    for value in arguments.all():
        for thing in value.objects():
            name = (thing.cls.node.name if thing.cls else thing.what).rpartition(".")[2]
            heap.publish(Value((thing,)), Location(Root.GLOBAL, cls.module.name, name.lower()))


def shared_instance(
    walker: Walker, cls: Class, arguments: Arguments, frame: Frame
) -> Object | None:
    """With `init_every_request = False`, one instance answers all requests."""
    found = classes.defined(cls, "init_every_request")
    statements = found[0].node.body if found else []
    for one in statements:
        if isinstance(one, ast.Assign) and ast.unparse(one) == "init_every_request = False":
            value = classes.instantiate(walker, cls, arguments, cls.node, frame)
            location = Location(Root.GLOBAL, cls.module.name, cls.node.name)
            heap.publish(value, location)
            return next(iter(value.objects()), None)
    return None


def answering(cls: Class) -> list[tuple[str, Function, Class, str]]:
    """The methods of a class of views that answer requests: verb, function, class, name."""
    found: dict[str, tuple[str, Function, Class, str]] = {}
    public = bool({"FlaskView"} & classes.last_bases(cls))
    for one in classes.lineage(cls):
        for name, value in one.attributes.items():
            verb = name.upper() if name in VERBS else name[3:] if name[:3] in ("do_", "on_") else ""
            if name in ("dispatch_request", "handle"):
                verb = "GET"
            if public and not verb and not name.startswith("_"):
                verb = "GET"
            for thing in value.things:
                if verb and isinstance(thing, Function) and name not in found:
                    found[name] = (verb, thing, one, name)
    return list(found.values())


def leftover(walker: Walker, frame: Frame, threading_server: bool) -> None:
    """Classes of views that nothing registers where it can be seen are views all the same."""
    for cls in walker.classes:
        names = classes.last_bases(cls)
        if ("views" not in cls.marks and names & VIEW_BASES) or (
            threading_server and names & SERVER_BASES
        ):
            view_class(walker, Value((cls,)), (), Arguments(), frame)
        elif "wsgi" in cls.marks:
            for thing in cls.instances[:2]:
                register(walker, Value((thing,)), Role.VIEW, ("WSGI",), frame)
