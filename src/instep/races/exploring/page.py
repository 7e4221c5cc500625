"""An exploration as one HTML page with its picture inside: nothing is loaded, nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from instep.races.exploring import story
from instep.races.exploring.judging import letter
from instep.races.exploring.oracle import body
from instep.races.exploring.picture import picture
from instep.races.exploring.plan import Exploration, Violation

STYLE = """
:root { color-scheme: light dark; --line: #8885; --box: #8881; --bad: #b3261e; --good: #167a34 }
@media (prefers-color-scheme: dark) { :root { --bad: #ff7b72; --good: #57c97a } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin: 2.4rem 0 .3rem }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem }
code, pre, .code { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line) }
table { border-collapse: collapse } th, td { text-align: left; vertical-align: top;
  padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line) }
.wrong { color: var(--bad) } .right { color: var(--good) } .soft { opacity: .8 }
.picture { overflow-x: auto } svg { max-width: 100%; min-width: 40rem; height: auto }
svg text { font: 12px ui-monospace, monospace; fill: currentColor }
svg .head { font-weight: 600; font-size: 13px } svg .where { opacity: .75 }
svg .source { font-size: 12px } svg .note { opacity: .9 } svg .answer { font-weight: 600 }
svg .lane { stroke: currentColor; stroke-opacity: .2; stroke-dasharray: 3 4 }
svg .step { fill: Canvas; stroke: currentColor; stroke-opacity: .35 }
svg .end { fill: Canvas; stroke: var(--bad) }
svg .switch { fill: none; stroke: currentColor; stroke-width: 1.5 } svg .tip { fill: currentColor }
""".strip()


def page(target: str, results: Sequence[Exploration]) -> str:
    """The page, as text to be written to a file."""
    found = sum(result.violation is not None for result in results)
    verdict = f"{found} violation{'s' if found != 1 else ''}" if found else "no violation seen"
    if all(result.verdict == "not run" for result in results):
        verdict = "nothing was explored"
    title = escape(f"{target}: {verdict}")
    return "".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body><main><h1><code>{escape(target)}</code>: ",
            f'<span class="{"wrong" if found else "right"}">{verdict}</span></h1>',
            *(_section(result) for result in results),
            "</main></body></html>\n",
        ]
    )


def _section(result: Exploration) -> str:
    heading = escape(" at the same time as ".join(result.calls))
    notes = "".join(f'<p class="soft">Note: {escape(text)}</p>' for text in result.warnings)
    if result.violation is None:
        told = "".join(f"<p>{escape(line)}</p>" for line in story.summary(result))
    else:
        told = _violation(result, result.violation)
    return f"<section><h2>{heading}</h2>{notes}{told}</section>"


def _violation(result: Exploration, violation: Violation) -> str:
    words = "".join(f'<p class="wrong">{escape(sentence)}</p>' for sentence in violation.words)
    text = "\n".join(story.columns(violation.run, result.calls))
    return (
        f"{words}{_answers(result, violation)}"
        f"<h3>How it comes about</h3>"
        f'<div class="picture">{picture(violation.run, result.calls)}</div>'
        f"<p>{escape(story.window(violation))}</p>"
        f"<details><summary>The same as text</summary><pre>{escape(text)}</pre></details>"
        f"<p>Run it again: <code>--replay {escape(violation.replay)}</code></p>"
    )


def _answers(result: Exploration, violation: Violation) -> str:
    """What was answered at the same time, and in every order."""
    heads = "".join(
        f'<th scope="col">{letter(number)} {escape(name)}</th>'
        for number, name in enumerate(result.calls)
    )
    rows = [("at the same time", violation.run)]
    for order, run in result.orders.items():
        rows.append((" then ".join(map(letter, order)), run))
    told = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="code">{escape(body(a))}</td>' for a in run.outcome["answers"])
        + "</tr>"
        for name, run in rows
    )
    return f"<table><tr><td></td>{heads}</tr>{told}</table>"
