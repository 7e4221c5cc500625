"""`instep explore`: requests of a program, its reports, and what it says when it cannot."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from explore_programs import SHOP, WSGI

from instep.cli import main
from instep.races.checking import check
from instep.races.doctor.wishes import requests
from instep.races.exploring.suspects import lines, read

Explore = Callable[..., Result]


@pytest.fixture
def explore(tmp_path: Path) -> Iterator[Explore]:
    """The command, in a folder of its own; modules are forgotten at the end."""
    before = set(sys.modules)

    def run(*words: str, **files: str) -> Result:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        return CliRunner().invoke(main, ["explore", "--chdir", str(tmp_path), *words])

    yield run
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def flat(text: str) -> str:
    """Without the breaks of lines."""
    return " ".join(text.split())


def test_two_orders_get_the_same_number(explore: Explore) -> None:
    """The story shows both columns with values; the exit code is 1."""
    done = explore("shop:app", 'POST /order {"item": 3}', "--width", "100", shop=SHOP)
    assert done.exit_code == 1, done.output
    assert 'A: 200 OK {"number": 1}, B: 200 OK {"number": 1}' in flat(done.output)
    assert "number = len(orders) + 1" in done.output
    assert "writes orders[1]: 3" in done.output
    assert "exposed" in done.output
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


def test_the_narrow_story(explore: Explore) -> None:
    """80 columns are enough."""
    done = explore("shop:app", 'POST /order {"item": 3}', "--width", "80", shop=SHOP)
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_what_is_sound_says_how_much_was_seen(explore: Explore) -> None:
    """Never `proven`; the exit code is 0."""
    done = explore("shop:app", "POST /safe", "POST /safe", shop=SHOP)
    assert done.exit_code == 0, done.output
    assert re.search(
        r"no violation among \d+ schedules with <= 2 preemptions, over \d+ accesses",
        flat(done.output),
    )
    assert "Not seen is not proven." in done.output


def test_replay(explore: Explore) -> None:
    """The id runs the same schedule; after a change of the program it says that it does not fit."""
    order = 'POST /order {"item": 3}'
    first = json.loads(explore("shop:app", order, "--json", shop=SHOP).stdout)
    replay = first["explorations"][0]["violation"]["replay"]
    again = explore("shop:app", order, "--json", "--replay", replay)
    found = json.loads(again.stdout)["explorations"][0]
    assert again.exit_code == 1
    assert found["schedules"] == 1
    assert found["violation"]["answers"] == first["explorations"][0]["violation"]["answers"]
    wrong = explore("shop:app", "POST /safe", "--replay", replay)
    assert wrong.exit_code == 2
    assert "does not fit any more" in flat(wrong.output)
    none = explore("shop:app", order, "--replay", "whatever")
    assert none.exit_code == 2
    assert "is no replay id" in none.output


def test_json_is_one_document(explore: Explore) -> None:
    """What the program prints is not in it; the story and the orders are."""
    done = explore("shop:app", "POST /buy n=1", "POST /buy n=1", "--json", shop=SHOP)
    told = json.loads(done.stdout)
    assert told["verdict"] == "wrong"
    found = told["explorations"][0]
    assert [answer["body"] for answer in found["violation"]["answers"]] == ["bought", "bought"]
    assert set(found["orders"]) == {"AB", "BA"}
    assert found["violation"]["window"] == "exposed"
    assert any(line["source"].startswith("if stock") for line in found["violation"]["story"])
    assert {candidate["path"] for candidate in found["candidates"]}


def test_only_our_document_is_on_standard_output(tmp_path: Path) -> None:
    """Also if the program's own processes print, and the program when it ends."""
    loud = "import atexit, os\n\nos.system('echo loud')\natexit.register(print, 'loud')\n"
    (tmp_path / "loud.py").write_text(WSGI + loud)
    words = [sys.executable, "-m", "instep.cli", "explore", "loud:app", "/?3", "--json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["verdict"] == "wrong"
    assert done.stderr.count("loud") == 2


def test_the_page(explore: Explore, tmp_path: Path) -> None:
    """One file: a picture with words for who cannot see it, nothing loaded, no script."""
    page = tmp_path / "page.html"
    done = explore("shop:app", "POST /buy n=1", "--html", str(page), shop=SHOP)
    assert done.exit_code == 1
    text = page.read_text()
    svg = re.search(r"<svg.*?</svg>", text, re.S)
    assert svg
    picture = ElementTree.fromstring(svg.group())
    assert picture.get("role") == "img"
    assert "if stock" in (picture.get("aria-label") or "")
    assert not re.search(r"<script|src=|https?://(?!www\.w3\.org)", text)
    assert "prefers-color-scheme" in text


def test_first_then_invariant(explore: Explore) -> None:
    """A login before, a request afterwards, a condition at the end."""
    done = explore("shop:app", "/mine", "/mine", "--first", "POST /login user=ann", shop=SHOP)
    assert "401" not in done.output
    assert "drops is 1 afterwards; every order leaves 2" in flat(done.output)
    then = explore("shop:app", 'POST /order {"item": 1}', "--then", "/count")
    assert "asked afterwards: 200 OK 1; every order leads to 200 OK 2" in flat(then.output)
    broken = explore("shop:app", "POST /buy n=1", "--invariant", "shop:whole")
    assert "invariant" in broken.output


def test_files_are_not_put_back(explore: Explore) -> None:
    """It is said, with the way out; --reset takes it."""
    done = explore("shop:app", "POST /file", "--random", "0", shop=SHOP)
    assert "counter.txt" in done.output
    assert "--reset MODULE:FUNCTION" in done.output
    mended = explore("shop:app", "POST /file", "--reset", "shop:reset", "--random", "0")
    assert "--reset" not in mended.output
    assert "files and databases is not judged" in flat(mended.output)


def test_any_wsgi_callable(explore: Explore) -> None:
    """Flask is not needed."""
    done = explore("plain:app", "/?3", "/?4", plain=WSGI)
    assert done.exit_code == 1
    assert "App.total" in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere:app", "/"], "there is no module nowhere"),
        (["code/shop.py:app", "/"], "names a file; name the module, .*: shop:app"),
        (["shop:nothing", "/"], "'nothing' is not in shop;"),
        (["shop:drops", "/"], "is of type int, not a WSGI application"),
        (["shop:create_app()", "/"], "give a factory its arguments as plain literals"),
        (["shop:create_app", "/count"], r"takes \(name\), so it is no WSGI application"),
        (["shop:make", "/count"], r"is a factory; call it: shop:make\(\)"),
        (["shop:make_two", "/count"], "gives a Flask and no answer, as a factory"),
        (["shop:app", "/", "--reset", "shop:fails"], "--reset raised ValueError: no table"),
        (["shop:app"], "name two requests"),
        (["shop:app", "/", "/", "/", "/"], "name at most three"),
        (["shop:app", "order"], "is no request"),
        (["shop:app", 'POST /order {"item": }'], "begins like JSON and is none"),
        (["shop:app", "POST / -H nothing"], "is no header"),
        (["shop:app", "/ -H"], "is no header"),
        (
            ["shop:app", "POST /safe", "--html", "/dev/full"],
            "/dev/full cannot be written: No space",
        ),
        (["shop:app", "@missing.http"], "cannot be read"),
        (["shop:app", "/forever", "--timeout", "0.3"], "not over after 0.3 s, even alone"),
        (["shop:app", "/", "--invariant", "shop:nobody"], "write MODULE:FUNCTION"),
        (["shop:app", "/", "--reset", "shop:drops"], "not a function"),
        (["shop:app", "--candidates-from", "none.json"], "cannot be read"),
        (["shop:app", "/", "--reset", "nope:x"], "--reset nope:x: No module"),
    ],
)
def test_what_cannot_be_explored(explore: Explore, words: list[str], told: str) -> None:
    """One sentence that says what to do; no traceback, and the exit code is 2."""
    done = explore(*words, shop=SHOP)
    assert re.search(told, flat(done.output)), done.output
    assert "Traceback" not in done.output
    assert done.exit_code == 2, done.output


