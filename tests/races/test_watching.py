"""The instrumentation: what is told, what is left alone, and that no program can tell."""

import builtins
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import watching_snippets
from watching_helper import Recorder, listening, told

from instep.races.watching import WHOLE, Watch, instrument, probe, watch

SOURCE = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("name", watching_snippets.SNIPPETS)
def test_an_instrumented_program_does_the_same(name: str) -> None:
    """Results, order of evaluation, exceptions and their positions, with and without listener."""
    assert watching_snippets.differences(name) == {}


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_other_interpreters_do_the_same(version: str) -> None:
    """All of it once more under each interpreter that is installed here."""
    python = _interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    script = str(Path(watching_snippets.__file__))
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        [python, script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() == f"{len(watching_snippets.SNIPPETS)} snippets"


def _interpreter(version: str) -> str | None:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = sorted(pyenv.glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}")


@pytest.mark.parametrize("name", watching_snippets.SNIPPETS)
def test_the_same_lines_run(name: str) -> None:
    """What a coverage tool sees is what it saw before."""

    def lines(code: Any) -> set[int]:
        seen: set[int] = set()

        def trace(frame: Any, event: str, argument: Any) -> Any:
            if frame.f_code.co_filename != name:
                return None
            if event == "line":
                seen.add(frame.f_lineno)
            return trace

        space: dict[str, Any] = {"__name__": "snippet", "log": []}
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            exec(code, space)
            space["main"]()
        except Exception:
            pass
        finally:
            sys.settrace(before)
        return seen

    source = watching_snippets.SNIPPETS[name]
    plain = lines(compile(source, name, "exec", dont_inherit=True))
    with listening(Recorder()):
        assert lines(instrument(source, name)) == plain


def test_globals_are_told_before_they_are_touched() -> None:
    """`+=` is a read, room, and a write; the owner is the module's namespace."""
    recorder = told("n = 0\ndef main():\n global n\n n += 1\n return n")
    assert recorder.told == [
        ("read", "dict", "n", "n"),
        ("write", "dict", "n", "n"),
        ("read", "dict", "n", "n"),
    ]


def test_there_is_room_between_the_read_and_the_write() -> None:
    """A listener that changes the value in between loses the other change, as a thread would."""
    space: dict[str, Any] = {"__name__": "shop"}
    exec(instrument("n = 0\ndef main():\n global n\n n += 1", "shop.py", space), space)

    class Meddler(Recorder):
        def access(self, kind: str, owner: Any, key: Any, site: Any) -> None:
            if kind == "write":
                owner["n"] = 10

    with listening(Meddler()):
        space["main"]()
    assert space["n"] == 1


def test_names_that_nobody_writes_are_not_told() -> None:
    """A global that is bound once, an attribute that only a constructor binds."""
    recorder = told("""
        LIMIT = 3
        class Shop:
            def __init__(self): self.name = "x"; self.rows = []
            def see(self): return self.name, LIMIT, self.see, self.rows
        def main(): Shop().see()
    """)
    assert {text for _, _, _, text in recorder.told} <= {"self.rows"}


def test_containers_are_told_by_item_and_as_a_whole() -> None:
    """Items by key; lengths, loops and appends as the whole; local ones not at all."""
    recorder = told("""
        d = {}
        rows = []
        def main():
            mine = {}
            mine["x"] = 1
            d["a"] = 1
            d["a"] += 1
            "a" in d
            d.get("a")
            rows.append(len(rows) + 1)
            for row in rows: pass
            d.pop("a", None)
            del rows[0]
            return rows
    """)
    assert [(kind, key) for kind, _, key, _ in recorder.told] == [
        ("write", "a"),
        ("read", "a"),
        ("write", "a"),
        ("test", "a"),
        ("read", "a"),
        ("test", WHOLE),
        ("write", WHOLE),
        ("iterate", WHOLE),
        ("update", "a"),
        ("write", 0),
        ("read", WHOLE),
    ]


def test_each_turn_of_a_loop_is_told_to_who_wants_it() -> None:
    """The start always; the turns only with `steps`."""
    source = "d = {1: 1, 2: 2, 3: 3}\ndef main():\n for k, v in d.items(): pass"
    assert [kind for kind, *_ in told(source).told].count("iterate") == 1
    assert [kind for kind, *_ in told(source, steps=True).told].count("iterate") == 4


def test_each_turn_of_a_comprehension_is_told_to_who_wants_it() -> None:
    """Over a container and over a view of one."""
    source = "d = {1: 1, 2: 2}\ndef main():\n return [k for k in d], [v for v in d.values()]"
    assert [kind for kind, *_ in told(source).told] == ["iterate"] * 2
    assert [kind for kind, *_ in told(source, steps=True).told] == ["iterate"] * 6


def test_private_names_are_told_as_they_are_kept() -> None:
    """`__count` inside a class is `_Safe__count`."""
    recorder = told("""
        class Safe:
            def __init__(self): self.__count = 0
            def up(self): self.__count += 1
        def main(): Safe().up()
    """)
    assert [key for _, _, key, _ in recorder.told] == ["_Safe__count"] * 2


def test_the_owner_is_where_it_is_kept() -> None:
    """The class for an attribute of the class, the module's namespace for `module.name`."""
    recorder = told("""
        import types
        other = types.ModuleType("other")
        other.n = 0
        class Page:
            hits = 0
        def main():
            page = Page()
            page.hits
            Page.hits += 1
            page.hits = 5
            page.hits
            other.n += 1
    """)
    kinds = [(kind, owner) for kind, owner, _, _ in recorder.told]
    assert kinds[:3] == [("read", "type"), ("read", "type"), ("write", "type")]
    assert kinds[3:5] == [("write", "Page"), ("read", "Page")]
    assert kinds[5:] == [("read", "dict"), ("write", "dict")]


def test_variables_of_a_factory_are_told_by_their_cell() -> None:
    """Both closures that share it tell of the same cell."""
    recorder = told("""
        def make():
            n = 0
            def up():
                nonlocal n
                n += 1
            def see(): return n
            return up, see
        up, see = make()
        def main(): up(); see()
    """)
    assert [kind for kind, *_ in recorder.told] == ["read", "write", "read"]
    assert len({id(owner) for owner in recorder.owners}) == 1


def test_locks_are_told_whenever_they_were_made() -> None:
    """Of a `with`, of `acquire` and `release`; not of other managers."""
    lock = threading.RLock()
    space: dict[str, Any] = {"lock": lock, "__name__": "shop"}
    source = """
import contextlib
def main():
    with lock, contextlib.nullcontext():
        lock.acquire()
    lock.release()
"""
    exec(instrument(source, "shop.py", space), space)
    recorder = Recorder()
    with listening(recorder):
        space["main"]()
    names = [name for name, _ in recorder.locks]
    assert names == ["acquire", "acquire", "release", "release"]
    assert lock.acquire(blocking=False)


def test_a_proxy_is_not_woken() -> None:
    """A proxy that refuses outside of its context, and one that counts who asks."""
    asked = []

    class Refuses:
        def _get_current_object(self) -> Any:
            raise RuntimeError("outside of its context")

        def __getattribute__(self, name: str) -> Any:
            if name == "_get_current_object":
                return object.__getattribute__(self, name)
            asked.append(name)
            return 1

        def __setattr__(self, name: str, value: Any) -> None:
            asked.append(name)

    space: dict[str, Any] = {"p": Refuses(), "__name__": "shop"}
    exec(instrument("def main():\n p.x = p.x + 1", "shop.py", space), space)
    recorder = Recorder()
    with listening(recorder):
        space["main"]()
    assert (recorder.told, asked) == ([], ["x", "x"])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from, forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, **files: str) -> None:
    """Modules, by name with `__` for the folders."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_own_modules_only(project: Path) -> None:
    """What is under the roots, and not installed there, is instrumented; nothing else is."""
    write(project, own_a="import own_b.c, json\nfrom own_b import *\n", own_b__c="def f(): pass\n")
    write(project, own_b__init="X = 1\n", **{"site-packages__lib_d": "Y = 1\n"})
    (project / "own_b/init.py").rename(project / "own_b/__init__.py")
    sys.path.insert(1, str(project / "site-packages"))
    try:
        with watch([project], None) as hook:
            __import__("own_a")
            __import__("lib_d")
    finally:
        sys.path.remove(str(project / "site-packages"))
    assert set(hook.modules) == {"own_a", "own_b", "own_b.c"}
    assert (hook.failed, hook.missed()) == ({}, [])
    assert not list(project.rglob("*.pyc"))[1:], "only lib_d may be cached"


def test_the_programs_namespaces_stay_as_they_were(project: Path) -> None:
    """No name is added to a module, and none to the built-ins that looks like anybody's."""
    write(project, names_a="import threading\nn = 0\ndef up():\n global n\n n += 1\n")
    with watch([project], Recorder()):
        module = __import__("names_a")
        module.up()
    assert [name for name in vars(module) if not name.startswith("__")] == ["threading", "n", "up"]
    assert module.__file__ == str(project / "names_a.py")
    ours = [name for name in dir(builtins) if "instep" in name]
    assert ours
    assert all(name.startswith("__") and name.endswith("__") for name in ours)


