"""
The review of an incident: written by its people, read by somebody who wrote none of it, published by yet another.

Each save is a version on top of the one that was read: two writers never overwrite each other. Publishing makes the
incident reviewed.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import get_incident
from incidents.decisions.people import find_person
from incidents.decisions.sight import local
from incidents.errors import Conflicting, Forbidden, Invalid
from incidents.events import Draft
from incidents.life import FALSE_ALARM, MERGED, Incident
from incidents.roles import Right
from incidents.state import State

DOCUMENT_LIMIT = 200_000
UNANSWERED = "_To be answered._"


def set_owner(state: State, incident_id: str, person: str, asker: Asker) -> Decided:
    """Say who sees to the review."""
    needs(asker, Right.RESPOND, "giving the review an owner")
    incident = _reviewable(state, incident_id)
    owner = find_person(state, person)
    if owner == incident.review.owner:
        raise Conflicting(f"{owner} has the review of {incident.id} already", code="already")
    return Decided([Draft(ev.ReviewOwnerSet(person=owner), incident=incident.id)], subject=incident.id)


def save(state: State, incident_id: str, document: str, base: int, asker: Asker) -> Decided:
    """
    Write a version of the document on top of version ``base`` (0: the first).

    Raises:
        Conflicting: Somebody saved meanwhile; the newer version has to be read first.
        Invalid: Empty or too long.
    """
    needs(asker, Right.RESPOND, "writing the review")
    incident = _reviewable(state, incident_id)
    review = incident.review
    if not document.strip():
        raise Invalid.at("document", "the document is empty")
    if len(document) > DOCUMENT_LIMIT:
        message = f"the document has {len(document)} characters; at most {DOCUMENT_LIMIT} are taken"
        raise Invalid.at("document", message, code="too-long")
    if base != review.version:
        who = f" by {review.saved_by} at {rfc3339(review.saved_at)}" if review.saved_at else ""
        raise Conflicting(
            f"version {review.version} was saved{who} while you wrote on version {base}; take it in and save again",
            code="version-conflict",
        )
    fact = ev.ReviewSaved(version=review.version + 1, base=base)
    return Decided([Draft(fact, incident=incident.id, text={"document": document})], subject=incident.id)


def approve(state: State, incident_id: str, version: int, asker: Asker) -> Decided:
    """
    Agree to a version, as somebody who wrote none of the document.

    Raises:
        Forbidden: The asker wrote part of it, or is no person.
        Conflicting: There is a newer version, or none; or it is approved.
    """
    incident = _reviewable(state, incident_id)
    person = _person(asker, "to approve a review")
    review = incident.review
    _check_version(incident, version)
    if review.approved == version:
        raise Conflicting(f"version {version} is approved already, by {review.approved_by}", code="already")
    if person in review.authors:
        raise Forbidden(f"{person} wrote part of this review; another person approves it", code="second-person-needed")
    return Decided([Draft(ev.ReviewApproved(version=version), incident=incident.id)], subject=incident.id)


def publish(state: State, incident_id: str, version: int, document: str, asker: Asker, now: datetime) -> Decided:
    """
    Make an approved version the review, and the incident reviewed where it is resolved.

    Args:
        document: The text of that version, which the state does not keep.

    Raises:
        Forbidden: The approver can't also publish.
        Conflicting: Not approved, no owner, questions open, or the incident is not resolved yet.
    """
    incident = _reviewable(state, incident_id)
    person = _person(asker, "to publish a review")
    review = incident.review
    _check_version(incident, version)
    if review.published == version:
        raise Conflicting(f"version {version} is published already, by {review.published_by}", code="already")
    blocked = not_published_yet(incident, document)
    if blocked:
        raise Conflicting(f"the review of {incident.id} can't be published yet: {'; '.join(blocked)}", code="not-yet")
    if person == review.approved_by:
        raise Forbidden(f"{person} approved this version; another person publishes it", code="second-person-needed")
    digest = hashlib.sha256(document.encode()).hexdigest()
    drafts = [Draft(ev.ReviewPublished(version=version, digest=digest), incident=incident.id)]
    if incident.stage == "resolved":
        drafts.append(Draft(ev.IncidentReviewed(version=version), incident=incident.id))
    return Decided(drafts, subject=incident.id)


def not_published_yet(incident: Incident, document: str) -> list[str]:
    """What keeps the newest version from being published, one clause each."""
    review, found = incident.review, []
    if incident.stage not in ("resolved", "reviewed", "closed"):
        found.append(f"the incident is {incident.status}, not resolved")
    if not review.owner:
        found.append("it has no owner")
    if review.version == 0:
        found.append("nothing is written")
    elif not document.strip():
        found.append("the text of this version was redacted: save it anew")
    elif review.approved != review.version:
        found.append("nobody who wrote none of it has approved this version")
    found += [f"'{question}' is not answered" for question in unanswered(document)]
    return found


def unanswered(document: str) -> list[str]:
    """Headings whose section still holds the placeholder, in order."""
    heading, found = "the document", []
    for line in document.splitlines():
        if match := re.match(r"#{1,6}\s+(.+)", line):
            heading = match[1].strip()
        elif line.strip() == UNANSWERED:
            found.append(heading)
    return found


def _check_version(incident: Incident, version: int) -> None:
    newest = incident.review.version
    if newest == 0:
        raise Conflicting(f"nothing is written in the review of {incident.id} yet")
    if version != newest:
        raise Conflicting(f"version {newest} is the newest, not {version}; read it first", code="version-conflict")


def _reviewable(state: State, incident_id: str) -> Incident:
    incident = get_incident(state, incident_id)
    if incident.status in (FALSE_ALARM, MERGED):
        raise Conflicting(f"{incident.id} ended as {incident.status}: it has no review; reopen it for one")
    return incident


def _person(asker: Asker, what: str) -> str:
    needs(asker, Right.COMMAND, what)
    if not asker.actor.person or local(asker):
        raise Forbidden(f"{what} takes a token that belongs to a person", code="person-needed")
    return asker.actor.person