def test_a_program_that_fails_at_import(explore: Explore) -> None:
    """Its own error, short, with its line."""
    done = explore("bad:app", "/", bad="import os\n\napp = os.environ['NO_SUCH_KEY']\n")
    assert done.exit_code == 2
    assert "KeyError: 'NO_SUCH_KEY'" in flat(done.output)
    assert "bad.py:3" in done.output.replace("\n", "")
    newer = explore("newer:app", "/", newer="def app(:\n    pass\n")
    assert newer.exit_code == 2
    assert "newer.py:1" in newer.output.replace("\n", "")
    assert f", as Python 3.{sys.version_info.minor} reads it" in flat(newer.output)


def test_a_termination_is_no_error_of_the_program(explore: Explore) -> None:
    """Whatever is going on then, such as its import."""
    done = explore("ended:app", "/", ended="import os\n\nos.kill(os.getpid(), 15)\n")
    assert (done.exit_code, done.output) == (143, "")


def test_a_request_that_fails_alone(explore: Explore) -> None:
    """It is explored all the same, and said; if all of them fail, nothing was explored."""
    done = explore("shop:app", "/nowhere", "/count", shop=SHOP)
    assert done.exit_code == 0
    assert "GET /nowhere fails already alone: 404" in flat(done.output)
    failed = explore("shop:app", "/nowhere", "/fails")
    assert failed.exit_code == 2
    assert "nothing was explored: every call failed" in flat(failed.output)
    assert "GET /fails fails already alone: 500" in flat(failed.output)
    told = explore("shop:app", "POST /order", "--json")
    assert json.loads(told.stdout)["verdict"] == "not run"
    assert "does it need another body?" in told.stdout


