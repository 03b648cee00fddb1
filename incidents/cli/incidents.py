"""
Reading incidents, and writing into one: notes, and a person's word for an action that waits for it.
"""

from __future__ import annotations

import click

from incidents.cli import show as words
from incidents.cli.options import MOMENT, choice, json_option, say
from incidents.cli.transport import connect
from incidents.decisions.incident import SEVERITIES, Kind


@click.group(invoke_without_command=True)
@click.option("--status", help="Only those, e.g. declared or contained.")
@click.option("--kind", type=choice(Kind), help="Only those.")
@click.option("--severity", type=choice(SEVERITIES), help="Only those.")
@click.option("--search", metavar="WORDS", help="Only those with all these words, in whatever was said of them.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="At most so many.")
@json_option
@click.pass_context
def incidents(
    context: click.Context, status: str | None, kind: str | None, severity: str | None, search: str | None, limit: int
) -> None:
    """
    List incidents, newest first.

    With --search, below each is where the words were found; each word is looked for from its beginning.

    \b
    Example:
      andon incidents --kind real --search acme
    """
    if context.invoked_subcommand is None:
        with connect() as andon:
            found = andon.get("incidents", status=status, kind=kind, severity=severity, q=search, limit=limit)
            say(found, words.incidents)


@click.command()
@click.argument("id")
@json_option
def show(id: str) -> None:
    """
    Show one incident.

    Its containment, actions, holds, what it owes, and restores.

    \b
    Example:
      andon show INC-2026-0001
    """
    with connect() as andon:
        say(andon.get("incidents", id), words.incident)


@click.command()
@click.argument("id")
@json_option
def timeline(id: str) -> None:
    """
    Show an incident's timeline.

    \b
    Example:
      andon timeline INC-2026-0001
    """
    with connect() as andon:
        say({"items": list(andon.items("incidents", id, "timeline", limit=200)), "next": None}, words.timeline)


@click.command()
@click.argument("id")
@click.argument("text")
@click.option(
    "--at", callback=MOMENT, metavar="TIME", help="When it happened, if not now: 14:02 or 2026-11-23T14:02:07Z."
)
@click.option("--restricted", is_flag=True, help="For the incident's members alone.")
@json_option
def note(id: str, text: str, at: str | None, restricted: bool) -> None:
    """
    Write a note on a timeline.

    \b
    Example:
      andon note INC-2026-0001 "acme confirms by phone: the key is theirs" --at 2026-11-23T14:02:00Z
    """
    body = {"text": text, **({"at": at} if at is not None else {}), **({"restricted": True} if restricted else {})}
    with connect() as andon:
        answer = andon.post("incidents", id, "notes", body=body)
        say(answer, lambda a: [f"noted in {a['incident']} for {words.moment(a['at'])}, event {a['seq']}"])


@click.command()
@click.argument("id")
@click.argument("action", type=click.IntRange(min=1))
@json_option
def validate(id: str, action: int) -> None:
    """
    Carry out an action that waits.

    It waits for a person's word; this is yours.

    \b
    Example:
      andon validate INC-2026-0001 3
    """
    with connect() as andon:
        answer = andon.post("incidents", id, "actions", str(action), "validation")
        say(answer, lambda a: [f"action {a['action']} of {a['incident']} is in force, revision {a['revision']}"])


incidents.add_command(show)
incidents.add_command(timeline)
COMMANDS: list[click.Command] = [incidents, show, timeline, note, validate]
