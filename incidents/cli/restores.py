"""
The way back: one person asks, another reads the exact plan and approves that one, and anybody stops it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from incidents.cli import show
from incidents.cli.options import json_option, remark, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import connect


@click.command()
@click.argument("id")
@click.option("--only", type=click.IntRange(min=1), multiple=True, metavar="ACTION", help="Only this one; repeatable.")
@click.option("--canary", metavar="PARTNER", help="This partner first, the rest after the soak time.")
@click.option("--soak", metavar="TIME", help="What the rest waits: 30m (if you don't say), 2h, 1d.")
@click.option("--break-glass", is_flag=True, help="Without the playbook's checks; everybody is told.")
@click.option("--reason", required=True, help="Why it is safe again.")
@json_option
def restore(id: str, only: Sequence[int], canary: str | None, soak: str | None, break_glass: bool, reason: str) -> None:
    """
    Ask to give back what is off.

    Lifts what an incident holds, all of it or some actions. Changes nothing until another person approves. With a
    canary, that partner gets its access back at the approval and the rest follows by itself, unless somebody stops it
    or something speaks against it.

    \b
    Example:
      andon restore INC-2026-0001 --only 1 --reason "new key issued, old one dead"
      andon restore INC-2026-0001 --canary acme --soak 2h --reason "safeguard evaluated"
    """
    wanted = {"only": list(only), "canary": canary, "soak": soak, "break_glass": break_glass}
    body = {"reason": reason, **{name: value for name, value in wanted.items() if value}}
    with connect(person_needed="asking for a restore") as andon:
        say(andon.post("incidents", id, "restores", body=body), show.asked)


@click.command()
@click.argument("request")
@click.option("--yes", is_flag=True, help="Don't ask; the plan is printed all the same.")
@json_option
def approve(request: str, yes: bool) -> None:
    """
    Read and approve a restore.

    Prints what it would give back; you approve exactly that. Where the plan has checks, you say that they are true.

    \b
    Example:
      andon approve INC-2026-0001-R1
    """
    with connect(person_needed="approving a restore") as andon:
        found = andon.get("restores", request)
        _read_out(found)
        if found["state"] != "open":
            raise Failed(Exit.REFUSED, f"{found['id']} is {found['state']} already; there is nothing to approve")
        if not yes:
            _ask(found)
        body = {"plan_digest": found["plan_digest"], "checks": found["plan"]["checks"]}
        say(andon.post("restores", found["id"], "approval", body=body), show.approved)


@click.command()
@click.argument("request")
@click.option("--reason", required=True, help="Why not.")
@json_option
def refuse(request: str, reason: str) -> None:
    """
    Refuse a restore.

    Yours or another person's. What it asked for stays off.

    \b
    Example:
      andon refuse INC-2026-0001-R1 --reason "the old key still works"
    """
    with connect() as andon:
        answer = andon.post("restores", request, "refusal", body={"reason": reason})
        say(answer, lambda a: [f"{a['id']} is refused; what it asked for stays off"])


@click.command()
@click.argument("request")
@click.option("--reason", required=True, help="What speaks against it.")
@click.option("--keep", is_flag=True, help="Leave what it has given back so far.")
@json_option
def stop(request: str, reason: str, keep: bool) -> None:
    """
    Stop a restore at once.

    Takes one person. No further step, and what it has given back so far is held again.

    \b
    Example:
      andon stop INC-2026-0001-R1 --reason "acme is being abused again"
    """
    with connect() as andon:
        say(andon.post("restores", request, "stop", body={"reason": reason, "keep": keep}), show.stopped)


def _read_out(request: dict[str, Any]) -> None:
    """On standard error: the plan is for the person who decides, the answer for whoever reads on."""
    remark(f"{request['id']} asks to restore {request['incident']}:")
    for line in show.plan(request):
        remark(f"  {line}")


def _ask(request: dict[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise Failed(Exit.WRONG_USAGE, "approving asks on a terminal, and there is none; --yes approves without asking")
    true = ", and its checks are true" if request["plan"]["checks"] else ""
    click.echo(f"Approve exactly this, plan {request['plan_digest'][:12]}{true}? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed(Exit.REFUSED, "not approved; nothing was changed")


COMMANDS: list[click.Command] = [restore, approve, refuse, stop]
