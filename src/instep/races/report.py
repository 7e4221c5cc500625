"""A proof as one HTML page with its pictures inside: nothing is loaded from anywhere."""

from collections.abc import Iterable, Sequence
from html import escape

from instep.races import words
from instep.races.forks import Scan
from instep.races.forks import words as fork_words
from instep.races.pictures import PALETTE, colours, latencies, numbers_over_time
from instep.races.prove import Plan, Run, widest
from instep.races.verdict import overall

STYLE = """
:root { color-scheme: light dark; --line: #8885;
  --bad: #c82020; --good: #167a34; --unclear: #9a6200 }
@media (prefers-color-scheme: dark) {
  :root { --bad: #ff6b6b; --good: #57c97a; --unclear: #e0a84a }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .3rem }
code, td.n { font-family: ui-monospace, monospace; font-size: .93em }
table { border-collapse: collapse; margin: 1.2rem 0; display: block; overflow-x: auto }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line) }
.n { text-align: right }
.right { color: var(--good) } .wrong { color: var(--bad) } .unclear { color: var(--unclear) }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; flex: 1 1 26rem }
figcaption, .soft { opacity: .72; font-size: .9em }
svg { width: 100%; height: auto } svg text { font: 11px system-ui, sans-serif; fill: currentColor;
  opacity: .75 }
.grid { stroke: currentColor; stroke-opacity: .13 } .twice { fill: none; stroke: var(--bad);
  stroke-opacity: .6; stroke-width: .9 }
.curve { fill: none; stroke: #0072b2; stroke-width: 1.8 } .mark { fill: #0072b2 }
.key { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .3em }
.pid { margin-right: .9em; white-space: nowrap }
""".strip()


def report(plan: Plan, runs: Sequence[Run]) -> str:
    """The page, as text to be written to a file."""
    verdict, load = overall([run.verdict.word for run in runs]), plan.load
    user = f"as one user, logged in at {load.login}, " if load.login else ""
    asked = (
        f"{load.method} {load.path} under {plan.server}: {user}{load.clients} clients at once, "
        f"{load.requests} requests per run; the number is {words.where(load.number)}"
        f"{'' if plan.seed is None else f'; amplified with seed {plan.seed}'}"
    )
    title = escape(f"{plan.target}: {verdict}")
    return "".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            f"<h1><code>{escape(plan.target)}</code>: ",
            f'<span class="{verdict}">{verdict}</span></h1>',
            f'<p class="soft">{escape(asked)}</p>',
            _table(plan, runs),
            *(_section(plan, run) for run in runs),
            _forks(widest(runs)),
            "</body></html>\n",
        ]
    )


def _table(plan: Plan, runs: Sequence[Run]) -> str:
    headings = ("server", "answered", "different", "unique", "gap-free", "in order", "verdict")
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    return f"<table><tr>{head}</tr>{''.join(_row(plan, run) for run in runs)}</table>"


def _row(plan: Plan, run: Run) -> str:
    verdict = run.verdict
    judged = (verdict.unique, verdict.gap_free, verdict.ordered)
    yes = "".join(f"<td>{'yes' if good else '<b class=wrong>no</b>'}</td>" for good in judged)
    return (
        f"<tr><td>{escape(words.setting(run, plan.server))}</td>"
        f'<td class="n">{verdict.answered}</td><td class="n">{verdict.distinct}</td>{yes}'
        f'<td class="{verdict.word}">{escape(words.conclusion(verdict))}</td></tr>'
    )


def _section(plan: Plan, run: Run) -> str:
    verdict = run.verdict
    turn = f", round {run.turn}" if plan.rounds > 1 else ""
    heading = f"{words.setting(run, plan.server)}{turn}"
    lines = "".join(f"<p>{escape(line)}</p>" for line in words.explanation(run, plan.server))
    return (
        f'<section><h2>{escape(heading)}: <span class="{verdict.word}">'
        f"{escape(words.conclusion(verdict))}</span></h2>{lines}"
        f'<div class="pictures"><figure>{numbers_over_time(run.requests)}'
        f"<figcaption>Numbers over time; ringed ones were handed out more than once.<br>"
        f"{' '.join(_key(run))}</figcaption></figure>"
        f"<figure>{latencies(run.requests)}<figcaption>Share of requests answered within a time."
        f"</figcaption></figure></div></section>"
    )


def _forks(found: Scan | None) -> str:
    if found is None:
        return ""
    lines = (f"<p>{escape(line)}</p>" for line in fork_words.sentences(found.leftovers))
    return f"<section><h2>{escape(fork_words.title(found))}</h2>{''.join(lines)}</section>"


def _key(run: Run) -> Iterable[str]:
    """Which colour is which process; beyond the palette, how many share the last one."""
    colour = colours([request for request in run.requests if request.number is not None])
    own = list(colour.items())[: len(PALETTE) - 1]
    for pid, shade in own:
        yield _dot(shade, f"pid {pid}")
    if rest := len(colour) - len(own):
        yield _dot(PALETTE[-1], f"{rest} more")


def _dot(shade: str, label: str) -> str:
    key = f'<span class="key" style="background:{shade}"></span>'
    return f'<span class="pid">{key}{label}</span>'
