"""
Who does what in an incident, and who may see it: roles, command and its hand-over, members.

Command changes hands only when the new commander accepts; until then the old one stays. Rights are not given here:
a role in an incident says who does something, the roles of the catalog say who may.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import check_reason, get_incident
from incidents.decisions.life import check_not_ended
from incidents.decisions.sight import is_insider, local
from incidents.errors import Conflicting, Forbidden, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.life import COMMANDER, OPEN, RESTRICTED, Incident
from incidents.roles import Right, Role, least_role, rights_of
from incidents.state import State

STANDARD = (COMMANDER, "comms", "scribe", "liaison", "expert")


class Act(StrEnum):
    """What can be done with a role. ``TAKE`` also accepts an offer."""

    TAKE = "take"
    ASSIGN = "assign"
    DECLINE = "decline"
    LEAVE = "leave"


def roles_of(incident: Incident) -> list[str]:
    """The roles that this incident can have: the playbook's first, then the standard ones."""
    return list(dict.fromkeys([*incident.roles, *STANDARD]))


def take(state: State, incident_id: str, role: str, *, reason: str, force: bool, asker: Asker) -> Decided:
    """
    Take a role oneself, or accept it when it was offered.

    Args:
        force: Take command from whoever has it, without being handed it; needs a reason, and everybody reads it.

    Raises:
        Conflicting: Somebody else has command; or the role is the asker's already.
    """
    incident = _open_incident(state, incident_id, role)
    person = _able(state, incident, role, _person_of(asker))
    holder = incident.holders.get(role)
    offered = incident.offers.get(role)
    if holder and holder.person == person:
        raise Conflicting(f"{person} is {role} of {incident.id} already", code="already")
    accepts = offered is not None and offered.person == person
    taken_over = holder is not None and role == COMMANDER and not accepts
    if holder is not None and taken_over:
        if not force:
            raise Conflicting(
                f"{holder.person} has command of {incident.id} since {rfc3339(holder.since)}; ask for it to be handed"
                " over, or take it over with a reason if they can't be reached",
                code="command-taken",
            )
        check_reason(reason, "taking command over needs a reason")
    fact = ev.RoleTaken(role=role, person=person, was=holder.person if holder else None, forced=taken_over or None)
    text = {"reason": reason} if reason and taken_over else {}
    return Decided([Draft(fact, incident=incident.id, text=text)], subject=incident.id)


def assign(state: State, incident_id: str, role: str, person: str, asker: Asker) -> Decided:
    """
    Give a role to somebody: at once, or, for command, as an offer that they accept by taking it.

    Raises:
        Unknown: Nobody of that id is in the catalog.
        Forbidden: Command is handed over by whoever has it, or by somebody with the right to command.
        Conflicting: They have it already, or it is offered to them already.
    """
    if person == asker.actor.person:
        return take(state, incident_id, role, reason="", force=False, asker=asker)
    incident = _open_incident(state, incident_id, role)
    needs(asker, Right.RESPOND, "assigning a role")
    person = _able(state, incident, role, person)
    holder, offered = incident.holders.get(role), incident.offers.get(role)
    if holder and holder.person == person:
        raise Conflicting(f"{person} is {role} of {incident.id} already", code="already")
    if role != COMMANDER:
        fact: ev.Fact = ev.RoleTaken(role=role, person=person, was=holder.person if holder else None)
        return Decided([Draft(fact, incident=incident.id)], subject=incident.id)
    if holder and holder.person != asker.actor.person:
        needs(asker, Right.COMMAND, f"handing over the command that {holder.person} has")
    if offered and offered.person == person:
        raise Conflicting(f"command of {incident.id} is offered to {person} already", code="already")
    fact = ev.RoleOffered(role=role, person=person)
    return Decided([Draft(fact, incident=incident.id)], subject=incident.id)


def decline(state: State, incident_id: str, role: str, reason: str, asker: Asker) -> Decided:
    """Decline what was offered to oneself, or take an offer back."""
    incident = _open_incident(state, incident_id, role)
    offered = incident.offers.get(role)
    if offered is None:
        raise Conflicting(f"{role} of {incident.id} is offered to nobody")
    who = asker.actor.person
    if who not in (offered.person, offered.by, incident.commander):
        needs(asker, Right.COMMAND, "taking back somebody else's offer")
    fact = ev.RoleDeclined(role=role, person=offered.person)
    return Decided([Draft(fact, incident=incident.id, text=_text(reason))], subject=incident.id)


def leave(state: State, incident_id: str, role: str, reason: str, asker: Asker) -> Decided:
    """
    Give up a role.

    Raises:
        Conflicting: Command is handed over, never dropped.
        Forbidden: It is somebody else's, and the asker may not command.
    """
    incident = _open_incident(state, incident_id, role)
    holder = incident.holders.get(role)
    if holder is None:
        raise Conflicting(f"nobody is {role} of {incident.id}")
    if role == COMMANDER:
        raise Conflicting(f"command of {incident.id} is not dropped: hand it over to somebody (assign commander)")
    if holder.person != asker.actor.person:
        needs(asker, Right.COMMAND, f"taking the role {role} from {holder.person}")
    fact = ev.RoleLeft(role=role, person=holder.person)
    return Decided([Draft(fact, incident=incident.id, text=_text(reason))], subject=incident.id)