def test_threads_that_a_fork_does_not_copy(explore: Explore) -> None:
    """They are named."""
    text = SHOP + (
        "\nthreading.Thread(target=threading.Event().wait, name='feeder', daemon=True).start()\n"
    )
    done = explore("fed:app", "POST /safe", fed=text)
    assert "threads that the program started at import (feeder)" in flat(done.output)


def test_a_thread_that_never_ends(tmp_path: Path) -> None:
    """It does not keep the command from its end, though it is no daemon."""
    text = "import threading\n\nthreading.Thread(target=threading.Event().wait).start()\n"
    (tmp_path / "endless.py").write_text(WSGI + text)
    words = [sys.executable, "-m", "instep.cli", "explore", "endless:app", "/?3"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, timeout=60)
    assert done.returncode == 1, done.stderr


def test_nothing_that_could_meet(explore: Explore) -> None:
    """It says so, instead of "no violation" alone."""
    done = explore("shop:app", "/count", "/count", shop=SHOP)
    assert done.exit_code == 0
    assert "nothing was tried either" in flat(done.output)


def test_what_check_found_is_confirmed(explore: Explore, tmp_path: Path) -> None:
    """The findings name the requests, and the violation names the findings."""
    (tmp_path / "shop.py").write_text(SHOP)
    found = tmp_path / "check.json"
    checked = CliRunner().invoke(
        main, ["check", str(tmp_path / "shop.py"), "--format", "json", "--output", str(found)]
    )
    assert checked.exit_code == 1, checked.output
    findings = json.loads(found.read_text())["findings"]
    done = explore(
        "shop:app", "POST /buy n=1", "--candidates-from", str(found), "--json", shop=SHOP
    )
    told = json.loads(done.stdout)
    assert told["verdict"] == "wrong"
    confirmed = told["explorations"][0]["confirmed"]
    assert confirmed
    assert set(confirmed) <= {finding["fingerprint"] for finding in findings}
    few = ("--random", "0", "--schedules", "4")
    alone = explore("shop:app", "--candidates-from", str(found), "--json", *few)
    asked = [one["requests"] for one in json.loads(alone.stdout)["explorations"]]
    assert ["POST /buy n=1", "POST /buy n=1"] in asked
    assert ['POST /order {"item": "item"}'] * 2 in asked


STORE = """
orders = []


def count():
    return len(orders) + 1


def keep(number):
    orders.append(number)
    return {"number": number}
"""
VIEWS = """
from flask import Flask, request

import store

app = Flask(__name__)
seen = []


@app.post("/order")
def order():
    number = store.count() if request.json["item"] else seen.append(1)
    return store.keep(number)
"""


def test_a_view_may_stand_in_another_file_than_its_state(explore: Explore, tmp_path: Path) -> None:
    """Its request is guessed from its own source; the calls in it are nothing to switch at."""
    (tmp_path / "store.py").write_text(STORE)
    (tmp_path / "views.py").write_text(VIEWS)
    found = str(tmp_path / "found.json")
    CliRunner().invoke(main, ["check", str(tmp_path), "--format", "json", "--output", found])
    report = check([tmp_path])
    (entry,) = report.findings
    assert [site.line for site in entry.sites if site.kind == "call"] == [12, 13]
    assert {line for _, line in lines(read(Path(found)))} == {6, 10}
    assert requests(report.findings, tmp_path) == ('POST /order {"item": "item"}',)
    done = explore("views:app", "--candidates-from", found, "--random", "0", "--json")
    (told,) = json.loads(done.stdout)["explorations"]
    assert told["confirmed"] == [entry.fingerprint]


def test_paths_of_a_report_are_found_again(
    explore: Explore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that `check` told are relative to where it ran, or to the program's folder."""
    (tmp_path / "shop.py").write_text(SHOP)
    for folder, name in ((tmp_path.parent, f"{tmp_path.name}/shop.py"), (tmp_path, "shop.py")):
        monkeypatch.chdir(folder)
        words = ["check", name, "--format", "json", "--output", str(tmp_path / "found.json")]
        CliRunner().invoke(main, words)
        monkeypatch.chdir(tmp_path.parent)
        found = str(tmp_path / "found.json")
        done = explore("shop:app", "POST /buy n=1", "--candidates-from", found, "--json")
        assert json.loads(done.stdout)["explorations"][0]["confirmed"]
