"""Where actors enter: routes, hooks, commands, threads, jobs, in all their spellings."""

from __future__ import annotations

import ast
import re

from instep.races.reading import registering
from instep.races.reading.frames import Frame, words
from instep.races.reading.functions import Arguments
from instep.races.reading.model import Location, Made, Role, Root
from instep.races.reading.registering import ROUTES, VERBS, register, routes_of
from instep.races.reading.values import (
    Bound,
    Class,
    Function,
    Object,
    Outside,
    Registrar,
    Thing,
    Value,
)
from instep.races.reading.walker import Walker

HOOKS = frozenset(
    """before_request after_request teardown_request before_app_request after_app_request
    teardown_app_request teardown_appcontext app_context_processor context_processor errorhandler
    app_errorhandler template_filter app_template_filter template_global app_template_global
    template_test url_value_preprocessor url_defaults user_loader request_loader
    unauthorized_handler verify_password get_password verify_token get_user_roles error_handler
    token_in_blocklist_loader token_in_blacklist_loader user_lookup_loader user_identity_loader
    additional_claims_loader expired_token_loader invalid_token_loader identity_handler
    before_websocket after_this_request needs_refresh_handler header_loader hook middleware
    request_filter connect_handler connection_rate_limit exempt_when handle_exception
    teardown""".split()
)
STARTS = frozenset(
    {"before_first_request", "before_app_first_request", "on_event", "before_serving"}
)
COMMANDS = frozenset(
    """command group shell_context_processor cli_command pass_script_info default_command
    option argument""".split()
)
JOBS = frozenset(
    """task scheduled_job periodic_task job shared_task actor cron interval db_task
    repeat timeout background on_after_configure""".split()
)
LISTENERS = frozenset(
    """on event on_error on_error_default message message_handler callback_query_handler
    event_handler listen listens_for connect_via subscribe on_message on_connect on_topic
    on_namespace handler listener""".split()
)
CALLBACKS = frozenset(
    """add_listener register_listener subscribe add_event_handler register_callback add_callback
    message_callback_add set_callback connect register_error_handler add_template_filter
    add_template_global add_processor register_handler on_event add_handler listen add_done_callback
    signal_connect register_hook observe event_listen""".split()
)
SUBMITTING = frozenset({"submit", "start_background_task", "spawn", "submit_task", "spawn_n"})
LATER = frozenset({"spawn_later", "call_later", "spawn_after", "schedule_once"})
CONSUMING = frozenset({"basic_consume", "consume"})
"""These call what they are given in the one thread that consumes."""
SERVICES = re.compile(r"add_\w+_to_server|register_instance")
"""These answer by the public methods of what they are given."""
NAMESPACES = frozenset({"on_namespace", "register_namespace"})
VIEW_MAKERS = frozenset({"path", "re_path", "url"})


def last_of(target: ast.expr) -> str:
    """The last name of what is called."""
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def decorate(
    walker: Walker, decorator: ast.expr, value: Value, frame: Frame, made: Function | None = None
) -> bool:
    """Take a decorator for what registers an actor; False if it is something else."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call else decorator
    name = last_of(target)
    role = role_of(name, call)
    if role is None or own(walker, target, frame):
        return False
    if isinstance(target, ast.Name):
        things = walker.evaluate(target, frame).things
        if not any(isinstance(thing, Outside) for thing in things):
            return False
    if name in VERBS and not (call and call.args and path_like(call.args[0])):
        return False
    routes = routes_of(walker, call, name, target, frame) if role is Role.VIEW else ()
    register(
        walker,
        value,
        role,
        routes,
        frame,
        wanted_async=not asynchronous(value) or registering.threaded(frame),
        made=made,
    )
    return True


def registrar(walker: Walker, name: str, node: ast.expr, frame: Frame) -> tuple[Thing, ...]:
    """What a call returns that is mostly a decorator: `register = app.route("/")`."""
    role = role_of(name, node) if isinstance(node, ast.Call) else None
    if role is None or not isinstance(node, ast.Call):
        return ()
    if name in VERBS and not (node.args and path_like(node.args[0])):
        return ()
    routes = routes_of(walker, node, name, node.func, frame) if role is Role.VIEW else ()
    return (Registrar(role, routes),)


def handed(walker: Walker, decorator: ast.expr, made: Function, frame: Frame) -> None:
    """`@bot.handle("text")`: a function that somebody else's object is given, to call it."""
    target = decorator.func if isinstance(decorator, ast.Call) else None
    if isinstance(target, ast.Attribute) and frame.cls is None:
        owner = walker.evaluate(target.value, frame)
        if any(thing.cls is None and thing.home is not None for thing in owner.objects()):
            walker.handed.append((made, frame))


