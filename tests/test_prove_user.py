"""`--login`: all clients are one user, or the proof does not begin."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from instep.cli import main
from instep.errors import Misuse
from instep.races.load import Load
from instep.races.prove import Plan, prove
from instep.races.verdict import Word

HERE = Path(__file__).parent


def plan(login: str | None) -> Plan:
    """A few clients of the program that knows its members."""
    return Plan(
        "prove_user_programs:members",
        server="waitress",
        threads=4,
        load=Load(clients=5, requests=20, login=login),
        matrix=False,
        chdir=HERE,
    )


def cli(*options: str) -> Result:
    """The same by the command."""
    words = ["prove", "prove_user_programs:members", "--chdir", str(HERE), "--server", "waitress"]
    return CliRunner().invoke(main, [*words, "--no-matrix", "--clients", "5", *options])


def test_every_request_carries_what_the_login_set() -> None:
    """One login; its cookies without their attributes, and without those that it deletes."""
    (run,) = prove(plan("/login"))
    assert run.verdict.word is Word.RIGHT, run.verdict
    assert run.verdict.last == 20


def test_without_a_login_nobody_has_a_cookie() -> None:
    """The same program refuses everybody."""
    (run,) = prove(plan(None))
    assert (run.verdict.answered, run.verdict.failed) == (0, 20)


@pytest.mark.parametrize(
    ("login", "complaint"),
    [("/forbidden", "answered with 403"), ("/login-not-here", "answered with 403")],
)
def test_a_login_that_is_refused_is_said(login: str, complaint: str) -> None:
    """The proof does not begin with clients that are nobody."""
    with pytest.raises(Misuse, match=complaint):
        list(prove(plan(login)))


def test_a_login_without_a_cookie_is_said() -> None:
    """A page that anybody may see is no login."""
    page = Plan("prove_programs:plain", server="waitress", load=Load(login="/"), chdir=HERE)
    with pytest.raises(Misuse, match="set no cookie"):
        list(prove(page))


def test_a_login_is_a_path() -> None:
    """The mistake is told before any server is started."""
    with pytest.raises(Misuse, match="'login' must begin with /"):
        Load(login="login")


def test_the_command_says_who_the_clients_are(tmp_path: Path) -> None:
    """In its first line, in the report and in the document for machines."""
    page = tmp_path / "page.html"
    shown = cli("--login", "/login", "--report", str(page))
    assert shown.exit_code == 0, shown.output
    assert "as one user, logged in at /login" in page.read_text()
    assert "as one user, logged in at /login" in " ".join(shown.output.split())
    document = json.loads(cli("--login", "/login", "--json").stdout)
    assert (document["login"], document["verdict"]) == ("/login", "right")
    refused = cli("--login", "/forbidden")
    assert refused.exit_code == 2
    assert "answered with 403" in " ".join(refused.output.split())
