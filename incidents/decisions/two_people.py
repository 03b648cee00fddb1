"""
Rules about two people: who counts as a person, and who as another one.

They look at the person, never at the token: a token that somebody made for another is still that somebody's hand.
Restores and notices share them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from incidents.decisions import Asker, needs
from incidents.errors import Forbidden
from incidents.roles import Right
from incidents.state import State

CODE = "second-person-needed"


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who had a hand in it before. ``did`` says what, as in "asked for INC-2026-0001-R1"; ``token`` by id."""

    person: str
    token: str | None
    did: str


def person_of(state: State, asker: Asker, what: str, right: Right = Right.COMMAND) -> str:
    """
    The person who asks. Rights are looked up again here: they may have gone between the sign-in and this append.

    Raises:
        Forbidden: No right, no person behind the token, or a token that was revoked.
    """
    needs(asker, right, f"to {what}")
    token = state.tokens.get(asker.token or "")
    if not asker.actor.person or token is None:
        raise Forbidden(f"to {what} takes a token that belongs to a person", code="person-needed")
    if token.revoked:
        raise Forbidden(f"the token {token.name} has been revoked")
    needs(replace(asker, rights=state.rights(token)), right, f"to {what}")
    return asker.actor.person


def check_another(state: State, hands: Iterable[Hand], asker: Asker) -> None:
    """
    Refuse whoever had a hand in it already, by this token or by one that goes back to the same person.

    Raises:
        Forbidden: It takes another person.
    """
    person = asker.actor.person or ""
    token = state.tokens.get(asker.token or "")
    makers = state.makers(token) if token is not None else set()
    for hand in hands:
        used = state.tokens.get(hand.token or "")
        if hand.person == person:
            raise Forbidden(f"{person} {hand.did}; another person approves it", code=CODE)
        if hand.person in makers:
            raise Forbidden(f"this token goes back to {hand.person}, who {hand.did}; take another one", code=CODE)
        if used is not None and person in state.makers(used):
            raise Forbidden(
                f"{hand.person} {hand.did}, with a token that goes back to {person}; a third person approves it",
                code=CODE,
            )
