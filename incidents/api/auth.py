"""
Who asks: the token of a request, or whoever the program itself says (the command line beside a ledger).

Session cookies are the pages' business; a browser's cookie opens nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.api.registry import Route
from incidents.credentials import find, sent_secrets
from incidents.decisions import Asker, needs
from incidents.desk import Desk
from incidents.errors import Refused
from incidents.roles import Right

INSIDE = "andon.asker"  # a WSGI environ key; no header can set it, so only callers in this program can


class Unauthenticated(Refused):
    """No token, or one that is not in use."""

    status = 401
    code = "unauthenticated"


def asker_of(environ: Mapping[str, Any], desk: Desk) -> Asker:
    """
    Raises:
        Unauthenticated: No token that is in use.
    """
    inside = environ.get(INSIDE)
    if isinstance(inside, Asker):
        return inside
    secrets = sent_secrets(str(environ.get("HTTP_X_API_KEY", "")), str(environ.get("HTTP_AUTHORIZATION", "")))
    for secret in secrets:
        credential = find(desk.credentials, secret)
        if credential is not None:
            return credential.asker("api")
    if secrets:
        raise Unauthenticated("this token is unknown or revoked")
    raise Unauthenticated("a token is needed: Authorization: Bearer <token> or X-API-Key")


def guard(route: Route, asker: Asker) -> None:
    """
    Raises:
        Forbidden: The asker lacks the right that the route takes.
    """
    if route.asks is None or (route.own and asker.may(Right.OWN_ACCESS)):
        return
    needs(asker, route.asks, f"{route.method} {route.path}")


def owner_of(asker: Asker) -> str:
    """Whose repeats are the same request: the person's, or the token's where there is no person."""
    return asker.actor.person or f"token:{asker.token or asker.actor.via}"
