"""The rules, asked about traces built by hand."""

from __future__ import annotations

import dataclasses

import pytest
from traces import LOCK, Script, place, program, state

from instep.races.reading.model import Kind, Lock, Made, Program, Role, Root
from instep.races.rules import RULES, find
from instep.races.rules.finding import Finding, Severity, Window

READ, WRITE, UPDATE, TEST, ITERATE = Kind.READ, Kind.WRITE, Kind.UPDATE, Kind.TEST, Kind.ITERATE


def only(built: Program) -> Finding:
    """The one finding of a program."""
    (finding,) = find(built)
    return finding


def counting(script: Script, *, calls: int = 0, returned: bool = True) -> Script:
    """`hits += 1`, returned or not."""
    script(UPDATE, state("hits"), method="+=", value="number", calls=calls)
    if returned:
        script(READ, state("hits"), returned=True)
    return script


def test_a_counter_gives_out_duplicates() -> None:
    """`hits += 1; return hits`: high, latent, and said as what visitors see."""
    finding = only(program(counting(Script())))
    assert (finding.rule, finding.severity, finding.window) == (
        "IS101",
        Severity.HIGH,
        Window.LATENT,
    )
    assert finding.consequence == "Two requests get the same number."
    assert finding.actors == ("shop.view",)
    assert finding.reached[0].routes == ("GET /view",)
    assert "increment()" in finding.fix
    assert "lock" in finding.plain


def test_a_call_between_read_and_write_exposes_it() -> None:
    """With a call in between a thread switch is possible on every interpreter."""
    assert only(program(counting(Script(), calls=1))).window is Window.EXPOSED


def test_statistics_that_nothing_hangs_on_are_medium() -> None:
    """A latent counter that nobody returns or decides by is not worth an alarm."""
    finding = only(program(counting(Script(), returned=False)))
    assert finding.severity is Severity.MEDIUM
    assert finding.consequence.startswith("Counts are lost")
    exposed = only(program(counting(Script(), calls=2, returned=False)))
    assert exposed.severity is Severity.HIGH


def test_a_lock_around_all_of_it_is_sound() -> None:
    """Read, write and the returned read in one hold: no finding."""
    script = Script()
    script.take()
    counting(script)
    script.give()
    assert find(program(script)) == []


def test_a_value_read_after_release() -> None:
    """The count is guarded, the number that is returned is not."""
    script = Script()
    script.take()
    counting(script, returned=False)
    script.give()
    script(READ, state("hits"), returned=True)
    finding = only(program(script))
    assert (finding.rule, finding.severity, finding.place.line) == ("IS113", Severity.MEDIUM, 11)


@pytest.mark.parametrize(
    "lock",
    [Lock("made here", private=True), Lock("locks", per_key=True), Lock("lock", shared=True)],
    ids=["private", "per key", "shared"],
)
def test_a_lock_that_excludes_nobody(lock: Lock) -> None:
    """Made in the function, one of many, or taken for reading only: a finding all the same."""
    script = Script()
    script.take(lock)
    counting(script)
    assert only(program(script)).rule == "IS113"


def test_a_lock_for_each_key_guards_entries() -> None:
    """Who has the same key has the same lock."""
    script = Script()
    script.take(Lock("locks", per_key=True))
    read = script(READ, state("D", "[]"), key="user", method="[]")
    script(WRITE, state("D", "[]"), key="user", method="=", depends={read}, calls=1)
    assert find(program(script)) == []


def test_two_views_with_two_locks() -> None:
    """Each has a lock, and they are not the same."""
    add, take = Script("shop.add"), Script("shop.take", line=30)
    for script, lock in ((add, Lock("adding")), (take, Lock("taking"))):
        script.take(lock)
        counting(script, returned=False)
    finding = only(program(add, take))
    assert (finding.rule, len(finding.writes)) == ("IS113", 2)
    assert set(finding.actors) == {"shop.add", "shop.take"}


def test_one_view_forgets_the_lock() -> None:
    """The other one's lock does not keep it out; it is the forgetful one that is high."""
    good, bad = Script("shop.good"), Script("shop.bad", line=30)
    good.take()
    counting(good)
    counting(bad, calls=1)
    finding = only(program(good, bad))
    assert (finding.rule, finding.place.line) == ("IS101", 30)
    assert [also.rule for also in finding.also] == ["IS113"]


