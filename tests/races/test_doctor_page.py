"""What a finding means for a deployment, and the page that says it."""

import json
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from instep.races.checking.report import Entry, Report, Site
from instep.races.doctor import sentences
from instep.races.doctor.application import Application
from instep.races.doctor.crowd import crowd
from instep.races.doctor.diagnosis import ONE, Certainty, Diagnosis, Stage, Trouble, Worry
from instep.races.doctor.document import document
from instep.races.doctor.effects import effect, gil_is_off
from instep.races.doctor.page import page
from instep.races.doctor.settings import UNBOUNDED, Deployment
from instep.races.doctor.workspace import Workspace
from instep.races.reading.model import Location, Place, Role, Root
from instep.races.rules.finding import Finding, Reached, Severity, Window

FOUR = Deployment(workers=4, threads=2, where="Procfile:1")
THREADS = Deployment(workers=1, threads=4, where="Procfile:1")
ALONE = Deployment(workers=1, threads=1, where="Procfile:1")
SERIAL = Deployment(workers=3, threads=1, where="Procfile:1")


def entry(
    rule: str = "IS101",
    window: Window = Window.EXPOSED,
    *,
    root: Root = Root.GLOBAL,
    role: Role = Role.VIEW,
    severity: Severity = Severity.HIGH,
    name: str = "orders",
) -> Entry:
    """A finding about one piece of state."""
    place = Place("shop.py", 3, 0, 3, "shop.order")
    reached = Reached("shop.order", role, ("POST /order",))
    finding = Finding(
        rule,
        severity,
        window,
        Location(root, "shop", name),
        f"the global `{name}` is <changed>",
        "two customers get the same order number",
        place,
        None,
        (place,),
        ("shop.order",),
        (),
        "orders = shared.mapping('orders')",
        "a lock around read, write and the read that is returned",
    )
    site = Site("shop.py", 3, 1, 9, "shop.order", "write", "written here")
    return Entry(
        finding,
        name="global-update",
        object=f"shop.{name}",
        site=site,
        sites=(site,),
        defined=None,
        also=(),
        actors=(reached,),
        fingerprint="print",
    )


def diagnosis(*troubles: Trouble, deployment: Deployment = FOUR, actors: int = 1) -> Diagnosis:
    """One that is complete."""
    return Diagnosis(
        deployment,
        "CPython 3.13",
        report=Report(files=1, lines=30, actors=actors),
        troubles=list(troubles),
        stages=[Stage("check", "1 file", 0.2), Stage("explore", "it hangs", done=False)],
    )


def trouble(*entries: Entry) -> Trouble:
    """Of one piece of state."""
    return Trouble("shop.orders", list(entries) or [entry()], ("POST /order",))


def shown() -> Trouble:
    """One that an interleaving has confirmed."""
    return replace(trouble(), certainty=Certainty.CONFIRMED)


@pytest.mark.skipif(gil_is_off(), reason="no window is closed on a free-threaded interpreter")
@pytest.mark.parametrize(
    ("found", "deployment", "meet", "latent", "copies"),
    [
        (entry(), ALONE, False, False, 1),
        (entry(), THREADS, True, False, 1),
        (entry(), SERIAL, False, False, 3),
        (entry(), FOUR, True, False, 4),
        (entry(), replace(ALONE, replicas=2), False, False, 2),
        (entry(window=Window.LATENT), THREADS, False, True, 1),
        (entry(window=Window.LATENT), FOUR, False, True, 4),
        (entry(role=Role.BACKGROUND), ALONE, True, False, 1),
        (entry("IS120"), SERIAL, False, False, 1),
        (entry("IS111"), FOUR, True, False, 1),
        (entry("IS150", root=Root.FILE), ALONE, False, False, 1),
        (entry("IS150", root=Root.FILE), SERIAL, True, False, 1),
        (entry("IS142", Window.LATENT, root=Root.SESSION), SERIAL, True, False, 1),
        (entry("IS131", Window.PROCESSES), ALONE, False, False, 1),
        (entry("IS131", Window.PROCESSES), FOUR, False, False, 4),
        (entry("IS130", Window.PROCESSES), FOUR, False, False, 1),
        (entry("IS130", Window.PROCESSES), replace(FOUR, preload=True), False, False, 4),
    ],
)
def test_what_a_finding_means(
    found: Entry, deployment: Deployment, meet: bool, latent: bool, copies: int
) -> None:
    """Threads, processes, replicas, background jobs, files: each disease where it belongs."""
    meant = effect(found, deployment)
    assert (meant.meet, meant.latent, meant.copies) == (meet, latent, copies)
    assert meant.breaks is (meet or copies > 1)


