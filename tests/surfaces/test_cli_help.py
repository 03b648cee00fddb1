"""What ``andon --help`` promises: every command says what it does, shows an example and speaks JSON."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import click
import pytest

from incidents.cli import cli, main

# Comes with its own issue; until then it must not be offered.
LATER = {"gate"}
LATER |= {"promote", "rollback"}


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


EVERY = {" ".join(path): command for path, command in commands()}


@pytest.mark.parametrize("path", EVERY)
def test_help_has_an_example_that_names_the_command(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    At night an example is read before any description.
    """
    assert main([*path.split(), "--help"]) == 0

    out = capsys.readouterr().out
    assert "Example:\n" in out
    example = out.split("Example:\n")[1].splitlines()[0]
    assert f"andon {path}" in example or f"andon {path.removeprefix('incidents ')}" in example


@pytest.mark.parametrize("path", EVERY)
def test_command_speaks_json(path: str) -> None:
    """
    Scripts rely on ``--json`` everywhere; only the service itself and bare groups have nothing to answer.
    """
    command = EVERY[path]
    if path == "serve" or (isinstance(command, click.Group) and not command.invoke_without_command):
        return

    assert "--json" in {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("path", EVERY)
def test_every_option_and_command_is_explained(path: str) -> None:
    """
    An option without a word of help is a guess.
    """
    command = EVERY[path]

    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name


def test_nothing_is_offered_that_does_not_work_yet() -> None:
    """
    A command in the help is a promise.
    """
    assert LATER.isdisjoint(cli.commands)


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Bug reports begin with it.
    """
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"andon {version('andon')}\n"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["kill", "partner"], ["kill", "planet", "x"], ["incidents", "--limit", "x"]]
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """
    A script tells its own mistake from a refusal by the code alone.
    """
    assert main(arguments) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage:" in said.err
