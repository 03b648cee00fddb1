"""
Playbooks: what can be declared, and whether a file of them is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from incidents.cli import show
from incidents.cli.options import json_option, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import connect, settings
from playbooks.loader import Library
from playbooks.loader import check as check_files
from playbooks.source import Problem


@click.group()
def playbooks() -> None:
    """
    List, show and check playbooks.

    \b
    Example:
      andon playbooks list
    """


@playbooks.command("list")
@json_option
def list_() -> None:
    """
    What can be declared.

    \b
    Example:
      andon playbooks list
    """
    with connect() as andon:
        say({"items": list(andon.items("playbooks")), "next": None}, _listed)


@playbooks.command("show")
@click.argument("id")
@json_option
def show_(id: str) -> None:
    """
    One playbook: its parameters and what it does.

    \b
    Example:
      andon playbooks show break-glass
    """
    with connect() as andon:
        say(andon.get("playbooks", id), _shown)


@playbooks.command()
@click.argument("path", required=False)
@json_option
def check(path: str | None) -> None:
    """
    Check a playbook file or a folder of them; without PATH, those in use here. Needs neither ledger nor service.

    \b
    Example:
      andon playbooks check ./our-playbooks
    """
    if path is None:
        problems: Sequence[Problem] = Library.load(settings().playbooks).problems
    else:
        problems = check_files(_existing(path))
    found = [{"file": p.file, "line": p.line, "message": p.message} for p in problems]
    say({"good": not found, "problems": found}, _checked)
    if found:
        click.get_current_context().exit(Exit.REFUSED)


def _existing(path: str) -> Path:
    try:
        known = Path(path).exists()
    except (OSError, ValueError):
        known = False
    if not known:
        raise Failed(Exit.NOT_REACHED, f"{Path(path).absolute()}: there is no such file or folder")
    return Path(path)


def _checked(answer: Mapping[str, Any]) -> Iterator[str]:
    for problem in answer["problems"]:
        yield show.plain(f"{problem['file']}:{problem['line']}: {problem['message']}")
    if answer["good"]:
        yield "good: nothing wrong was found"


def _listed(answer: Mapping[str, Any]) -> Iterator[str]:
    return show.table(
        ("ID", "VERSION", "SEVERITY", "TITLE"),
        [(row["id"], row["version"], row["severity"], row["title"]) for row in answer["items"]],
        none="no playbook",
    )


def _shown(answer: Mapping[str, Any]) -> Iterator[str]:
    yield from map(show.plain, str(answer["source"]).splitlines())


COMMANDS: list[click.Command] = [playbooks]
