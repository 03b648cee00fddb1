"""
Declare an incident, or pull the cord at once; and wait until it is contained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click

from incidents.cli import show
from incidents.cli.options import as_json, choice, json_option, remark, say
from incidents.cli.outcome import Exit
from incidents.cli.transport import Andon, connect
from incidents.decisions.incident import SEVERITIES, Kind
from incidents.life import RESTRICTED
from incidents.operations import KILL_KINDS

WAIT_S = 20
LOOK_EVERY_S = 0.2


class _Waiting(click.Command):
    """``--wait`` may stand alone, before an argument too: only a number after it belongs to it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        for place in range(end):
            after = args[place + 1] if place + 1 < end else ""
            if args[place] == "--wait" and not after.isdigit():
                args[place] = f"--wait={WAIT_S}"
        return super().parse_args(ctx, args)


_wait_option = click.option(
    "--wait",
    type=click.IntRange(1, 3600),
    metavar="[SECONDS]",
    help=f"Follow until it is contained, {WAIT_S} s unless told; exit 1 if it is not by then.",
)


def pairs(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"'{show.plain(value)}': write it as key=value")
        if key in found:
            raise click.BadParameter(f"'{show.plain(key)}' is given twice")
        found[key] = rest
    return found


@click.command(cls=_Waiting)
@click.argument("playbook")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", callback=pairs, help="A parameter; repeatable.")
@click.option("--title", help="Instead of the playbook's.")
@click.option("--summary", help="What you know so far.")
@click.option("--severity", type=choice(SEVERITIES), help="Instead of the playbook's.")
@click.option("--kind", type=choice(Kind), help="A drill or test leaves live access alone.")
@click.option("--separate", is_flag=True, help="A new incident even where the same one stands.")
@click.option(
    "--restricted", "visibility", is_flag=True, flag_value=RESTRICTED, default=None, help="For its members alone."
)
@click.option("--preview", is_flag=True, help="Show the blast radius; change nothing.")
@_wait_option
@json_option
def declare(playbook: str, parameters: dict[str, str], preview: bool, wait: int | None, **more: Any) -> None:
    """
    Declare an incident by a playbook.

    Its switches are thrown at once, in one write. The same again joins the incident that stands.

    \b
    Example:
      andon declare partner-credential-abuse -p partner=acme --wait
    """
    body = {"playbook": playbook, "parameters": parameters, **{k: v for k, v in more.items() if v}}
    if preview and wait is not None:
        raise click.UsageError("--preview changes nothing, so there is nothing to wait for; leave --wait out")
    with connect() as andon:
        if preview:
            say(andon.post("previews", body=body, repeatable=False), show.preview)
        else:
            _declared(andon, andon.post("incidents", body=body), wait)


@click.command(cls=_Waiting)
@click.argument("what", type=choice(KILL_KINDS), metavar="partner|capability|model")
@click.argument("name")
@click.option("--reason", required=True, help="Why, in a few words.")
@_wait_option
@json_option
def kill(what: str, name: str, reason: str, wait: int | None) -> None:
    """
    Switch something off, now.

    Declares an incident with playbook break-glass, for a partner, a capability or a model.

    \b
    Example:
      andon kill capability orion-2:tool-use --reason "jailbreak in the wild" --wait
    """
    with connect() as andon:
        _declared(andon, andon.post("kills", body={"what": what, "name": name, "reason": reason}), wait)


def _declared(andon: Andon, answer: dict[str, Any], wait: int | None) -> None:
    if wait is None:
        say(answer, show.declared)
        return
    if as_json():
        answer["containment"] = _follow(andon, answer, wait, lambda line: None)
        say(answer, show.declared)
    else:
        say(answer, show.declared)
        answer["containment"] = _follow(andon, answer, wait, click.echo)
    if answer["containment"]["state"] != "contained":
        remark(
            f"{answer['id']} is recorded, but it is not contained after {wait} s; look again: andon show {answer['id']}"
        )
        click.get_current_context().exit(Exit.REFUSED)


def _follow(andon: Andon, answer: dict[str, Any], seconds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Looks until it is contained or the time is up; tells what changes meanwhile."""
    found: dict[str, Any] = answer["containment"]
    until = time.monotonic() + seconds
    while found["state"] != "contained" and time.monotonic() < until:
        time.sleep(LOOK_EVERY_S)
        newer = andon.get("incidents", answer["id"], "containment")
        for line in show.news(found, newer):
            tell(line)
        found = newer
    return found


COMMANDS: list[click.Command] = [declare, kill]
