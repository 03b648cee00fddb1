"""
How a command ends: its exit code and the lines that say why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from incidents.errors import AndonError, Refused


class Exit(IntEnum):
    DONE = 0
    REFUSED = 1  # or false
    WRONG_USAGE = 2
    NOT_REACHED = 3  # or not opened
    INTERRUPTED = 130  # 128 + SIGINT
    PIPE_CLOSED = 141  # 128 + SIGPIPE


class Failed(Exception):
    """
    The command ends here. ``lines`` go to standard error, the most important one first.

    ``problem``: what the API answered, where it did.
    """

    def __init__(self, code: Exit, *lines: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(lines[0] if lines else code.name)
        self.code, self.lines = code, tuple(part for line in lines for part in line.split("\n"))
        self.problem = problem or {}


def of_error(error: AndonError) -> Failed:
    """One of our own errors, raised in this process."""
    if isinstance(error, Refused):
        fields = [{"where": e.where, "message": e.message} for e in error.errors]
        return Failed(Exit.REFUSED, *_told(str(error), fields))
    return Failed(Exit.NOT_REACHED, str(error))


def of_problem(problem: Mapping[str, Any], place: str, *hints: str) -> Failed:
    """An error that the API answered (RFC 9457). ``place``: the URL or ledger that it came from."""
    detail = str(problem.get("detail") or problem.get("title") or "refused")
    if int(problem["status"]) >= 500:
        return Failed(Exit.NOT_REACHED, detail if place in detail else f"{place}: {detail}", *hints)
    fields = problem.get("errors")
    told = _told(detail, fields if isinstance(fields, list) else [])
    return Failed(Exit.REFUSED, *told, *hints, problem=problem)


def _told(detail: str, fields: Iterable[Any]) -> list[str]:
    """The detail, then a line per wrong field, but for those that the detail has said already."""
    lines = [detail]
    for field in fields:
        if isinstance(field, Mapping) and str(field.get("message")) not in detail:
            lines.append(f"{field.get('where')}: {field.get('message')}")
    return lines
