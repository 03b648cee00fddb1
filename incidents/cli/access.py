"""
What is allowed now, and by whom it is enforced.
"""

from __future__ import annotations

import click

from incidents.cli import show
from incidents.cli.options import json_option, say
from incidents.cli.outcome import Exit
from incidents.cli.transport import connect


@click.command()
@click.argument("partner")
@click.argument("flag", metavar="MODEL:CAPABILITY")
@click.option("--region", help="Where the request comes from, e.g. DE or EU.")
@json_option
def check(partner: str, flag: str, region: str | None) -> None:
    """
    Ask for a decision and its reason.

    May this partner use this capability now? Exit 1 if denied.

    \b
    Example:
      andon check acme orion-2:tool-use --region DE
    """
    model, colon, capability = flag.partition(":")
    if not (model and colon and capability):
        raise click.UsageError(f"'{show.plain(flag)}' is not a capability flag; write it like orion-2:tool-use")
    with connect() as andon:
        answer = andon.get("decision", partner=partner, model=model, capability=capability, region=region)
        say(answer, show.decision)
    if not answer["allowed"]:
        click.get_current_context().exit(Exit.REFUSED)


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def points(context: click.Context) -> None:
    """
    List or retire enforcement points.

    Shows each point's revision, lag, lease, instances, and when it was last seen.

    \b
    Example:
      andon points
    """
    if context.invoked_subcommand is None:
        with connect() as andon:
            say({"items": list(andon.items("points")), "next": None}, show.points)


@points.command()
@click.argument("name")
@json_option
def retire(name: str) -> None:
    """
    Say that a point is gone for good: its tokens are refused, containment no longer waits for it.

    \b
    Example:
      andon points retire gateway-eu-1
    """
    with connect() as andon:
        say(andon.post("points", name, "retirement"), lambda answer: [f"{answer['name']} is retired"])


COMMANDS: list[click.Command] = [check, points]