def test_startup_and_commands_do_not_race() -> None:
    """Nobody else runs at import, and a command is a process of its own."""
    for role in (Role.STARTUP, Role.COMMAND):
        assert find(program(counting(Script(role=role)))) == []


def test_a_single_background_thread_alone() -> None:
    """It does not run beside itself, so what only it writes is no lost update."""
    writer = counting(Script("shop.tick", Role.BACKGROUND, repeated=False), returned=False)
    reader = Script("shop.show", line=30)
    reader(READ, state("hits"), returned=True)
    assert all(one.severity is Severity.LOW for one in find(program(writer, reader)))


def test_a_background_thread_against_a_view() -> None:
    """As soon as a view writes too, both lose updates."""
    writer = counting(Script("shop.tick", Role.BACKGROUND, repeated=False), calls=1)
    view = counting(Script("shop.spend", line=30), calls=1)
    assert only(program(writer, view)).severity is Severity.HIGH


def numbered(*, lock: bool = False) -> Script:
    """`number = len(D) + 1; D[number] = {…}`."""
    script = Script()
    if lock:
        script.take()
    size = script(TEST, state("D", "[]"), method="len")
    script(WRITE, state("D", "[]"), key="number", method="=", value="new", depends={size})
    return script


def test_the_length_as_the_next_id() -> None:
    """Two requests get the same id."""
    finding = only(program(numbered()))
    assert (finding.rule, finding.severity) == ("IS110", Severity.HIGH)
    assert "same id" in finding.consequence
    assert finding.read is not None
    assert find(program(numbered(lock=True))) == []


def deleting(method: str, script: Script | None = None) -> Script:
    """`if k in D: del D[k]`."""
    script = script or Script()
    test = script(TEST, state("D", "[]"), key="k", method="in")
    script(WRITE, state("D", "[]"), key="k", method=method, guards={test}, atomic=True)
    return script


def test_looked_up_then_deleted() -> None:
    """The second request fails with KeyError."""
    finding = only(program(deleting("del")))
    assert (finding.rule, finding.severity) == ("IS110", Severity.HIGH)
    assert "KeyError" in finding.consequence
    locked = Script()
    locked.take()
    assert find(program(deleting("del", locked))) == []


def test_popping_with_a_default_is_one_step() -> None:
    """`if k in D: D.pop(k, None)` harms nobody."""
    findings = find(program(deleting("pop default")))
    assert all(one.severity is Severity.LOW for one in findings)


def test_only_looking_while_another_deletes() -> None:
    """`if k in D: return D[k]` fails if somebody deletes meanwhile."""
    looking = Script()
    test = looking(TEST, state("D", "[]"), key="k", method="in")
    looking(READ, state("D", "[]"), key="k", method="[]", guards={test})
    deleter = Script("shop.delete", line=30)
    deleter(UPDATE, state("D", "[]"), key="k", method="pop default", atomic=True)
    finding = only(program(looking, deleter))
    assert (finding.rule, finding.place.line) == ("IS110", 11)
    assert find(program(looking)) == []


def lazy(*, again: bool, lock: bool = True) -> Script:
    """`if client is None: with lock: if client is None: client = Client()`."""
    script = Script()
    guards = {script(TEST, state("client"), method="is")}
    if lock:
        script.take()
    if again:
        guards.add(script(TEST, state("client"), method="is", guards=guards))
    script(WRITE, state("client"), method="=", value="new", guards=guards, calls=1)
    script.give()
    script(READ, state("client"), returned=True)
    return script


def test_a_lazy_singleton() -> None:
    """Made twice; and a lock helps only if the test is made again inside."""
    assert only(program(lazy(again=False, lock=False))).rule == "IS111"
    assert only(program(lazy(again=False))).rule == "IS113"
    assert find(program(lazy(again=True))) == []


def test_a_lazy_singleton_that_holds_state() -> None:
    """If requests change what it holds, two of them are not alike."""
    script = lazy(again=False, lock=False)
    script(WRITE, state("client", ".items", "[]"), method="append", value="request", atomic=True)
    findings = {str(one.location): one for one in find(program(script))}
    assert findings["client"].severity is Severity.HIGH


