"""
The command line: ``main`` runs one command and turns what became of it into an exit code.

0 done, 1 refused or false, 2 wrong usage, 3 could not reach or open; 130 and 141 where a signal ended it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from incidents.cli import (
    access,
    catalog,
    clocks,
    declaring,
    drills,
    incidents,
    ledger,
    notices,
    playbooks,
    restores,
    reviews,
    slack,
    tokens,
    work,
)
from incidents.cli.outcome import Exit, Failed, of_error
from incidents.cli.show import plain
from incidents.clock import readable
from incidents.errors import AndonError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("andon"), prog_name="andon", message="%(prog)s %(version)s")
def cli() -> None:
    """
    Andon: declare an incident, switch access off, see that it is off.

    Commands go to ANDON_URL (with ANDON_TOKEN) where it is set, else straight to the ledger of ANDON_DATABASE_URL.

    Exit codes: 0 done, 1 refused or false, 2 wrong usage, 3 could not reach or open.

    \b
    Example:
      andon kill partner acme --reason "their key is on a paste site"
    """


for family in (
    ledger,
    tokens,
    catalog,
    playbooks,
    declaring,
    incidents,
    work,
    clocks,
    notices,
    restores,
    reviews,
    drills,
    access,
    slack,
):
    for command in family.COMMANDS:
        cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. ``arguments`` are taken from the command line if not given."""
    try:
        code = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        _silence_stdout()
        return Exit.PIPE_CLOSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OSError as error:
        _say(f"the answer could not be written ({error.strerror})")
        _silence_stdout()
        return Exit.NOT_REACHED
    return code


def _run(arguments: list[str]) -> int:
    _be_tolerant()
    try:
        with cli.make_context("andon", arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return Exit.INTERRUPTED
    except click.ClickException as error:
        error.show()
        return Exit.WRONG_USAGE
    except Failed as failed:
        _say(*failed.lines)
        return failed.code
    except AndonError as error:
        told = of_error(error)
        _say(*told.lines)
        return told.code
    return Exit.DONE


def _be_tolerant() -> None:
    """A terminal that lacks a character shows its escape; that must not keep an answer from being shown."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(plain(readable(line)), err=True)


def _silence_stdout() -> None:
    """What is still buffered has no reader; without this the interpreter complains of it on its way out."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # not a file: nothing will be flushed
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
