"""
The catalog: models, stages, capabilities, partners, grants and people, as one YAML file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
import yaml

from incidents.cli import show
from incidents.cli.options import json_option, say
from incidents.cli.outcome import Exit, Failed
from incidents.cli.transport import connect


@click.group()
def catalog() -> None:
    """
    Show, check and apply the catalog.

    It holds models, stages, capabilities, partners, grants and people.

    \b
    Example:
      andon catalog check catalog.yaml
    """


@catalog.command()
@click.argument("file")
@json_option
def apply(file: str) -> None:
    """
    Make the catalog what FILE says ("-" is stdin). Sections that it lacks stay; a second time changes nothing.

    \b
    Example:
      andon catalog apply catalog.yaml
    """
    _put(file)


@catalog.command()
@click.argument("file")
@json_option
def check(file: str) -> None:
    """
    Say what FILE ("-" is stdin) would change, or what is wrong in it and where. Changes nothing.

    \b
    Example:
      andon catalog check catalog.yaml
    """
    _put(file, check="true")


@catalog.command("show")
@json_option
def show_() -> None:
    """
    The whole catalog, in the form that `apply` takes.

    \b
    Example:
      andon catalog show > catalog.yaml
    """
    with connect() as andon:
        say(andon.get("catalog"), _as_yaml)


def _put(file: str, check: str | None = None) -> None:
    octets = _read(file)
    with connect() as andon:
        say(andon.put("catalog", octets=octets, name=_name(file), check=check), show.catalog_change)


def _name(file: str) -> str:
    """What messages call the file; the API takes 200 characters of it."""
    return "stdin" if file == "-" else Path(file).name[-200:]


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Failed(Exit.NOT_REACHED, f"{Path(file).absolute()}: can't be read ({reason})") from error


def _as_yaml(found: Any) -> list[str]:
    return str(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120)).splitlines()


COMMANDS: list[click.Command] = [catalog]