def unclaimed(walker: Walker) -> None:
    """What was handed over, and nobody in the program calls, is called by whom it was handed to."""
    for made, frame in walker.handed:
        if made.node not in walker.entered:
            register(walker, Value((made,)), Role.HOOK, (), frame, wanted_async=False)
    walker.handed.clear()


def asynchronous(value: Value) -> bool:
    """Whether what is decorated may be an `async` function."""
    nodes = [getattr(one, "function", one) for one in value.things]
    return any(isinstance(getattr(one, "node", None), ast.AsyncFunctionDef) for one in nodes)


def path_like(node: ast.expr) -> bool:
    """Whether an argument looks like a path of a URL, or cannot be known."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and (node.value == "" or node.value.startswith("/"))
    return isinstance(node, (ast.JoinedStr, ast.Name, ast.Attribute, ast.BinOp))


def role_of(name: str, call: ast.Call | None) -> Role | None:
    """When what is decorated so runs."""
    if name in ROUTES or name in VERBS:
        return Role.VIEW if call is not None or name == "view" else None
    if name in HOOKS:
        return Role.HOOK
    if name in STARTS:
        return Role.STARTUP
    if name in COMMANDS:
        return Role.COMMAND
    if name in JOBS:
        return Role.BACKGROUND
    if name in ("on", "event", "on_message"):
        return Role.VIEW
    if name in LISTENERS:
        return Role.HOOK
    lower = name.lower()
    if lower.endswith(("_loader", "_handler", "_callback", "_listener")):
        return Role.HOOK
    return None


def own(walker: Walker, target: ast.expr, frame: Frame) -> bool:
    """Whether a decorator is the program's own function."""
    things = walker.evaluate(target, frame).things
    return any(isinstance(thing, (Function, Bound, Class)) for thing in things)


def decorate_class(walker: Walker, decorator: ast.expr, cls: Class, frame: Frame) -> None:
    """`@api.route("/x")` on a class of views."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call else decorator
    if call is not None and last_of(target) in ("route", "resource", "add_resource"):
        routes = routes_of(walker, call, "class", target, frame)
        registering.view_class(walker, Value((cls,)), routes, Arguments(), frame)


def defined(walker: Walker, made: Function, frame: Frame) -> None:
    """A WSGI callable is a view, whatever it is called."""
    names = [one.arg for one in made.node.args.args]
    if names[:1] == ["self"]:
        names = names[1:]
    if len(names) == 2 and names[0] in ("environ", "env") and names[1].startswith("start_"):
        if made.owner is None:
            register(walker, Value((made,)), Role.VIEW, ("WSGI",), frame)
        elif isinstance(made.node, ast.FunctionDef) and made.node.name == "__call__":
            made.owner.marks.add("wsgi")


def cached(walker: Walker, made: Function, decorator: ast.expr, frame: Frame) -> None:
    """`lru_cache` keeps results as long as the process."""
    if "cached" not in made.marks or (made.owner is not None and "property" in made.marks):
        return
    location = Location(Root.FUNCTION, made.module.name, made.name.rpartition(".")[2])
    texts: tuple[str, ...] = ()
    if isinstance(decorator, ast.Call):
        texts = tuple(words(one)[:40] for one in (*decorator.args,))
        texts += tuple(f"{one.arg}={words(one.value)[:40]}" for one in decorator.keywords)
    name = "functools.lru_cache" if last(decorator) == "lru_cache" else "functools.cache"
    walker.cached.append((Made(location, name, frame.place(made.node), texts), made))


def callee(decorator: ast.expr) -> ast.expr:
    """What a decorator is, without what it is called with."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def last(decorator: ast.expr) -> str:
    """The last name of a decorator."""
    return last_of(callee(decorator))


def outsider(walker: Walker, made: Object, node: ast.expr, frame: Frame) -> None:
    """Remember what was made outside of the program: it may turn out to live at module level."""
    if len(walker.outsiders) < 20_000:
        role = Role.COMMAND if walker.main else walker.trace.role
        walker.outsiders.append((made, role, frame.place(node), frame.module.name))


def started(walker: Walker, owner: Object, node: ast.expr, frame: Frame) -> None:
    """`thread.start()`."""
    if owner.cls is not None:
        run = owner.cls.attributes.get("run")
        for thing in run.things if run else ():
            if isinstance(thing, Function):
                repeated = not walker.starting
                bound = Value((Bound(thing, owner),))
                register(walker, bound, Role.BACKGROUND, (), frame, repeated=repeated)


