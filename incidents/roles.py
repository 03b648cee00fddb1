"""
Who may do what: roles of tokens and people, and the rights they carry.

A right is asked for where the change is made (decisions, API), never by comparing role names.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Right(StrEnum):
    """One thing that a role may allow."""

    READ = "read"
    RESPOND = "respond"  # declare, kill, note, work tasks
    COMMAND = "command"  # restore, close, submit
    CATALOG = "catalog"  # models, capabilities, partners, grants, stages
    PEOPLE = "people"  # people, tokens, points
    ENFORCE = "enforce"
    SIGNAL = "signal"
    OWN_ACCESS = "own-access"  # a partner's own sheet and decisions


class Role(StrEnum):
    VIEWER = "viewer"
    RESPONDER = "responder"
    COMMANDER = "commander"
    RELEASE_MANAGER = "release-manager"
    ADMIN = "admin"
    ENFORCER = "enforcer"
    SIGNALLER = "signaller"
    PARTNER = "partner"


_READ = frozenset({Right.READ})
_RESPOND = _READ | {Right.RESPOND}
_COMMAND = _RESPOND | {Right.COMMAND}

RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _READ,
    Role.RESPONDER: _RESPOND,
    Role.COMMANDER: _COMMAND,
    Role.RELEASE_MANAGER: _READ | {Right.CATALOG},
    Role.ADMIN: _COMMAND | {Right.CATALOG, Right.PEOPLE},
    Role.ENFORCER: frozenset({Right.ENFORCE}),
    Role.SIGNALLER: frozenset({Right.SIGNAL}),
    Role.PARTNER: frozenset({Right.OWN_ACCESS}),
}

PEOPLE_ROLES = (Role.VIEWER, Role.RESPONDER, Role.COMMANDER, Role.RELEASE_MANAGER, Role.ADMIN)


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """The union of what the roles allow."""
    found: frozenset[Right] = frozenset()
    for role in roles:
        found |= RIGHTS[role]
    return found


PEOPLE_RIGHTS = rights_of(PEOPLE_ROLES)


def least_role(right: Right) -> Role:
    """The smallest role of a person that carries a right: what an error message should ask for."""
    return min((r for r in RIGHTS if right in RIGHTS[r]), key=lambda r: len(RIGHTS[r]))