def test_tested_then_read() -> None:
    """A variable that another request sets to None between test and read."""
    script = Script()
    test = script(TEST, state("message"))
    script(READ, state("message"), guards={test})
    clear = Script("shop.clear", line=30)
    clear(WRITE, state("message"), method="=", value="constant")
    finding = only(program(script, clear))
    assert (finding.rule, finding.place.line) == ("IS112", 11)


@pytest.mark.parametrize("writing", ["constant", "request"])
def test_tested_then_read_again_after_a_rebinding(writing: str) -> None:
    """Also if it is set to something else; but not by who only fills what is empty."""
    script = Script()
    test = script(TEST, state("folder"))
    script(READ, state("folder"), guards={test}, returned=True)
    setter = Script("shop.set", line=30)
    setter(WRITE, state("folder"), method="=", value=writing)
    assert "IS112" in [one.rule for one in find(program(script, setter))]
    filler = Script("shop.fill", line=30)
    empty = filler(TEST, state("folder"))
    filler(WRITE, state("folder"), method="=", value="call", guards={empty})
    assert "IS112" not in [one.rule for one in find(program(script, filler))]


def drained(*, emptied: bool = True, lock: bool = False) -> Script:
    """`block = list(pending); pending = []`."""
    script = Script("shop.mine")
    if lock:
        script.take()
    read = script(READ, state("pending"))
    script(WRITE, state("chain", "[]"), method="append", value="call", depends={read}, atomic=True)
    if emptied:
        script(WRITE, state("pending"), method="=", value="new")
    return script


def adding(*, lock: bool = False) -> Script:
    """`pending.append(x)`."""
    script = Script("shop.add", line=30)
    if lock:
        script.take()
    script(WRITE, state("pending", "[]"), method="append", value="request", atomic=True)
    return script


def test_emptied_after_the_entries_were_taken() -> None:
    """What another request adds in between is lost; with one lock it is not."""
    findings = {str(one.location): one for one in find(program(drained(), adding()))}
    assert findings["pending"].severity is Severity.HIGH
    assert "between the taking and the emptying" in findings["pending"].consequence
    kept = {str(one.location): one for one in find(program(drained(emptied=False), adding()))}
    assert kept["pending"].window is Window.PROCESSES
    locked = find(program(drained(lock=True), adding(lock=True)))
    assert [str(one.location) for one in locked] == []


def test_written_and_read_again_for_the_answer() -> None:
    """`result = compute(); return result` with a global in between may answer with another's."""
    script = Script()
    script(WRITE, state("result"), method="=", value="call")
    assert only(program(script)).severity is Severity.LOW
    script(READ, state("result"), returned=True)
    finding = only(program(script))
    assert (finding.rule, finding.severity) == ("IS102", Severity.MEDIUM)
    assert "the other's" in finding.consequence


def test_replaced_while_others_change_it() -> None:
    """`game = Game()` in one view, `game.moves.append(…)` in another."""
    starting, moving = Script("shop.start"), Script("shop.move", line=30)
    starting(WRITE, state("game"), method="=", value="new")
    moving(WRITE, state("game", ".moves", "[]"), method="append", value="request", atomic=True)
    findings = {str(one.location): one for one in find(program(starting, moving))}
    assert findings["game"].severity is Severity.MEDIUM
    assert "thrown away" in findings["game"].consequence


@pytest.mark.parametrize(
    ("value", "again", "severity"),
    [
        ("call", True, Severity.MEDIUM),
        ("request", False, Severity.HIGH),
        ("new", False, Severity.HIGH),
    ],
)
def test_a_cache_or_a_register(value: str, again: bool, severity: Severity) -> None:
    """Making a cached value twice costs time; giving a name away twice is worse."""
    script = Script()
    test = script(TEST, state("D", "[]"), key="k", method="in")
    script(WRITE, state("D", "[]"), key="k", method="=", value=value, guards={test}, calls=1)
    if again:
        script(READ, state("D", "[]"), key="k", method="[]", returned=True)
    finding = only(program(script))
    assert (finding.rule, finding.severity) == ("IS110", severity)