def test_a_write_in_another_module_is_known_beforehand(project: Path) -> None:
    """The modules that a program imports are looked at before its first one is instrumented."""
    write(
        project,
        first="class Stock: left = 1\nstock = Stock()\ndef see(): return stock.left\n",
        second="import first\ndef take(): first.stock.left -= 1\n",
        main_p="def app():\n import first, second\n return first\n",
    )
    recorder = Recorder()
    with watch([project], recorder):
        __import__("main_p").app().see()
    assert ("read", "type", "left", "stock.left") in recorder.told


def test_only_what_is_imported_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of foreign files beside the program cost nothing."""
    write(project, alone="import json\n", **{f"foreign_{n}": "x = (" for n in range(50)})
    read: list[str] = []
    native = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.append(self.name) or native(self))
    with watch([project], None):
        __import__("alone")
    assert read == ["alone.py"]


def test_what_was_imported_before_is_named(project: Path) -> None:
    """A module that came too early is not watched, and its user hears of it."""
    write(project, early_m="x = 1\n")
    __import__("early_m")
    with watch([project], None) as hook:
        assert hook.missed() == ["early_m"]


def test_a_file_can_be_left_out(project: Path) -> None:
    """`only` says no to it."""
    write(project, wanted_m="", unwanted_m="")
    with watch([project], None, only=lambda path: path.name != "unwanted_m.py") as hook:
        __import__("wanted_m")
        __import__("unwanted_m")
    assert set(hook.modules) == {"wanted_m"}


def test_broken_source_is_the_interpreters_to_judge(project: Path) -> None:
    """A syntax error is raised with the words, file and line that it always has."""
    write(project, broken_m="x = 1\ny = (\n")
    with watch([project], None), pytest.raises(SyntaxError) as caught:
        __import__("broken_m")
    assert (caught.value.filename, caught.value.lineno) == (str(project / "broken_m.py"), 2)
    assert "hook.py" not in [Path(str(entry.path)).name for entry in caught.traceback]


def test_a_transform_that_fails_leaves_the_module_as_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program runs, unwatched, and the reason is kept."""

    def fails(*arguments: Any) -> Any:
        raise ValueError("no idea")

    monkeypatch.setattr("instep.races.watching.hook.transform", fails)
    write(project, odd_m="x = 1\n")
    with watch([project], None) as hook:
        assert __import__("odd_m").x == 1
    assert hook.failed == {str(project / "odd_m.py"): "ValueError: no idea"}


def test_tracebacks_have_no_frame_of_ours(project: Path) -> None:
    """Not when a module fails at its import, and not when a function does."""
    write(project, fails_m="d = {}\ndef f(): return d['x']\n", raises_m="1 / 0\n")
    with watch([project], Recorder()):
        module = __import__("fails_m")
        with pytest.raises(KeyError) as caught:
            module.f()
        assert [entry.path.name for entry in caught.traceback][1:] == ["fails_m.py"]
        with pytest.raises(ZeroDivisionError) as failed:
            __import__("raises_m")
    names = [Path(str(entry.path)).name for entry in failed.traceback]
    assert "hook.py" not in names


def test_after_the_end_nobody_is_told(project: Path) -> None:
    """Instrumented code runs on, and imports are left alone."""
    write(project, late_m="n = 0\ndef up():\n global n\n n += 1\n", later_m="")
    recorder = Recorder()
    hook: Watch
    with watch([project], recorder) as hook:
        module = __import__("late_m")
    module.up()
    __import__("later_m")
    assert (recorder.told, module.n, set(hook.modules)) == ([], 1, {"late_m"})
    assert probe.listening() is None
