"""
Read-only links to one incident, for people without a token: made, expiring, revoked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import get_incident
from incidents.errors import Conflicting, Invalid, Unknown
from incidents.events import Draft
from incidents.life import Incident, Share
from incidents.roles import Right
from incidents.state import State

LONGEST = timedelta(days=30)
SHORTEST = timedelta(minutes=5)


def share(state: State, incident_id: str, id: str, life: timedelta, asker: Asker, now: datetime) -> Decided:
    """
    Make a link. ``id`` is random, minted by the caller.

    Raises:
        Invalid: It would live too long or too short.
    """
    needs(asker, Right.COMMAND, "sharing an incident")
    incident = get_incident(state, incident_id)
    if not SHORTEST <= life <= LONGEST:
        raise Invalid.at("for", "a link lives from 5 minutes to 30 days")
    fact = ev.ShareMade(share=id, expires_at=rfc3339(now + life))
    return Decided([Draft(fact, incident=incident.id)], subject=id)


def revoke(state: State, incident_id: str, id: str, asker: Asker) -> Decided:
    """
    Raises:
        Unknown: There is no such link.
        Conflicting: It is revoked already.
    """
    needs(asker, Right.COMMAND, "revoking a link")
    incident = get_incident(state, incident_id)
    known = incident.shares.get(id)
    if known is None:
        raise Unknown(f"{incident.id} has no link '{id[:40]}'", code="unknown-share")
    if known.revoked:
        raise Conflicting(f"link {id} is revoked already", code="already")
    return Decided([Draft(ev.ShareRevoked(share=id), incident=incident.id)], subject=id)


def live_share(incident: Incident, id: str, now: datetime) -> Share | None:
    """The link, if it still shows something."""
    known = incident.shares.get(id)
    return known if known is not None and not known.revoked and now < known.expires_at else None