def test_a_cache_of_things_that_change() -> None:
    """If requests change what is cached, the one that is thrown away takes changes along."""
    script = Script()
    test = script(TEST, state("D", "[]"), key="k", method="in")
    script(WRITE, state("D", "[]"), key="k", method="=", value="new", guards={test})
    script(READ, state("D", "[]"), key="k", method="[]", returned=True)
    script(WRITE, state("D", "[]", "[]"), key=None, method="append", atomic=True)
    assert only(program(script)).severity is Severity.HIGH


def test_a_code_that_is_good_for_once() -> None:
    """Looked up, used, and only then taken out: used twice."""
    script = Script()
    found = script(READ, state("codes", "[]"), key="code", method="get", returned=True)
    script(
        UPDATE, state("codes", "[]"), key="code", method="pop default", guards={found}, atomic=True
    )
    finding = only(program(script))
    assert (finding.rule, finding.severity) == ("IS110", Severity.HIGH)
    assert "used twice" in finding.consequence


def test_a_number_that_goes_into_something_else() -> None:
    """A counter is no mere statistics if its number is stored elsewhere."""
    script = Script()
    number = script(UPDATE, state("last_order"), method="+=", value="number")
    script(WRITE, state("orders", "[]"), method="append", depends={number}, atomic=True)
    findings = {str(one.location): one for one in find(program(script))}
    assert findings["last_order"].severity is Severity.HIGH
    assert findings["last_order"].consequence == "Two requests get the same order number."


def test_a_number_that_is_read_before_it_is_raised() -> None:
    """`item["id"] = self.next; items[self.next] = item; self.next += 1` gives an id out twice."""
    script = Script()
    number = script(READ, state("repo", ".next"))
    script(WRITE, state("items", "[]"), key="self.next", method="=", depends={number}, atomic=True)
    script(UPDATE, state("repo", ".next"), method="+=", value="number")
    findings = {str(one.location): one for one in find(program(script))}
    assert findings["repo.next"].severity is Severity.HIGH


def test_a_value_that_depends_on_its_own_test() -> None:
    """`turn = "O" if turn == "X" else "X"` is an update; `if not there: there = True` is none."""
    script = Script()
    test = script(TEST, state("turn"))
    script(WRITE, state("turn"), method="=", value="constant", depends={test})
    assert only(program(script)).rule == "IS101"
    script = Script()
    test = script(TEST, state("there"))
    script(WRITE, state("there"), method="=", value="constant", depends={test}, guards={test})
    assert only(program(script)).rule == "IS111"


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("if len(D) > 100:", Severity.LOW),
        ("while len(D) >= MOST:", Severity.LOW),
        ("if len(D) > 0:", Severity.HIGH),
        ("if len(D) >= 1:", Severity.HIGH),
    ],
)
def test_trimming_is_not_taking_the_last(line: str, severity: Severity) -> None:
    """What is taken out because there is too much leaves enough for the other request."""
    script = Script(line=1)
    test = script(TEST, state("D", "[]"), method="len", atomic=True)
    script(UPDATE, state("D", "[]"), key="0", method="pop", guards={test}, atomic=True)
    built = program(script)
    built.files["shop.py"] = [line, "    D.pop(0)"]
    assert only(built).severity is severity


def test_made_anew_when_too_old() -> None:
    """`if time() - made > 60: made = time()` is a cache that ends, not a lazy singleton."""
    script = Script(line=1)
    test = script(TEST, state("made"))
    script(WRITE, state("made"), method="=", value="call", guards={test}, calls=1)
    built = program(script)
    built.files["shop.py"] = ["if time() - made > 60:", "    made = time()"]
    finding = only(built)
    assert (finding.rule, finding.severity) == ("IS110", Severity.MEDIUM)
    assert "too old" in finding.consequence


@pytest.mark.parametrize(("told", "severity"), [(True, Severity.HIGH), (False, Severity.MEDIUM)])
def test_adding_to_a_set(told: bool, severity: Severity) -> None:
    """The set is right whoever adds; what the two visitors are told is not."""
    script = Script()
    test = script(TEST, state("booked", "[]"), key="seat", method="in", returned=told)
    script(WRITE, state("booked", "[]"), key="seat", method="add", guards={test}, atomic=True)
    assert only(program(script)).severity is severity


