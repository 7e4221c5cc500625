"""`instep check` and `instep explain` from outside: what goes in, what comes out, how they end."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from instep.cli import Commands, Group, main
from instep.races.rules import RULES, page

ROOT = Path(__file__).parents[2]

RACY = '''\
"""A shop."""

from flask import Flask

app = Flask(__name__)
orders = {}


def draw():
    return len(orders) + 1


@app.post("/order/<code>")
def create(code):
    if code not in orders:
        orders[code] = draw()
    return str(orders[code])
'''
SOUND = """\
from flask import Flask

app = Flask(__name__)
PRICES = {"a": 1}


@app.get("/")
def price():
    return str(PRICES["a"])
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a program that is wrong."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(RACY)
    return tmp_path


def instep(*words: str, given: str | bytes | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, list(words), input=given)


def check(*words: str, given: str | bytes | None = None) -> Result:
    """Check something."""
    return instep("check", *words, given=given)


def findings(*words: str, given: str | bytes | None = None) -> list[dict[str, Any]]:
    """What is found, as JSON."""
    result = check(*words, "--format", "json", given=given)
    assert result.exit_code in (0, 1), result.output
    return list(json.loads(result.stdout)["findings"])


def test_a_wrong_program_exits_with_1() -> None:
    """It is told where, who reaches it, and how much was read."""
    result = check("shop.py")
    assert result.exit_code == 1, result.output
    assert "--> shop.py:16:9 in create" in result.stdout
    assert re.search(r"reached by: .*POST /order/<code>", " ".join(result.stdout.split()))
    assert re.search(r"^1 object can break: 1 high; 1 file, 17 lines in", result.stdout, re.M)
    assert "\x1b" not in result.stdout


def test_a_right_program_exits_with_0() -> None:
    """In one line."""
    Path("shop.py").write_text(SOUND)
    result = check("shop.py")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("nothing found; 1 file, 9 lines")


def test_nothing_is_imported() -> None:
    """A module that does something at import does not do it; nor does its package."""
    Path("trap.py").write_text(f"open('sprung', 'w')\n{RACY}")
    Path("pkg").mkdir()
    Path("pkg/__init__.py").write_text("open('sprung', 'w')\n")
    Path("pkg/views.py").write_text(RACY)
    before = set(sys.modules)
    assert len(findings(".")) == 3
    assert not Path("sprung").exists()
    assert not {"trap", "pkg", "shop"} & (set(sys.modules) - before)


def test_without_a_path_it_is_this_folder() -> None:
    """The same as with a dot."""
    assert findings() == findings(".") != []


def test_a_file_given_twice_is_read_once() -> None:
    """By its name, by another name, and as a part of a folder."""
    Path("link.py").symlink_to("shop.py")
    result = json.loads(check("shop.py", "./shop.py", ".", "link.py", "--format", "json").stdout)
    assert result["files"] == 1
    assert len(result["findings"]) == 1


def test_a_folder_that_contains_itself(folder: Path) -> None:
    """A symbolic link to its parent does not make it endless."""
    (folder / "loop").symlink_to(folder)
    assert len(findings(".")) == 1


def test_a_link_to_itself(folder: Path) -> None:
    """It is a file that cannot be read, or no file at all; the rest is checked."""
    (folder / "itself.py").symlink_to("itself.py")
    assert check("itself.py").exit_code == 2
    result = check()
    assert result.exit_code == 1, result.output
    assert "not checked: itself.py" in result.output


@pytest.mark.parametrize("path", ["nothing", "nothing.py", "notes.txt", "empty"])
def test_what_cannot_be_checked_exits_with_2(path: str) -> None:
    """A path that is not there, a file of another kind, an empty folder: with its name."""
    Path("notes.txt").write_text("orders\n")
    Path("empty").mkdir()
    result = check(path)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("could not check: ")
    assert path in result.stderr


