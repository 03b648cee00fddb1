"""
Who is told: from a role or a name to people, and by which channels each kind of reader is reached.

Pure. Of a restricted incident only its insiders are told. Where nobody has a role somebody else is told, and reads
why: a message that finds no reader would be the worst of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from incidents.holds import LIVE, SHADOW
from incidents.life import COMMANDER, RESTRICTED, Incident
from incidents.outbox import Lane
from incidents.roles import Right, Role, rights_of
from incidents.state import State
from playbooks.plan import PlannedNotice
from playbooks.schema import AddressKind

DEPUTY, LEADERSHIP = "deputy", "leadership"
CHANNELS: dict[str, tuple[str, ...]] = {
    "person": ("slack", "email"),
    "slack": ("slack",),
    "email": ("email",),
    "partner": ("email",),
    "webhook": ("webhook",),
}
OTHER_CHANNEL_FIRST = ("email", "slack")  # an escalation comes by another way than what was not answered
PLACES = frozenset({"slack", "email", "webhook"})  # readers that are no person of ours


@dataclass(frozen=True, slots=True)
class About:
    """What a message is about. ``insiders`` None: everybody may know of it."""

    incident: str
    kind: str
    severity: str
    insiders: tuple[str, ...] | None = None
    known: Incident | None = None

    @property
    def table(self) -> str:
        return SHADOW if self.kind == "drill" else LIVE

    @property
    def lane(self) -> Lane:
        return Lane.SEV1 if self.severity == "sev1" else Lane.REST


def about(incident: Incident) -> About:
    restricted = incident.visibility == RESTRICTED
    insiders = tuple(incident.insiders) if restricted else None
    return About(incident.id, incident.kind, incident.severity, insiders, incident)


@dataclass(frozen=True, slots=True)
class Readers:
    """``instead``: the role that nobody has, where others are told in its place."""

    people: tuple[str, ...]
    instead: str = ""


def of_role(state: State, on: About, role: str, but: Iterable[str] = ()) -> Readers:
    """
    Who is told what is meant for a role.

    Its holder in this incident; else whoever the catalog gives that duty or role; else the commander; else everybody
    who may command. ``but``: people who have been told already, left out while there is anybody else.
    """
    known = on.known
    holder = known.holders.get(role) if known is not None else None
    if holder is not None:
        return Readers((holder.person,))
    for number, people in enumerate(_in_turn(state, on, role)):
        found = [person for person in people if on.insiders is None or person in on.insiders]
        others = [person for person in found if person not in set(but)]
        if found:
            return Readers(tuple(others or found), "" if number == 0 else role)
    return Readers((), role)


def _in_turn(state: State, on: About, role: str) -> Sequence[list[str]]:
    """Groups of people, the first that has anybody counts; only the first of them is what was asked for."""
    people, known = state.catalog.people.values(), on.known
    meant = [p.id for p in people if role in p.duties or role in p.roles]
    if role == LEADERSHIP:
        meant = meant or [p.id for p in people if Role.ADMIN in p.roles]
    if role in (DEPUTY, COMMANDER):
        meant = meant or [p.id for p in people if Right.COMMAND in rights_of(Role(r) for r in p.roles)]
    commander = [known.commander] if known is not None and known.commander is not None else []
    able = [p.id for p in people if Right.COMMAND in rights_of(Role(r) for r in p.roles)]
    return (meant, commander, able, list(on.insiders or ()))


def holds_role(state: State, incident: Incident, person: str, role: str) -> bool:
    """Whether a person has a role: in this incident, by duty, or in the catalog (an admin has the commander's)."""
    holder = incident.holders.get(role)
    known = state.catalog.people.get(person)
    if holder is not None and holder.person == person:
        return True
    if known is None:
        return False
    return role in known.duties or role in known.roles or (role == COMMANDER and Role.ADMIN in known.roles)


def by_reference(incident: str, notices: Sequence[PlannedNotice]) -> tuple[list[dict[str, Any]], dict[str, str | None]]:
    """
    A playbook's notices as the log may hold them, and the directory's entries for what it may not.

    Mail and web addresses are chained nowhere: their entry is ``<incident>/<number>``; of a web address the host is
    shown.
    """
    rows: list[dict[str, Any]] = []
    directory: dict[str, str | None] = {}
    for notice in notices:
        row = notice.data()
        if notice.to.kind in (AddressKind.EMAIL, AddressKind.WEBHOOK):
            entry = f"{incident}/{notice.number}"
            directory[f"notices/{entry}"] = notice.to.value
            row["to"] = f"{notice.to.kind}:{entry}"
            if notice.to.kind is AddressKind.WEBHOOK:
                row["host"] = urlsplit(notice.to.value).hostname or ""
        rows.append(row)
    return rows, directory
