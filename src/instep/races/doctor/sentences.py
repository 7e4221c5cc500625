"""What a diagnosis says, in sentences for people; terminal and HTML page print the same ones."""

from __future__ import annotations

from instep.races.checking.report import Entry
from instep.races.doctor.diagnosis import Certainty, Diagnosis, Trouble, Worry
from instep.races.doctor.effects import size
from instep.races.doctor.settings import counted

CANNOT_SEE = (
    "What it cannot see: what a library does inside, races of the database itself, async views, "
    "names made at run time (setattr, getattr), background jobs that nothing in the source starts. "
    "“Nothing found” is not “nothing there”."
)


def answer(diagnosis: Diagnosis) -> str:
    """Do I need to worry? In one sentence."""
    where = size(diagnosis.deployment)
    match diagnosis.worry:
        case Worry.YES:
            return _yes(diagnosis.breaking, where)
        case Worry.NOT_AS_DEPLOYED:
            found = diagnosis.troubles
            begin = f"{pieces(len(found))} of state {_go(len(found))} wrong"
            if any(one.effects(diagnosis.deployment)[1].latent for one in found):
                return (
                    f"Not today, with {where}. But {begin} with another Python, or with more "
                    f"workers: {diagnosis.interpreter} spares you by luck."
                )
            return f"Not with {where}. But {begin} as soon as there are more threads or workers."
        case Worry.NOTHING_FOUND:
            return "Nothing was found that requests could get wrong together. That is no proof."
    broken = len(diagnosis.report.broken) if diagnosis.report else 0
    but = f", and {counted(broken, 'file')} could not be read" if broken else ""
    return f"Nobody can say: no view and no background job was seen in this source{but}."


def _yes(breaking: list[Trouble], where: str) -> str:
    shown = sum(one.certainty is not Certainty.POSSIBLE for one in breaking)
    rest = len(breaking) - shown
    if not breaking:
        return f"Yes. The workers share what was made before they were forked, with {where}."
    if not shown:
        return (
            f"Probably. {pieces(rest)} of state can go wrong with {where}: the source says so, and "
            "no run has shown it."
        )
    more = f", and {rest} more can" if rest else ""
    return f"Yes. {pieces(shown)} of state {_go(shown)} wrong with {where}{more}."


def _go(number: int) -> str:
    return "goes" if number == 1 else "go"


def pieces(number: int) -> str:
    """A number of pieces of state."""
    return counted(number, "piece")


def served(diagnosis: Diagnosis) -> list[str]:
    """How the program is served, where that stands, and what was assumed."""
    deployment, application = diagnosis.deployment, diagnosis.application
    name = application.target if application else "The program"
    if deployment.assumed:
        lines = [
            f"{name} is taken to be served by {deployment}: no file here says how it is "
            "(--server, --workers and --threads do)."
        ]
    else:
        lines = [f"{name} is served by {deployment} ({deployment.where})."]
    lines += deployment.notes
    if deployment.others:
        lines.append(f"also found, and not taken: {'; '.join(deployment.others)}")
    return lines


def not_run(diagnosis: Diagnosis) -> str:
    """Why the page rests on the source alone."""
    return f"It was only read, not run: {diagnosis.not_run}." if diagnosis.not_run else ""


def rows(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Every piece of state: how sure it is, its name, and where it is."""
    return [
        (_sure(diagnosis, one), str(one.entry.finding.location), place(one.entry))
        for one in diagnosis.troubles
    ]


def _sure(diagnosis: Diagnosis, trouble: Trouble) -> str:
    if diagnosis.breaks(trouble):
        return str(trouble.certainty)
    return "not today" if trouble.effects(diagnosis.deployment)[1].latent else "not here"


def legend(diagnosis: Diagnosis) -> str:
    """What the words of the first column mean, as far as they are there."""
    there = {sure for sure, _, _ in rows(diagnosis)}
    return "; ".join(f"{word}: {meaning}" for word, meaning in MEANING.items() if word in there)


MEANING = {
    "seen": "a crowd of clients got wrong answers",
    "confirmed": "an order of two requests was found that gives wrong answers",
    "possible": "the source says so",
    "not today": "this Python spares it by luck",
    "not here": "needs more threads or workers",
}


def place(entry: Entry) -> str:
    """Where to look first."""
    return f"{entry.site.path}:{entry.site.line}"


def heading(trouble: Trouble) -> str:
    """The name of a trouble, and where to look first."""
    return f"{trouble.name} ({place(trouble.entry)})"


def consequence(trouble: Trouble) -> str:
    """What can go wrong, in one sentence."""
    return capital(trouble.entry.finding.consequence)


def reached(trouble: Trouble) -> str:
    """Who reaches it."""
    actors = (actor for entry in trouble.entries for actor in entry.actors)
    names = list(dict.fromkeys(name for actor in actors for name in actor.routes or [actor.name]))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"Reached by {', '.join(names[:3])}{more}." if names else ""


def when(diagnosis: Diagnosis, trouble: Trouble) -> list[str]:
    """What it means for one worker with one thread, and for the deployment."""
    alone, deployed = trouble.effects(diagnosis.deployment)
    if diagnosis.deployment.processes == 1 == diagnosis.deployment.threads:
        return [alone.sentence]
    return [alone.sentence, deployed.sentence]


def evidence(diagnosis: Diagnosis, trouble: Trouble) -> list[tuple[str, list[str]]]:
    """How sure it is, each with the lines that show it."""
    found = []
    if trouble.seen:
        found.append(("Seen under the server:", trouble.seen))
    if trouble.story:
        here, but = trouble.effects(diagnosis.deployment)[1], ""
        if not here.meet:
            but = f", which {diagnosis.interpreter} does not take by itself"
            but = but if here.latent else ", which needs more than one thread in a process"
        said = f"Confirmed: this order of steps of two requests gives a wrong answer{but}."
        found.append((said, trouble.story))
    return found or [("Possible: the source says so, and no run has shown it.", trouble.notes[:3])]


def stages(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """What was done: name, what came out, how long it took."""
    return [
        (stage.name, stage.said if stage.done else f"not done: {stage.said}", _spent(stage.seconds))
        for stage in diagnosis.stages
    ]


def _spent(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds else ""


def first(diagnosis: Diagnosis) -> str:
    """What to do first."""
    return "What to do first" if diagnosis.worry is Worry.YES else "What to know first"


def why(trouble: Trouble) -> str:
    """The commands that explain the rules."""
    rules = dict.fromkeys(entry.finding.rule for entry in trouble.entries)
    return ", ".join(f"instep explain {rule}" for rule in rules)


def capital(text: str) -> str:
    """A sentence as it begins on a line of its own."""
    return text[:1].upper() + text[1:]


def first_and_last(text: str) -> str:
    """The first line of a message and its last, where an exception is named."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0] if len(lines) < 2 else f"{lines[0].rstrip(':')}: … {lines[-1]}"