def test_a_script_without_a_suffix() -> None:
    """Its first line says that it is Python."""
    Path("run").write_text(f"#!/usr/bin/env python3\n{RACY}")
    assert [one["path"] for one in findings("run")] == ["run"]


BROKEN = {
    "syntax.py": b"def f(:\n",
    "null.py": b"x = 1\0\n",
    "encoding.py": b"# coding: martian\n",
    "bytes.py": b"x = '\xff'\n",
    "deep.py": b"x = " + b"(" * 5000 + b")" * 5000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_told_and_the_rest_is_checked(name: str) -> None:
    """With its reason; the exit code is that of the findings."""
    Path(name).write_bytes(BROKEN[name])
    result = check(".")
    assert result.exit_code == 1, result.output
    assert f"not checked: {name}:1: " in result.stdout
    assert "1 object can break" in result.stdout
    assert "1 file could not be read and was not checked" in result.stdout
    alone = check(name)
    assert alone.exit_code == 2, alone.output
    assert "nothing was checked" in alone.stdout


def test_what_is_left_when_the_program_cannot_be_read() -> None:
    """Nothing that runs: not a clean program, but one that could not be checked; and why."""
    Path("shop.py").write_text("type Order = dict[str, int]  # a newer Python\nvalues = {1: 2\n")
    Path("words.py").write_text("WORDS = []\n")
    result = check(".")
    assert result.exit_code == 2, result.output
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert f"shop.py:1: not as Python {version} has it: " in " ".join(result.stdout.split())


def test_an_unreadable_file() -> None:
    """Is broken, with the system's reason; root may read all files but for such."""
    Path("secret.py").symlink_to("/proc/self/mem")
    result = check(".")
    assert "secret.py:1: it cannot be opened: Input/output error" in result.stdout


def test_standard_input() -> None:
    """`-` is a module; its findings have no path of ours."""
    [one] = findings("-", given=RACY)
    assert (one["path"], one["line"]) == ("<stdin>", 16)
    assert check("-", given="").exit_code == 0


@pytest.mark.parametrize(
    "source",
    [
        RACY.rstrip("\n"),
        RACY.replace("\n", "\r\n"),
        "\ufeff" + RACY,
        RACY.replace("    ", "\t"),
        RACY.replace("= draw()", "= draw()  # 漢字 \u0301 \U0001f600"),
        RACY.replace('"""A shop."""', '"""A\x0cshop."""'),
        RACY.replace('"""A shop."""', '"""A\u2028shop."""'),
    ],
    ids="end carriage mark tabs wide feed separator".split(),
)
def test_unusual_files(source: str) -> None:
    """No last newline, CRLF, BOM, tabs, wide characters, odd separators: the same finding."""
    Path("shop.py").write_text(source, encoding="utf-8", newline="")
    result = check("shop.py", "--format", "json")
    [one] = json.loads(result.stdout)["findings"]
    assert one["line"] == 16
    text = check("shop.py").stdout
    shown = text[text.index("16 |") :].splitlines()
    assert shown[0].strip().startswith("16 |")
    assert "orders[code] = draw()" in shown[0]
    assert shown[1].index("^") == shown[0].index("orders[code]")


def test_a_terminal_that_cannot_show_it() -> None:
    """An ASCII terminal gets escapes, not an error."""
    Path("shop.py").write_text(RACY.replace("= draw()", "= draw()  # 漢字"))
    command = [sys.executable, "-W", "error", "-m", "instep.cli", "check", "shop.py"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stderr == b""
    assert rb"\u6f22\u5b57" in done.stdout


def test_nobody_reads_to_the_end() -> None:
    """A pipe that is closed early ends it quietly."""
    command = f"{sys.executable} -m instep.cli check shop.py | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


def test_select_and_ignore() -> None:
    """Rules are chosen by id or by its beginning, one by one or with commas."""
    [one] = findings("shop.py")
    assert findings("shop.py", "--select", f"IS140,{one['rule']}") == [one]
    assert check("shop.py", "--ignore", "IS1").exit_code == 0
    wrong = check("shop.py", "--select", "IS1O1")
    assert wrong.exit_code == 2
    assert "there is no rule 'IS1O1'; did you mean" in wrong.stderr


def test_exclude() -> None:
    """Files and folders by pattern."""
    Path("demo").mkdir()
    Path("demo/old.py").write_text(RACY)
    assert len(findings(".")) == 2
    assert len(findings(".", "--exclude", "demo")) == 1
    assert len(findings(".", "--exclude", "*/old.py")) == 1
    assert len(findings("demo", "--exclude", "demo")) == 1, "who names it wants it read"
    assert len(findings("demo/old.py", "--exclude", "*/old.py")) == 1


def test_exit_zero() -> None:
    """What is found is told all the same."""
    result = check("shop.py", "--exit-zero")
    assert result.exit_code == 0
    assert "1 object can break" in result.stdout


def test_min_severity_decides_what_counts() -> None:
    """What is less is counted in a line, and does not fail."""
    Path("shop.py").write_text(
        "from flask import Flask\n\napp = Flask(__name__)\nlatest = None\n\n\n"
        "@app.get('/<name>')\ndef show(name):\n    global latest\n    latest = object()\n"
        "    return ''\n"
    )
    low = check("shop.py", "--min-severity", "low")
    assert low.exit_code == 1, low.output
    usual = check("shop.py")
    assert usual.exit_code == 0, usual.output
    assert "not shown: 1 low (--min-severity low)" in usual.stdout


def test_output_goes_to_a_file() -> None:
    """The whole report, plain; nothing on standard output."""
    for style in ("text", "json", "sarif", "github"):
        result = check("shop.py", "--format", style, "--output", "report")
        assert (result.exit_code, result.output) == (1, ""), style
        assert "shop.py" in Path("report").read_text()
    result = check("shop.py", "--output", "no/report")
    assert result.exit_code == 2
    assert "no/report cannot be written: No such file or directory" in result.stderr


def test_json_says_why_not() -> None:
    """An error is a document too."""
    result = check("nothing", "--format", "json")
    assert result.exit_code == 2
    assert "nothing" in json.loads(result.stdout)["error"]


def test_a_comment_silences() -> None:
    """On the line where the state is defined, with its reason in the report."""
    Path("shop.py").write_text(RACY.replace("orders = {}", "orders = {}  # instep: ignore a demo"))
    result = check("shop.py")
    assert result.exit_code == 0, result.output
    assert "1 finding silenced by comments" in result.stdout
    told = json.loads(check("shop.py", "--format", "json").stdout)["silenced"]
    assert [(one["by"], one["reason"]) for one in told] == [("comment", "a demo")]


def test_a_comment_with_an_unknown_id_is_told() -> None:
    """Without being asked; one without use, when asked."""
    wrong = RACY.replace("orders = {}", "orders = {}  # instep: ignore[IS999]")
    Path("shop.py").write_text(wrong + "x = 1  # instep: ignore\n")
    result = check("shop.py")
    assert result.exit_code == 1
    assert "note: shop.py:6: there is no rule 'IS999'" in result.stdout
    assert "shop.py:18" not in result.stdout
    counted = check("shop.py", "--statistics").stdout
    assert "note: shop.py:18: this comment silences nothing" in " ".join(counted.split())


def test_a_baseline_lets_only_new_findings_fail() -> None:
    """Lines may move; a new finding is told; what is no more is counted."""
    written = check("shop.py", "--write-baseline", "known.json")
    assert (written.exit_code, written.stdout) == (0, "1 finding written to known.json\n")
    Path("shop.py").write_text("# moved\n\n" + RACY)
    known = check("shop.py", "--baseline", "known.json")
    assert known.exit_code == 0, known.output
    assert "1 finding left out, known from the baseline" in known.stdout
    more = RACY.replace("orders", "stock").partition("\n\n\n")[2].replace("draw", "next_one")
    Path("shop.py").write_text(
        f"stock = {{}}\n{RACY}{more.replace('def create', 'def add').replace('/order', '/stock')}"
    )
    new = check("shop.py", "--baseline", "known.json", "--format", "json")
    assert [one["location"].partition("[")[0] for one in json.loads(new.stdout)["findings"]] == [
        "stock"
    ]
    Path("shop.py").write_text(SOUND)
    gone = check("shop.py", "--baseline", "known.json")
    assert gone.exit_code == 0
    assert "1 entry of the baseline found no more: write it again" in gone.stdout


def test_standard_input_has_no_baseline() -> None:
    """It has no name by which it could be known again."""
    result = check("-", "--write-baseline", "known.json", given=RACY)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "could not check: standard input has no place" in result.stderr
    assert not Path("known.json").exists()


def test_a_baseline_does_not_depend_on_where_one_starts(folder: Path) -> None:
    """Checked as a file, a folder, or from outside: the same fingerprints."""
    Path("pyproject.toml").write_text("[tool.instep.check]\n")
    Path("app").mkdir()
    Path("shop.py").rename("app/shop.py")
    prints = {findings(path)[0]["fingerprint"] for path in (".", "app", "app/shop.py")}
    os.chdir("app")
    prints.add(findings("shop.py")[0]["fingerprint"])
    assert findings("shop.py")[0]["path"] == "shop.py"
    assert len(prints) == 1


def test_the_configuration_of_the_project() -> None:
    """It is found above the path, and the command line wins over it."""
    Path("pyproject.toml").write_text("[tool.instep.check]\nignore = ['IS1']\n")
    assert check("shop.py").exit_code == 0
    assert check("shop.py", "--ignore", "IS140").exit_code == 1
    Path("pyproject.toml").write_text("[tool.instep.check]\nignroe = []\n")
    result = check("shop.py")
    assert result.exit_code == 2
    assert "has no key 'ignroe'; did you mean ignore?" in result.stderr


def test_a_program_in_which_nothing_runs() -> None:
    """It says that it saw no view, because silence would look like a pass."""
    Path("shop.py").write_text("n = 0\n\n\ndef up():\n    global n\n    n += 1\n")
    result = check("shop.py")
    assert result.exit_code == 0
    assert "no view, hook or background job was seen" in " ".join(result.stdout.split())


@pytest.mark.parametrize("indent", ["", "    "], ids=["module", "view"])
def test_what_is_too_long_to_follow_is_told(indent: str) -> None:
    """Nobody takes the silence about the end of a long module or view for a good sign."""
    head = "import flask\napp = flask.Flask(__name__)\n"
    view = "@app.route('/')\ndef home():\n"
    steps = f"{indent}a = 1 + 2 + 3\n" * 12_000
    Path("long.py").write_text(head + (view + steps if indent else steps + view + "    pass\n"))
    said = " ".join(check("long.py").stdout.split())
    name = "long.home" if indent else "long"
    assert f"{name} is longer than a check follows; not all of it was checked" in said


@pytest.mark.parametrize("line", ["a = 1 + 2 + 3", "seen.append(1)"], ids=["steps", "accesses"])
def test_what_comes_after_a_long_call_is_checked(line: str) -> None:
    """A call may take most of what is left, not all of it."""
    head = "import flask\napp = flask.Flask(__name__)\nhits, seen = 0, []\n"
    long = "def long():\n" + f"    {line}\n" * 12_000
    view = "@app.route('/')\ndef home():\n    global hits\n    long()\n    hits += 1\n"
    Path("long.py").write_text(head + long + view + "    return str(hits)\n")
    said = " ".join(check("long.py").stdout.split())
    assert "the global `hits` is read, changed and written back" in said
    assert "long.home is longer than a check follows" in said


@pytest.mark.parametrize("start", ["", "def make():\n", "def make():\n    fill()\n"])
def test_what_comes_after_much_that_is_stored_at_the_start_is_checked(start: str) -> None:
    """A walk of what runs at the start defines things, however much it has noted."""
    indent = "    " if start else ""
    stored = "".join(f"{indent}conf['k{number}'] = {number}\n" for number in range(3_500))
    view = "@app.route('/')\ndef home():\n    global hits\n    hits += 1\n    return str(hits)\n"
    view = "".join(indent + line for line in view.splitlines(keepends=True))
    head = "import flask\nconf, hits = {}, 0\ndef fill():\n    conf['a'] = 1\n"
    made = f"{start}{indent}app = flask.Flask(__name__)\n{stored}{view}"
    Path("long.py").write_text(head + made)
    assert "the global `hits` is read, changed and written back" in " ".join(
        check("long.py").stdout.split()
    )


def test_a_module_that_was_cut_is_told_though_it_imports_another() -> None:
    """The walk of the other one is not the end of the first."""
    long = "def long():\n" + "    a = 1 + 2 + 3\n" * 24_000 + "long()\nimport later\n"
    Path("first.py").write_text("import flask\napp = flask.Flask(__name__)\n" + long)
    Path("later.py").write_text("n = 0\n")
    said = " ".join(check("first.py", "later.py").stdout.split())
    assert "first is longer than a check follows" in said


def test_an_error_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a traceback."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("walker")

    monkeypatch.setattr("instep.races.checking.inspection.read", broken)
    result = check("shop.py")
    assert result.exit_code == 2
    assert "instep itself failed (test_check_cli.py:" in result.stderr
    assert "Traceback" not in result.output


class TestExplain:
    """The pages of the rules."""

    def test_a_page_as_it_is_when_piped(self) -> None:
        """By id in any case, or by name."""
        for word in ("IS110", "is110", RULES["IS110"].name):
            result = instep("explain", word)
            assert (result.exit_code, result.stdout.strip()) == (0, page("IS110").strip())

    def test_every_rule_is_listed_and_has_a_page(self) -> None:
        """One line each."""
        listed = instep("explain").stdout
        for rule in RULES:
            assert re.search(rf"^{rule} ", listed, re.M)
            assert instep("explain", rule).exit_code == 0

    @pytest.mark.parametrize(
        ("word", "said"),
        [
            ("IS1O1", "did you mean IS1"),
            ("check-then-akt", "did you mean check-then-act?"),
            ("IS10", "is the beginning of IS101, IS102"),
            ("bananas", "`instep explain` lists them"),
        ],
    )
    def test_a_wrong_word(self, word: str, said: str) -> None:
        """The nearest is named."""
        result = instep("explain", word)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr


def test_the_function_that_comes_to_both_is_shown(folder: Path) -> None:
    """By its calls of the helpers; one call alone leads to both places, and is not."""
    (folder / "shop.py").write_text(
        "from flask import Flask\n\napp = Flask(__name__)\norders = []\n\n\n"
        "def number():\n    return len(orders) + 1\n\n\n"
        "def keep(made):\n    orders.append(made)\n    return made\n\n\n"
        "@app.post('/')\ndef order():\n    made = number()\n    return str(keep(made))\n\n\n"
        "@app.get('/')\ndef again():\n    return order()\n"
    )
    (finding,) = findings("shop.py")
    called = [(site["line"], site["function"]) for site in finding["sites"][2:]]
    assert called == [(18, "shop.order"), (19, "shop.order")]
    shown = check("shop.py").output
    assert re.findall(r"-+ called here", shown) == [
        "-------- called here",
        "---------- called here",
    ]


def test_what_was_made_in_the_wrong_place_is_shown(folder: Path) -> None:
    """As such, and not as a write of anybody."""
    (folder / "shop.py").write_text(
        "import sqlite3\n\nfrom flask import Flask\n\napp = Flask(__name__)\n"
        "db = sqlite3.connect('shop.db')\n\n\n"
        "@app.get('/')\ndef home():\n    return str(db.execute('SELECT 1').fetchone())\n"
    )
    assert re.search(r"-+ made here\n", check("shop.py").output)


def test_the_hook_works_on_a_list_of_files() -> None:
    """The entry of the pre-commit hook, with its arguments, and with files in their place."""
    text = (ROOT / ".pre-commit-hooks.yaml").read_text()
    keys = dict(re.findall(r"^[- ] (\w+): (.+)$", text, re.M))
    assert keys["id"] == "instep-check"
    assert (keys["language"], keys["types_or"]) == ("python", "[python]")
    assert keys["pass_filenames"] == "false"
    words = keys["entry"].split()
    assert words[0] == "instep"
    assert instep(*words[1:], *keys["args"].strip("[]").split(", ")).exit_code == 1
    Path("other.py").write_text(SOUND)
    assert instep(*words[1:], "other.py", "shop.py").exit_code == 1
    assert instep(*words[1:], "other.py").exit_code == 0


@pytest.mark.parametrize("words", [["check", "--format", "json"], ["doctor", "--no-run"]])
def test_standard_output_is_full(words: list[str]) -> None:
    """One line says so, and the exit code is not the one of a finding."""
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "instep.cli", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "No space left on device" in done.stderr


def test_ctrl_c_while_a_command_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends as it does later on; 1 would mean that something was found."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("instep.cli.import_module", interrupted)
    done = CliRunner().invoke(Group(commands=Commands(("check",))), ["check"])
    assert (done.exit_code, done.output) == (130, "interrupted\n")


@pytest.mark.parametrize("words", [["--help"], ["check", "--help"]])
def test_a_command_is_loaded_alone(words: list[str]) -> None:
    """`instep check` does not pay for the commands that nobody asked for, the list for none."""
    code = (
        "import sys\nfrom instep.cli import main\n"
        f"main({words}, standalone_mode=False)\nprint(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert ("instep.cli.check" in loaded) == ("check" in words)
    assert not {"instep.cli.prove", "instep.cli.dump", "rich.markdown", "lmdb", "flask"} & loaded


def test_every_command_is_listed() -> None:
    """With one line that no terminal cuts."""
    modules = (ROOT / "src/instep/cli").glob("*.py")
    there = {path.stem for path in modules if f"def {path.stem}_command(" in path.read_text()}
    listed = CliRunner().invoke(main, ["--help"]).output.partition("Commands:")[2].splitlines()[1:]
    assert {line.split()[0] for line in listed} == there
    assert all(line.endswith(".") and len(line) < 80 for line in listed)


def test_what_is_said_of_several_lines_is_said_once() -> None:
    """The lines stand behind it, and the path once."""
    view = "@app.get('/{0}')\ndef v{0}():\n    if 'k' in d:\n        return d['k']\n    return ''\n"
    head = "import flask\napp = flask.Flask(__name__)\nd = {}\n"
    drop = "@app.delete('/')\ndef drop():\n    if 'k' in d:\n        del d['k']\n    return ''\n"
    Path("shop.py").write_text(head + drop + "".join(view.format(number) for number in range(3)))
    said = " ".join(check("shop.py").stdout.split())
    assert said.count("is tested, and then read again") == 1
    assert "(shop.py:12, 17, 22)" in said


def test_several_that_are_too_long_are_one_note() -> None:
    """With their number, and three of the names."""
    view = "@app.get('/{0}')\ndef v{0}():\n" + "    a = 1 + 2 + 3\n" * 12_000
    head = "import flask\napp = flask.Flask(__name__)\n"
    Path("long.py").write_text(head + "".join(view.format(number) for number in range(4)))
    said = " ".join(check("long.py").stdout.split())
    assert "4 are longer than a check follows" in said
    assert said.count("long.v") == 3