def test_tested_in_one_function_and_read_in_another() -> None:
    """A binding that was tested somewhere else is not what this read relies on."""
    script = Script()
    test = script(TEST, state("winner"))
    script.name = "shop.helper"
    script(READ, state("winner"), guards={test}, returned=True)
    setter = Script("shop.set", line=30)
    setter(WRITE, state("winner"), method="=", value="constant")
    assert all(one.severity is Severity.LOW for one in find(program(script, setter)))


def test_looked_up_then_changed() -> None:
    """An entry that another request may delete meanwhile; without such a request, no finding."""
    script = Script()
    found = script(ITERATE, state("todos", "[]"))
    script(WRITE, state("todos", "[]", "[]"), key="'done'", value="constant", guards={found})
    deleter = Script("shop.delete", line=30)
    deleter(WRITE, state("todos", "[]"), key="todo", method="remove", atomic=True)
    finding = only(program(script, deleter))
    assert (finding.rule, finding.severity, finding.place.line) == ("IS110", Severity.HIGH, 11)
    assert "nobody sees" in finding.consequence
    assert only(program(script)).severity is Severity.LOW


@pytest.mark.parametrize("value", ["number", "call"])
def test_checked_then_changed(value: str) -> None:
    """`if stock > 0: stock -= 1` sells the last one twice, whoever else only writes."""
    script = Script()
    test = script(TEST, state("stock"))
    script(UPDATE, state("stock"), method="-=", value=value, guards={test})
    finding = only(program(script))
    assert (finding.rule, finding.severity) == ("IS110", Severity.HIGH)
    assert "sold twice" in finding.consequence


def test_what_a_thread_local_keeps() -> None:
    """The next request of the thread finds it; cleared by a hook, or set first, it does not."""
    local = state("local", ".user", root=Root.CONTEXT)
    login, index = Script("shop.login"), Script("shop.index", line=30)
    login(WRITE, local, method="=", value="request")
    index(READ, local, returned=True)
    finding = only(program(login, index))
    assert (finding.rule, finding.place.line, finding.read) == (
        "IS141",
        10,
        place(30, "shop.index"),
    )
    index.trace.insert(0, login.trace[0])
    index.trace[1] = dataclasses.replace(index.trace[1], number=1)
    assert find(program(login, index)) == []


def test_torn_fields_of_a_single_thread() -> None:
    """A thread that writes and reads alone does not tear its own fields."""
    script = Script("shop.measure", Role.BACKGROUND, repeated=False)
    for kind in (WRITE, READ):
        for field in (".x", ".y"):
            script(kind, state("robot", field), method="=", value="call")
    assert all(one.severity is Severity.LOW for one in find(program(script)))


def test_what_lies_in_entries_is_told_apart() -> None:
    """Attributes of entries are findings of their own; fields of dictionaries are the store's."""
    script = Script()
    script(UPDATE, state("games", "[]", ".moves"), method="+=", value="number", calls=1)
    script(UPDATE, state("todos", "[]", "[]"), key="'votes'", method="+=", calls=1)
    assert [str(one.location) for one in find(program(script))] == ["games[].moves", "todos"]


@pytest.mark.parametrize(
    ("holds", "method", "atomic", "severity"),
    [
        ("dict", "=", False, Severity.HIGH),
        ("dict", "=", True, None),
        ("list", "append", False, None),
        ("list", "remove", False, Severity.MEDIUM),
    ],
)
def test_iterating(holds: str, method: str, atomic: bool, severity: Severity | None) -> None:
    """A dictionary raises, a list skips only if something is taken out, a copy is safe."""
    reader = Script()
    reader(ITERATE, state("D", "[]"), atomic=atomic)
    writer = Script("shop.write", line=30)
    writer(WRITE, state("D", "[]"), key="k", method=method, value="constant", atomic=True)
    built = program(reader, writer, types={state("D"): holds})
    found = [one for one in find(built) if one.rule == "IS114"]
    assert [one.severity for one in found] == ([severity] if severity else [])