def test_both_sentences_are_said() -> None:
    """With one worker and one thread two requests cannot meet; with these they can."""
    alone, deployed = sentences.when(diagnosis(trouble()), trouble())
    assert alone == "With 1 worker x 1 thread two requests cannot meet in one process."
    assert deployed == (
        "With 4 workers x 2 threads it can happen: two requests run at once. Besides, each of 4 "
        "processes has a copy of its own: what a request leaves in one, the others do not see. "
        "No lock helps."
    )


def test_greenlets_change_where_they_wait() -> None:
    """The sentence is another one than for threads."""
    many = Deployment(workers=1, threads=UNBOUNDED, kind="greenlet", where="Procfile:1")
    assert "wherever the program waits" in effect(entry(), many).sentence
    assert "1 worker x many greenlets" in effect(entry(), many).sentence


@pytest.mark.parametrize(
    ("found", "worry", "answer"),
    [
        (
            diagnosis(shown(), trouble()),
            Worry.YES,
            "Yes. 1 piece of state goes wrong with 4 workers x 2 threads, and 1 more can.",
        ),
        (diagnosis(shown()), Worry.YES, "Yes. 1 piece of state goes wrong with 4 workers"),
        (diagnosis(trouble()), Worry.YES, "Probably. 1 piece of state can go wrong with 4"),
        (
            diagnosis(trouble(), deployment=ALONE),
            Worry.NOT_AS_DEPLOYED,
            "Not with 1 worker x 1 thread. But 1 piece of state goes wrong as soon as",
        ),
        (diagnosis(), Worry.NOTHING_FOUND, "Nothing was found"),
        (diagnosis(actors=0), Worry.UNKNOWN, "Nobody can say"),
    ],
)
def test_the_answer(found: Diagnosis, worry: Worry, answer: str) -> None:
    """Yes, not as it is deployed, nothing found, or nobody can say."""
    assert found.worry is worry
    assert sentences.answer(found).startswith(answer)


def test_what_was_seen_needs_no_argument() -> None:
    """A piece of state that went wrong under the server breaks, whatever the source says."""
    seen = trouble(entry(window=Window.LATENT))
    seen.certainty = Certainty.SEEN
    found = diagnosis(seen, deployment=THREADS)
    assert found.worry is Worry.YES
    assert sentences.rows(found)[0][0] == "seen"


def test_the_worst_comes_first() -> None:
    """What breaks here, then what is sure, then what is severe."""
    latent = Trouble("latent", [entry(window=Window.LATENT)])
    medium = Trouble("medium", [entry(severity=Severity.MEDIUM)], certainty=Certainty.SEEN)
    possible = Trouble("possible", [entry()])
    confirmed = Trouble("confirmed", [entry()], certainty=Certainty.CONFIRMED)
    found = diagnosis(latent, medium, possible, confirmed, deployment=THREADS)
    found.sort()
    assert [each.name for each in found.troubles] == ["medium", "confirmed", "possible", "latent"]


def test_the_page_is_whole_and_loads_nothing() -> None:
    """Everything is said and escaped; no script, no address of somebody else."""
    one = shown()
    one.story, one.replay = ["A reads <1>"], "instep explore --replay x"
    text = page(diagnosis(one), "shop:app")
    for said in (
        "Yes. 1 piece",
        "Procfile:1",
        "Two customers get",
        "A reads &lt;1&gt;",
        "not done",
    ):
        assert said in text
    assert "<1>" not in text
    assert not re.search(r"<script|https?:|src=|@import", text)
    for tag in ("table", "section", "dl", "pre", "p", "tr", "td"):
        assert text.count(f"<{tag}>") + text.count(f"<{tag} ") == text.count(f"</{tag}>"), tag


def test_the_document_is_plain_data() -> None:
    """It goes through JSON, and has the answer, the deployment and both effects."""
    data = json.loads(json.dumps(document(diagnosis(trouble()))))
    assert (data["version"], data["worry"]) == (1, "yes")
    assert data["deployment"]["workers"] == 4
    assert data["troubles"][0]["alone"]["meet"] is False
    assert data["troubles"][0]["deployed"]["copies"] == 4
    assert data["troubles"][0]["findings"][0]["rule"] == "IS101"


def test_a_server_that_is_not_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install; what was found before stays."""
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    place = Workspace(tmp_path, tmp_path, False)
    found = diagnosis(trouble())
    deadline = time.monotonic() + 30
    stage = crowd(found, Application("shop:app", tmp_path), place, deadline, lambda words: None)
    assert not stage.done
    assert stage.said.endswith("not installed in this environment: pip install 'gunicorn'")
    assert found.worry is Worry.YES


def test_an_assumed_deployment_is_said() -> None:
    """Nobody is told a number of workers as if it had been read."""
    assert "no file here says how" in sentences.served(diagnosis(deployment=Deployment()))[0]
    assert "no file" not in sentences.served(diagnosis(deployment=ONE))[0]
