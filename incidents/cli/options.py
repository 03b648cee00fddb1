"""
What every command shares: ``--json``, saying an answer in words or as JSON, and times as people type them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import click

from incidents.clock import SystemClock
from incidents.errors import Invalid
from incidents.typed_times import typed_due, typed_moment

T = TypeVar("T")
Typed = Callable[[click.Context, click.Parameter, str | None], str | None]
_JSON = "andon.json"


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_JSON] = True


json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_remember, help="JSON on stdout, and nothing else."
)


def as_json() -> bool:
    return bool(click.get_current_context().meta.get(_JSON))


def say(answer: T, words: Callable[[T], Iterable[str]]) -> None:
    """The answer on standard output: as JSON if that was asked for, else in words."""
    if as_json():
        click.echo(json.dumps(answer, indent=2))
        return
    lines = list(words(answer))
    if lines:
        click.echo("\n".join(lines))


def remark(line: str) -> None:
    """Beside the answer, on standard error."""
    from incidents.cli.show import plain

    click.echo(plain(line), err=True)


def choice(values: Iterable[Any]) -> click.Choice[str]:
    return click.Choice([str(value) for value in values])


def _typed(read: Callable[[str, datetime], str | None]) -> Typed:
    """An option's ``callback``: typed as on the pages, sent as the API reads it. What is no time is wrong usage."""

    def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        try:
            return read(value, SystemClock().now()) if value is not None else None
        except Invalid as error:
            raise click.BadParameter(str(error)) from error

    return moment


MOMENT = _typed(typed_moment)
DUE = _typed(typed_due)
