"""
The way back: one person asks, another reads the exact plan and approves that one.
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
@click.option("--reason", required=True, help="Why it is safe again.")
@json_option
def restore(id: str, only: Sequence[int], reason: str) -> None:
    """
    Ask to give back what is off.

    Lifts what an incident holds, all of it or some actions. Changes nothing until another person approves.

    \b
    Example:
      andon restore INC-2026-0001 --only 1 --reason "new key issued, old one dead"
    """
    body = {"reason": reason, **({"only": list(only)} if only else {})}
    with connect(person_needed="asking for a restore") as andon:
        say(andon.post("incidents", id, "restores", body=body), show.asked)


@click.command()
@click.argument("request")
@click.option("--yes", is_flag=True, help="Don't ask; the plan is printed all the same.")
@json_option
def approve(request: str, yes: bool) -> None:
    """
    Read and approve a restore.

    Prints what it would give back; you approve exactly that.

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
        say(
            andon.post("restores", found["id"], "approval", body={"plan_digest": found["plan_digest"]}),
            show.approved,
        )


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


def _read_out(request: dict[str, Any]) -> None:
    """On standard error: the plan is for the person who decides, the answer for whoever reads on."""
    remark(f"{request['id']} asks to restore {request['incident']}:")
    for line in show.plan(request):
        remark(f"  {line}")


def _ask(request: dict[str, Any]) -> None:
    if not sys.stdin.isatty():
        raise Failed(Exit.WRONG_USAGE, "approving asks on a terminal, and there is none; --yes approves without asking")
    click.echo(f"Approve exactly this, plan {request['plan_digest'][:12]}? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failed(Exit.REFUSED, "not approved; nothing was changed")


COMMANDS: list[click.Command] = [restore, approve, refuse]
