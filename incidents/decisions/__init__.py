"""
Decisions: ``(state, request, now) -> drafts``, or Refused. Pure; nothing here appends, sends or reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from incidents.errors import Forbidden
from incidents.events import Actor, Draft
from incidents.roles import Right, least_role


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, with the rights they have now. ``token`` is the token's id, None for a local administrator."""

    actor: Actor
    rights: frozenset[Right]
    token: str | None = None
    partner: str | None = None
    point: str | None = None

    def may(self, right: Right) -> bool:
        return right in self.rights


@dataclass(frozen=True, slots=True)
class Decided:
    """
    What will be appended in one write. ``subject`` names what it is about (an incident's or request's id).

    ``redact``: older events whose words are taken out for good in the same write.
    """

    drafts: list[Draft]
    subject: str = ""
    joined: bool = False
    notes: tuple[str, ...] = field(default=())
    directory: dict[str, str | None] = field(default_factory=dict)
    redact: tuple[int, ...] = ()


def needs(asker: Asker, right: Right, what: str) -> None:
    """
    Refuse an asker who lacks a right, saying which role would have it.

    Raises:
        Forbidden: The right is missing.
    """
    if not asker.may(right):
        error = Forbidden(f"{what} needs the role '{least_role(right)}' or above; {asker.actor.name} does not have it")
        error.needed = right.value
        raise error
