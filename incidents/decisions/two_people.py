"""
Rules about two people: who counts as another one.

They look at the person, never at the token: a token that somebody made for another is still that somebody's hand.
Restores, notices and reviews share them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from incidents.chat import is_account
from incidents.decisions import Asker
from incidents.errors import Forbidden
from incidents.state import State

CODE = "second-person-needed"


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who had a hand in it before. ``did`` says what, as in "asked for INC-2026-0001-R1"; ``token`` by id."""

    person: str
    token: str | None
    did: str


def check_another(state: State, hands: Iterable[Hand], asker: Asker, *, does: str = "approves") -> None:
    """
    Refuse whoever had a hand in it already, by this token or by one that goes back to the same person.

    Args:
        does: What another person is needed for.

    Raises:
        Forbidden: It takes another person.
    """
    person = asker.actor.person or ""
    token = state.tokens.get(asker.token or "")
    makers = state.makers(token) if token is not None else set()
    for hand in hands:
        used = state.tokens.get(hand.token or "")
        if hand.person == person:
            raise Forbidden(f"{person} {hand.did}; another person {does} it", code=CODE)
        if hand.person in makers:
            used_now = "Slack account" if is_account(asker.token) else "token"
            raise Forbidden(f"this {used_now} goes back to {hand.person}, who {hand.did}; take another one", code=CODE)
        if used is not None and person in state.makers(used):
            raise Forbidden(
                f"{hand.person} {hand.did}, with a token that goes back to {person}; a third person {does} it",
                code=CODE,
            )
