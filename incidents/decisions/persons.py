"""
What only a person may do: looked up in the state of the append, because rights may have gone since the sign-in.
"""

from __future__ import annotations

from dataclasses import replace

from incidents.decisions import Asker, needs
from incidents.errors import Forbidden
from incidents.roles import Right
from incidents.state import State


def acting_person(state: State, asker: Asker, right: Right, what: str) -> str:
    """
    The person behind the asker's token.

    Raises:
        Forbidden: No such right (any more), or a token without a person, the local administrator included.
    """
    needs(asker, right, what)
    token = state.tokens.get(asker.token or "")
    if not asker.actor.person or token is None:
        raise Forbidden(f"{what} takes a token that belongs to a person", code="person-needed")
    if token.revoked:
        raise Forbidden(f"the token {token.name} has been revoked")
    needs(replace(asker, rights=state.rights(token)), right, what)
    return asker.actor.person
