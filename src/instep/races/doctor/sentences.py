"""What a diagnosis says, in sentences for people; terminal and HTML page print the same ones."""

from __future__ import annotations

from instep.races.checking.report import Entry
from instep.races.doctor.diagnosis import ONE, Certainty, Diagnosis, Trouble, Worry
from instep.races.doctor.settings import Deployment, counted

CERTAIN = {
    Certainty.SEEN: "seen under the server",
    Certainty.CONFIRMED: "confirmed by an interleaving",
    Certainty.POSSIBLE: "possible, from the source",
}
CANNOT_SEE = (
    "What it cannot see: what a library does inside, races of the database itself, async views, "
    "names made at run time (setattr, getattr), background jobs that nothing in the source starts. "
    "“Nothing found” is not “nothing there”: docs/finder.md says more."
)


def answer(diagnosis: Diagnosis) -> str:
    """Do I need to worry? In one sentence."""
    served, number = size(diagnosis.deployment), len(diagnosis.breaking)
    match diagnosis.worry:
        case Worry.YES:
            verb = "goes" if number == 1 else "go"
            if not number:
                return f"Yes. The workers share what was made before the fork, with {served}."
            if all(one.certainty is Certainty.POSSIBLE for one in diagnosis.breaking):
                return (
                    f"Probably. {pieces(number)} of state can go wrong with {served}: the source "
                    "says so, and no run has shown it."
                )
            return f"Yes. {pieces(number)} of state {verb} wrong with {served}."
        case Worry.NOT_AS_DEPLOYED:
            found = len(diagnosis.troubles)
            verb = "goes" if found == 1 else "go"
            if any(one.effects(diagnosis.deployment)[1].latent for one in diagnosis.troubles):
                return (
                    f"Not today, with {served}. But {pieces(found)} of state {verb} wrong with "
                    f"another interpreter, or with more workers: {diagnosis.interpreter} spares "
                    "it by accident."
                )
            return (
                f"Not with {served}. But {pieces(found)} of state {verb} wrong as soon as there "
                "are more threads or workers."
            )
        case Worry.NOTHING_FOUND:
            return "Nothing was found that requests could get wrong together. That is no proof."
    return "Nobody can say: no view and no background job was seen in this source."


def pieces(number: int) -> str:
    """A number of pieces of state."""
    return counted(number, "piece")


def size(deployment: Deployment) -> str:
    """Workers and threads in words."""
    return str(deployment).partition(", ")[2].removesuffix(", imported before the fork")


def served(diagnosis: Diagnosis) -> list[str]:
    """How the program is served, where that stands, and what was assumed."""
    deployment = diagnosis.deployment
    if deployment.assumed:
        lines = [
            f"{deployment}. This is assumed: no file here says how the program is served "
            "(--server, --workers and --threads say it)"
        ]
    else:
        lines = [f"{deployment} ({deployment.where})"]
    lines += [f"{note}" for note in deployment.notes]
    if deployment.others:
        lines.append(f"also found, and not taken: {'; '.join(deployment.others)}")
    return lines


def headings(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Of the table."""
    return ("state", "where", "how sure", size(ONE), size(diagnosis.deployment))


def row(diagnosis: Diagnosis, trouble: Trouble) -> tuple[str, ...]:
    """One piece of state in the table."""
    alone, deployed = trouble.effects(diagnosis.deployment)
    cell = deployed.cell
    if trouble.certainty is Certainty.SEEN and not deployed.breaks:
        cell = "happened"
    return (
        str(trouble.entry.finding.location),
        place(trouble.entry),
        str(trouble.certainty),
        alone.cell,
        cell,
    )


def place(entry: Entry) -> str:
    """Where to look first."""
    return f"{entry.site.path}:{entry.site.line}"


def heading(trouble: Trouble) -> str:
    """The name of a trouble, with its rules and how bad it is."""
    rules = ", ".join(dict.fromkeys(entry.finding.rule for entry in trouble.entries))
    return f"{trouble.name} ({place(trouble.entry)}): {rules}, {trouble.entry.severity}"


def consequence(trouble: Trouble) -> str:
    """What can go wrong, in one sentence."""
    text = trouble.entry.finding.consequence
    return text[:1].upper() + text[1:]


def reached(trouble: Trouble) -> str:
    """Who reaches it."""
    actors = (actor for entry in trouble.entries for actor in entry.actors)
    names = list(dict.fromkeys(", ".join(actor.routes) or actor.name for actor in actors))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"reached by {', '.join(names[:4])}{more}" if names else ""


def when(diagnosis: Diagnosis, trouble: Trouble) -> list[str]:
    """What it means for one worker with one thread, and for the deployment."""
    alone, deployed = trouble.effects(diagnosis.deployment)
    if diagnosis.deployment.processes == 1 == diagnosis.deployment.threads:
        return [alone.sentence]
    return [alone.sentence, deployed.sentence]


def evidence(trouble: Trouble) -> list[tuple[str, list[str]]]:
    """How sure it is, each with the lines that show it."""
    found = []
    if trouble.seen:
        found.append((f"{CERTAIN[Certainty.SEEN]}:", trouble.seen))
    if trouble.story:
        again = [f"again: {trouble.replay}"] if trouble.replay else []
        found.append((f"{CERTAIN[Certainty.CONFIRMED]}:", [*trouble.story, *again]))
    return found or [(f"{CERTAIN[Certainty.POSSIBLE]}.", [])]


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
    if diagnosis.worry is Worry.YES:
        return "What to do first"
    return "What to know before there are more" if diagnosis.troubles else ""


def next_steps(diagnosis: Diagnosis) -> list[str]:
    """What to do once the page is read."""
    lines = []
    if diagnosis.troubles:
        rules = dict.fromkeys(one.entry.finding.rule for one in diagnosis.troubles)
        lines += [f"instep explain {rule}" for rule in list(rules)[:3]]
    if diagnosis.report is not None and diagnosis.report.below:
        lines.append("instep check --min-severity low    (what was left out here)")
    return lines


def first_and_last(text: str) -> str:
    """The first line of a message and its last, where an exception is named."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[0] if len(lines) < 2 else f"{lines[0].rstrip(':')}: … {lines[-1]}"