def robot(*, lock: bool) -> Script:
    """`robot.x = to; robot.y = to`."""
    script = Script("shop.move")
    if lock:
        script.take()
    for field in (".x", ".y"):
        script(WRITE, state("robot", field), method="=", value="call")
    script.give()
    return script


def looking(*, lock: bool) -> Script:
    """`robot.x, robot.y`."""
    script = Script("shop.where", line=30)
    if lock:
        script.take()
    for field in (".x", ".y"):
        script(READ, state("robot", field), returned=True)
    return script


def test_fields_that_belong_together() -> None:
    """Torn without a lock, half without the reader's lock, sound with both."""

    def rules(write: bool, read: bool) -> list[str]:
        found = find(program(robot(lock=write), looking(lock=read)))
        return [one.rule for one in found if one.severity is not Severity.LOW]

    assert rules(False, False) == rules(False, True) == ["IS115"]
    assert rules(True, False) == ["IS113"]
    assert rules(True, True) == []


def test_single_steps_are_notes() -> None:
    """Appending alone cannot be torn."""
    script = Script()
    script(WRITE, state("D", "[]"), method="append", value="request", atomic=True)
    finding = only(program(script))
    assert (finding.severity, finding.window) == (Severity.LOW, Window.PROCESSES)


def test_entries_that_others_look_for() -> None:
    """Another worker process does not find them: medium."""
    script = Script()
    script(WRITE, state("D", "[]"), key="name", method="=", value="new", atomic=True)
    reader = Script("shop.show", line=30)
    reader(READ, state("D", "[]"), key="name", method="get", returned=True)
    finding = only(program(script, reader))
    assert (finding.rule, finding.severity) == ("IS103", Severity.MEDIUM)
    assert finding.window is Window.PROCESSES


def test_a_workspace_in_a_global() -> None:
    """Emptied, filled and answered from: two requests mix."""
    script = Script()
    script(WRITE, state("D"), method="=", value="new")
    script(WRITE, state("D", "[]"), method="append", value="call", atomic=True)
    script(READ, state("D"), returned=True)
    finding = only(program(script))
    assert (finding.rule, finding.severity) == ("IS102", Severity.HIGH)


@pytest.mark.parametrize(
    ("name", "again", "others", "severity"),
    [
        ("theme", True, False, Severity.HIGH),
        ("theme", False, True, Severity.LOW),
        ("current_user", False, True, Severity.HIGH),
        ("theme", False, False, Severity.LOW),
    ],
)
def test_request_data_in_a_global(name: str, again: bool, others: bool, severity: Severity) -> None:
    """High if this request reads it again, or if others do and it sounds like somebody's own."""
    script, reader = Script(), Script("shop.show", line=30)
    script(WRITE, state(name), method="=", value="request")
    if again:
        script(READ, state(name), returned=True)
    if others:
        reader(READ, state(name), returned=True)
    finding = only(program(script, reader))
    rule = "IS140" if severity is Severity.HIGH else "IS102"
    assert (finding.rule, finding.severity) == (rule, severity)


def test_one_connection_for_all() -> None:
    """Used by requests without a lock; a lock around every use is enough."""

    def built(*, lock: bool) -> Program:
        script = Script()
        if lock:
            script.take()
        script(READ, state("db"), method="execute")
        script(READ, state("db"), method="commit")
        made = Made(state("db"), "sqlite3.connect", place(3, "shop"))
        return Program(actors=[script.actor()], made=[made])

    finding = only(built(lock=False))
    assert (finding.rule, finding.severity, len(finding.writes)) == ("IS120", Severity.HIGH, 2)
    assert finding.read == place(3, "shop")
    assert find(built(lock=True)) == []


