"""A diagnosis as one HTML page: nothing is loaded from anywhere, and no script runs."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from instep.races.doctor import sentences
from instep.races.doctor.diagnosis import Certainty, Diagnosis, Trouble, Worry

STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8882;
  --bad: #c82020; --good: #167a34; --unclear: #9a6200 }
@media (prefers-color-scheme: dark) {
  :root { --bad: #ff6b6b; --good: #57c97a; --unclear: #e0a84a }
}
body { font: 16px/1.55 system-ui, sans-serif; max-width: 58rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; font-weight: 500; margin-bottom: .3rem }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .4rem } h3 { font-size: 1rem; margin: 1.8rem 0 .3rem }
.answer { font-size: 1.5rem; font-weight: 650; margin: .2rem 0 1rem }
code, pre, .code { font-family: ui-monospace, monospace; font-size: .9em }
pre { background: var(--soft); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere;
  line-height: 1.4 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { text-align: left; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top }
.yes { color: var(--bad) } .nothing { color: var(--good) } .unclear { color: var(--unclear) }
.soft { opacity: .75; font-size: .92em } section { border-top: 1px solid var(--line) }
dt { font-weight: 600; margin-top: .5rem } dd { margin: 0 0 0 1.2rem } p { margin: .35rem 0 }
""".strip()

COLOUR = {
    Worry.YES: "yes",
    Worry.NOT_AS_DEPLOYED: "unclear",
    Worry.NOTHING_FOUND: "nothing",
    Worry.UNKNOWN: "unclear",
}


def page(diagnosis: Diagnosis, name: str) -> str:
    """The page, as text to be written to a file.

    Args:
        diagnosis: what is known.
        name: of the program.
    """
    colour = COLOUR[diagnosis.worry]
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(name)}: do I need to worry?</title>",
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f"<h1><code>{escape(name)}</code>: do I need to worry?</h1>",
            f'<p class="answer {colour}">{escape(sentences.answer(diagnosis))}</p>',
            *_served(diagnosis),
            *_table(diagnosis),
            *_troubles(diagnosis),
            *_leftovers(diagnosis),
            *_stages(diagnosis),
            f'<p class="soft">{escape(sentences.CANNOT_SEE)}</p>',
            "</body></html>\n",
        ]
    )


def _served(diagnosis: Diagnosis) -> Iterable[str]:
    first, *rest = sentences.served(diagnosis)
    yield f"<p>{escape(first)}</p>"
    for line in rest:
        yield f'<p class="soft">{escape(line)}</p>'
    if said := sentences.not_run(diagnosis):
        yield f'<p class="unclear">{escape(said)}</p>'


def _table(diagnosis: Diagnosis) -> Iterable[str]:
    if not diagnosis.troubles:
        return
    yield "<table><tbody>"
    for sure, name, where in sentences.rows(diagnosis):
        colour = ' class="yes"' if sure in tuple(Certainty) else ""
        yield f'<tr><td{colour}>{escape(sure)}</td><td class="code">{escape(name)}</td>'
        yield f'<td class="code">{escape(where)}</td></tr>'
    yield f'</tbody></table><p class="soft">{escape(sentences.legend(diagnosis))}.</p>'


def _troubles(diagnosis: Diagnosis) -> Iterable[str]:
    if diagnosis.troubles:
        yield f"<h2>{escape(sentences.first(diagnosis))}</h2>"
    for number, trouble in enumerate(diagnosis.troubles, 1):
        yield f"<section><h3>{number}. {escape(sentences.heading(trouble))}</h3>"
        yield f"<p><b>{escape(sentences.consequence(trouble))}</b></p>"
        finding = trouble.entry.finding
        yield f"<dl><dt>With instep</dt><dd>{escape(finding.fix)}</dd>"
        yield f"<dt>In plain Flask</dt><dd>{escape(finding.plain)}</dd>"
        yield f"<dt>Why</dt><dd><code>{escape(sentences.why(trouble))}</code></dd></dl>"
        yield f'<p class="soft">{escape(sentences.reached(trouble))}</p>'
        for line in sentences.when(diagnosis, trouble):
            yield f"<p>{escape(line)}</p>"
        yield from _evidence(diagnosis, trouble)
        yield "</section>"


def _evidence(diagnosis: Diagnosis, trouble: Trouble) -> Iterable[str]:
    for said, lines in sentences.evidence(diagnosis, trouble):
        yield f"<p>{escape(said)}</p>"
        if lines:
            yield f"<pre>{escape(chr(10).join(lines))}</pre>"
    if trouble.replay:
        yield f"<p>Again:</p><pre>{escape(trouble.replay)}</pre>"


def _leftovers(diagnosis: Diagnosis) -> Iterable[str]:
    if diagnosis.leftovers:
        yield "<h2>Shared from before the fork</h2>"
    for line in diagnosis.leftovers:
        yield f"<p>{escape(line)}</p>"


def _stages(diagnosis: Diagnosis) -> Iterable[str]:
    yield "<h2>What was done</h2><table><tbody>"
    for name, said, spent in sentences.stages(diagnosis):
        yield f'<tr><th scope="row">{escape(name)}</th><td>{escape(said)}</td>'
        yield f"<td>{escape(spent)}</td></tr>"
    yield f'</tbody></table><p class="soft">With {escape(diagnosis.interpreter)}.</p>'
