"""
Connecting Slack: the manifest for its settings page, and what is wrong between the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from incidents.cli.options import as_json, json_option, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import settings
from incidents.clock import SystemClock


@click.group()
def slack() -> None:
    """
    Connect Slack.

    \b
    Example:
      andon slack manifest > manifest.yaml
    """


@slack.command()
@click.option("--url", help="Where Slack reaches Andon; ANDON_PUBLIC_URL if not given.")
@click.option("--socket", is_flag=True, help="Socket Mode: nothing has to be reachable from outside.")
@click.option("--rotation", is_flag=True, help="A bot token that rotates every twelve hours.")
@json_option
def manifest(url: str | None, socket: bool, rotation: bool) -> None:
    """
    Print the app's manifest.

    Paste it at https://api.slack.com/apps, Create New App, From a manifest.

    \b
    Example:
      andon slack manifest --url https://andon.example
    """
    from incidents.slack.manifest import as_yaml
    from incidents.slack.manifest import manifest as made

    known = settings()
    where = (url or known.url).rstrip("/")
    if not socket and not where.startswith("https://"):
        raise Failed(
            Exit.WRONG_USAGE,
            f"Slack calls https only, and the address is {where}: give --url https://..., or use --socket",
        )
    found = made(where, known.slack.command, rooms=known.slack.rooms != "off", socket=socket, rotation=rotation)
    click.echo(json.dumps(found, indent=2) if as_json() else as_yaml(found).rstrip())


@click.group()
def doctor() -> None:
    """
    Say what is wrong, and what to do.

    \b
    Example:
      andon doctor slack
    """


@doctor.command("slack")
@json_option
def doctor_slack() -> None:
    """
    Check the way to and from Slack.

    Token, scopes, clock, channel, signature and the public address; exit 1 if something has to be done. Works beside a
    service and without one; changes nothing and shows no secret.

    \b
    Example:
      andon doctor slack
    """
    from incidents.slack.doctor import examine
    from incidents.slack.mount import api_of

    known, clock = settings(), SystemClock()
    found = list(examine(known, api_of(known, clock), clock))
    rows = [{"check": f.name, "good": f.good, "words": f.words, "advice": f.advice} for f in found]
    say({"good": all(f.good for f in found), "checks": rows}, _lines)
    if not all(f.good for f in found):
        raise Failed(Exit.REFUSED)


def _lines(answer: dict[str, Any]) -> Iterable[str]:
    for row in answer["checks"]:
        yield f"{'good ' if row['good'] else 'WRONG'}  {row['check']}: {row['words']}"
        if row["advice"]:
            yield f"       -> {row['advice']}"


COMMANDS: list[click.Command] = [slack, doctor]