@pytest.mark.parametrize(
    ("what", "name", "arguments", "started", "rule"),
    [
        ("random.Random", "dice", (), False, "IS130"),
        ("threading.Thread", "worker", (), True, "IS131"),
        ("threading.Thread", "worker", (), False, None),
        ("cachelib.SimpleCache", "cache", (), False, "IS132"),
        ("cachelib.FileSystemCache", "cache", (), False, None),
        ("flask_limiter.Limiter", "limiter", ("storage_uri='memory://'",), False, "IS132"),
        ("flask_limiter.Limiter", "limiter", ("storage_uri='redis://x'",), False, None),
        ("functools.lru_cache", "price", ("reads: prices",), False, "IS132"),
        ("coverage.coverage", "coverage", (), True, None),
        ("functools.lru_cache", "fibonacci", (), False, None),
        ("os.urandom", "SECRET_KEY", (), False, "IS133"),
    ],
)
def test_what_is_made_at_import(
    what: str, name: str, arguments: tuple[str, ...], started: bool, rule: str | None
) -> None:
    """A table says what of it goes wrong; made in a command, nothing does."""
    made = Made(state(name), what, place(3, "shop"), arguments, started)
    assert [one.rule for one in find(Program(made=[made]))] == ([rule] if rule else [])
    later = Made(state(name), what, place(3, "shop"), arguments, started, Role.COMMAND)
    assert find(Program(made=[later])) == []


def test_g_between_requests() -> None:
    """Counted in g; unless a hook has begun the count for this very request."""
    counter = state("g", ".visits", root=Root.CONTEXT)
    view = Script()
    test = view(TEST, counter, method="hasattr")
    view(WRITE, counter, method="=", value="constant", guards={test})
    view(UPDATE, counter, method="+=", value="number")
    view(READ, counter, returned=True)
    assert only(program(view)).rule == "IS141"
    hook = Script("shop.before", Role.HOOK, line=30)
    hook(WRITE, counter, method="=", value="constant")
    assert find(program(view, hook)) == []


def test_the_session() -> None:
    """Changed inside is not saved; read and written back is lost between two tabs."""
    inside = Script()
    inside(WRITE, state("session", "[]", "[]", root=Root.SESSION), method="append", atomic=True)
    assert only(program(inside)).severity is Severity.MEDIUM
    inside(WRITE, state("session", ".modified", root=Root.SESSION), method="=")
    assert find(program(inside)) == []
    counted = Script()
    entry = state("session", "[]", root=Root.SESSION)
    read = counted(READ, entry, key="'n'", method="get")
    counted(WRITE, entry, key="'n'", method="=", depends={read})
    assert only(program(counted)).severity is Severity.LOW


def test_a_file_that_is_loaded_and_dumped() -> None:
    """High; low under a lock of threads; none if made anew or under a lock of all processes."""

    def built(lock: Lock | None, value: str = "call") -> list[Severity]:
        script, file = Script(), state("guests.json", root=Root.FILE)
        if lock is not None:
            script.take(lock)
        read = script(READ, file, method="open")
        script(WRITE, file, method="dump", value=value, depends={read}, guards={read})
        return [one.severity for one in find(program(script))]

    assert built(None) == [Severity.HIGH]
    assert built(None, value="new") == []
    assert built(LOCK) == [Severity.LOW]
    assert built(Lock("fcntl.flock")) == []


def test_one_finding_for_each_piece_of_state() -> None:
    """All symptoms of a store are one finding, named by the worst, the worst findings first."""
    script = numbered()
    deleting("del", script)
    counting(script, returned=False)
    first, second = find(program(script))
    assert (first.rule, str(first.location)) == ("IS110", "D")
    assert len(first.writes) == 2
    assert (second.rule, second.severity) == ("IS101", Severity.MEDIUM)


def test_selecting_and_ignoring() -> None:
    """What is not asked for is not found, and the next worst names the state."""
    built = program(numbered())
    assert find(built, select={"IS101"}) == []
    assert [one.rule for one in find(built, ignore={"IS110"})] == ["IS103"]


def test_the_same_program_gives_the_same_findings() -> None:
    """The order of actors does not matter."""
    first, second = counting(Script("shop.a"), calls=1), deleting("del", Script("shop.b", line=40))
    one, other = find(program(first, second)), find(program(second, first))
    assert [(f.rule, f.place) for f in one] == [(f.rule, f.place) for f in other]


def test_every_rule_has_its_line() -> None:
    """The table is complete, in order, and says things in few words."""
    assert list(RULES) == sorted(RULES)
    assert len(RULES) == 21
    for rule in RULES.values():
        assert len(rule.summary) < 80
        assert rule.name == rule.name.lower()