def _text(reason: str) -> dict[str, str]:
    if reason:
        check_reason(reason)
    return {"reason": reason} if reason else {}


def _open_incident(state: State, incident_id: str, role: str) -> Incident:
    incident = get_incident(state, incident_id)
    check_not_ended(incident)
    known = roles_of(incident)
    if role not in known:
        message = f"unknown role '{role[:40]}'.{nearest(role, known)} {incident.id} has {', '.join(known)}"
        raise Invalid.at("role", message, code="unknown-role")
    return incident


def _person_of(asker: Asker) -> str:
    needs(asker, Right.RESPOND, "taking a role")
    person = asker.actor.person
    if not person or local(asker):
        raise Forbidden("to take a role takes a token that belongs to a person", code="person-needed")
    return person


def _able(state: State, incident: Incident, role: str, person: str) -> str:
    """
    A person whom the role can be given to.

    Raises:
        Unknown: Not in the catalog; with the nearest id.
        Forbidden: They may not respond, or, as commander, not command.
    """
    known = find_person(state, person)
    right = Right.COMMAND if role == COMMANDER else Right.RESPOND
    if right not in rights_of(Role(r) for r in state.catalog.people[known].roles):
        raise Forbidden(f"{known} can't be {role} of {incident.id}: that takes the role '{least_role(right)}' or above")
    return known


def find_person(state: State, person: str) -> str:
    """
    A person's id, told by id, name or Slack id; case is ignored.

    Raises:
        Unknown: Nobody, or more than one; with the nearest id.
    """
    people = state.catalog.people
    if person in people:
        return person
    wanted = person.strip().removeprefix("@").casefold()
    found = [p.id for p in people.values() if wanted in (p.id.casefold(), p.name.casefold(), p.slack.casefold())]
    if len(found) != 1 or not wanted:
        raise Unknown(f"unknown person '{person[:80]}'.{nearest(person, people)}", code="unknown-person")
    return found[0]


# --- who may see it -------------------------------------------------------------------------------------------------


def set_visibility(state: State, incident_id: str, visibility: str, reason: str, asker: Asker) -> Decided:
    """
    Open or restrict. Restricting, the asker becomes a member where they were none.

    Raises:
        Invalid: Neither of the two, or no reason.
        Conflicting: It is that already, or the asker would lock themselves out.
    """
    incident = get_incident(state, incident_id)
    if visibility not in (OPEN, RESTRICTED):
        raise Invalid.at("visibility", f"unknown visibility '{visibility[:40]}'; it is {OPEN} or {RESTRICTED}")
    needs(asker, Right.COMMAND if visibility == OPEN else Right.RESPOND, "changing who may see it")
    if visibility == incident.visibility:
        raise Conflicting(f"{incident.id} is {visibility} already", code="already")
    check_reason(reason)
    fact = ev.VisibilitySet(visibility=visibility, was=incident.visibility)
    drafts = [Draft(fact, incident=incident.id, text={"reason": reason})]
    if visibility == RESTRICTED and not is_insider(asker, incident.insiders):
        person = asker.actor.person
        if person not in state.catalog.people:
            words = "would not see it any more: restrict it with a token that belongs to a person"
            raise Conflicting(f"{asker.actor.name} {words}", code="person-needed")
        drafts.append(Draft(ev.MembersChanged(add=[person], remove=[]), incident=incident.id))
    return Decided(drafts, subject=incident.id)


def change_members(state: State, incident_id: str, add: Sequence[str], remove: Sequence[str], asker: Asker) -> Decided:
    """
    Let people in or out. Who has a role, or declared it, stays in as long as that is so.

    Raises:
        Unknown: Nobody of that id.
        Conflicting: Nothing would change, or somebody's role keeps them in.
    """
    needs(asker, Right.RESPOND, "changing who may see it")
    incident = get_incident(state, incident_id)
    more = [p for p in dict.fromkeys(find_person(state, a) for a in add) if p not in incident.members]
    fewer = list(dict.fromkeys(r if r in incident.members else find_person(state, r) for r in remove))
    for person in fewer:
        if why := _stays(incident, person):
            raise Conflicting(f"{person} can't be taken out of {incident.id}: {why}")
    if not more and not fewer:
        raise Conflicting(f"nothing would change for {incident.id}", code="already")
    return Decided([Draft(ev.MembersChanged(add=more, remove=fewer), incident=incident.id)], subject=incident.id)


def _stays(incident: Incident, person: str) -> str:
    """Why somebody can't be taken out; empty where they can."""
    if person in (incident.declared_by, *incident.joined):
        return "they declared it"
    if person in incident.involved:
        return "their role keeps them in"
    return "" if person in incident.members else "they are no member"