def consider(
    walker: Walker,
    name: str,
    given: Arguments,
    node: ast.expr,
    frame: Frame,
    owner: Object | None = None,
    dotted: str = "",
) -> None:
    """Look whether a call of the outside makes an actor of what it is given."""
    if not given.positional and not given.keywords:
        return
    if name in ("register_blueprint", "add_namespace"):
        walker.mounts.mounted(name, given, owner)
    if name == "__init__" and "target" in given.keywords:
        name = "Thread"  # of a subclass, which hands on what it is given
    repeated = not walker.starting or frame.loops > 0
    found = background(name, given, dotted)
    if found is not None:
        target, arguments = found
        again = repeated or name in SUBMITTING
        register(walker, target, Role.BACKGROUND, (), frame, arguments=arguments, repeated=again)
        return
    if name in ("add_url_rule", "add_resource", "add_route", "add_view", "add_namespace", "route"):
        registering.by_call(walker, given, node, frame, owner)
    elif SERVICES.fullmatch(name):
        registering.service(walker, given.positional[:1], frame)
    elif name in NAMESPACES:
        registering.namespace(walker, given, frame)
    elif name in VIEW_MAKERS and len(given.positional) > 1:
        register(walker, given.positional[1], Role.VIEW, path_of(given.positional[0]), frame)
    elif name in HOOKS:
        register(walker, given.positional[0] if given.positional else Value(), Role.HOOK, (), frame)
    elif name in CALLBACKS:
        for value in given.all():
            register(walker, value, Role.HOOK, (), frame, only_named=True)
    elif name == "register" and dotted == "atexit.register":
        register(walker, given.positional[0], Role.STARTUP, (), frame)
    for key, value in given.keywords.items():
        if key.startswith("on_") or key.endswith(("callback", "_handler", "_hook", "_cb")):
            one = name in CONSUMING and not repeated
            register(walker, value, Role.BACKGROUND, (), frame, only_named=True, repeated=not one)


def assigned(walker: Walker, name: str, owner: Value, value: Value, frame: Frame) -> None:
    """`client.on_message = f`: the client's own thread calls it."""
    if not name.startswith("on_") and name not in ("callback", "error_handler"):
        return
    if any(not isinstance(thing, Object) or thing.cls is not None for thing in owner.things):
        return
    register(walker, value, Role.BACKGROUND, (), frame, repeated=False)


def path_of(value: Value) -> tuple[str, ...]:
    """A path, if it is known."""
    known = value.constant()
    return (f"GET /{known.lstrip('/')}",) if isinstance(known, str) else ()


def background(name: str, given: Arguments, dotted: str) -> tuple[Value, Arguments] | None:
    """The function that a call runs beside the requests, with its arguments."""
    positional, keywords = given.positional, given.keywords
    if name in ("Thread", "Greenlet", "QThread") or name.endswith("Thread"):
        target = keywords.get("target") or (positional[1] if len(positional) > 1 else None)
        if target is None:
            target = positional[0] if name == "Greenlet" and positional else None
        return (target, Arguments(tupled(keywords.get("args")))) if target else None
    if name == "Timer" and (len(positional) > 1 or "function" in keywords):
        target = positional[1] if len(positional) > 1 else keywords["function"]
        rest = positional[2] if len(positional) > 2 else keywords.get("args")
        return target, Arguments(tupled(rest))
    if name in SUBMITTING and positional:
        return positional[0], Arguments(positional[1:], dict(keywords))
    if name in LATER and len(positional) > 1:
        return positional[1], Arguments(positional[2:])
    if name == "run_in_executor" and len(positional) > 1:
        return positional[1], Arguments(positional[2:])
    if name == "to_thread" and positional:
        return positional[0], Arguments(positional[1:])
    if name in ("start_new_thread", "start_new"):
        return positional[0], Arguments(tupled(positional[1] if len(positional) > 1 else None))
    if name in ("add_job", "schedule_job", "enter", "enterabs", "do", "scheduled_task"):
        return job(name, given)
    if name in ("map", "imap", "imap_unordered") and not dotted and positional:
        return positional[0], Arguments()
    return None


def job(name: str, given: Arguments) -> tuple[Value, Arguments] | None:
    """The function that a scheduler is given."""
    if "func" in given.keywords:
        return given.keywords["func"], Arguments(tupled(given.keywords.get("args")))
    for value in given.positional:
        if any(isinstance(thing, (Function, Bound)) for thing in value.things):
            return value, Arguments(tupled(given.keywords.get("args")))
    return None


def tupled(value: Value | None) -> list[Value]:
    """The values in `args=(a, b)`."""
    if value is None:
        return []
    for thing in value.objects():
        return [inner.bare() for key, inner in thing.items.items() if isinstance(key, int)] or [
            inner.bare() for inner in thing.items.values()
        ]
    return []
