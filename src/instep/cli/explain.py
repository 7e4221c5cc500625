"""`instep explain`: the page of a rule."""

from difflib import get_close_matches

import click
from rich.markdown import Markdown
from rich.table import Table

from instep.errors import Misuse
from instep.races.rules import RULES, page

from .outcome import out, outcome


@click.command("explain")
@click.argument("rule", required=False)
def explain_command(rule: str | None) -> None:
    """Show the page of a rule: what it means, why it breaks, and what to do. Without one, list all.

    Exits with 0, or with 2 if there is no such rule.
    """
    with outcome(failed="could not explain", interrupted="nothing was written"):
        if rule is None:
            _list()
            return
        text = page(_known(rule))
        if out.is_terminal:
            out.print(Markdown(text))
        else:
            click.echo(text.rstrip())


def _known(word: str) -> str:
    """The id of a rule, by its id or its name."""
    for rule in RULES.values():
        if word.upper() == rule.id or word.lower() == rule.name:
            return rule.id
    begun = [rule for rule in RULES if len(word) > 2 and rule.startswith(word.upper())]
    if begun:
        raise Misuse(f"{word!r} is the beginning of {', '.join(begun)}: which one?")
    names = [*RULES, *(rule.name for rule in RULES.values())]
    near = get_close_matches(word.upper(), names, n=1, cutoff=0.5) or get_close_matches(
        word.lower(), names, n=1, cutoff=0.5
    )
    hint = f"did you mean {near[0]}?" if near else "`instep explain` lists them"
    raise Misuse(f"there is no rule {word!r}; {hint}")


def _list() -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for style in ("bold", "", ""):
        table.add_column(style=style)
    for rule in RULES.values():
        table.add_row(rule.id, str(rule.severity), rule.summary)
    out.print(table)
