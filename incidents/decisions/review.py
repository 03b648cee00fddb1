"""
The review of an incident: written by its people, read by somebody who wrote none of it, published by yet another.

Each save is a version on top of the one that was read: two writers never overwrite each other. Publishing makes the
incident reviewed. The texts are handed in, because the state keeps no words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import get_incident
from incidents.decisions.people import find_person
from incidents.decisions.persons import acting_person
from incidents.decisions.two_people import Hand, check_another
from incidents.errors import Conflicting, Invalid, Outdated, Refused
from incidents.events import Draft
from incidents.life import FALSE_ALARM, MERGED, Incident, Review
from incidents.roles import Right
from incidents.state import State

DOCUMENT_LIMIT = 200_000
REVIEWED = ("resolved", "reviewed", "closed")


def set_owner(state: State, incident_id: str, person: str, asker: Asker) -> Decided:
    """
    Say who sees to the review.

    Raises:
        Unknown: Nobody of that name is in the catalog.
        Conflicting: They have it already, or the incident has no review.
    """
    needs(asker, Right.RESPOND, "giving the review an owner")
    incident = _reviewable(state, incident_id)
    owner = find_person(state, person)
    if owner == incident.review.owner:
        raise Conflicting(f"{owner} has the review of {incident.id} already", code="already")
    return Decided([Draft(ev.ReviewOwnerSet(person=owner), incident=incident.id)], subject=incident.id)


def save(state: State, incident_id: str, document: str, base: int, newest: str | None, asker: Asker) -> Decided:
    """
    Write a version of the document on top of version ``base`` (0: the first); what is there already changes nothing.

    Args:
        newest: The text of the newest version; None where there is none, or its words were redacted.

    Raises:
        Outdated: Somebody saved meanwhile; carries the newer version.
        Invalid: Empty or too long.
    """
    needs(asker, Right.RESPOND, "writing the review")
    incident = _reviewable(state, incident_id)
    review = incident.review
    document = document.replace("\r\n", "\n").replace("\r", "\n")
    if not document.strip():
        raise Invalid.at("document", "the document is empty")
    if len(document) > DOCUMENT_LIMIT:
        message = f"the document has {len(document)} characters; at most {DOCUMENT_LIMIT} are taken"
        raise Invalid.at("document", message, code="too-long")
    if document == newest:
        return Decided([], subject=incident.id, joined=True)
    if base != review.version:
        raise _outdated(incident, base, newest)
    fact = ev.ReviewSaved(version=review.version + 1, base=base)
    return Decided([Draft(fact, incident=incident.id, text={"document": document})], subject=incident.id)


def _outdated(incident: Incident, base: int, newest: str | None) -> Refused:
    review = incident.review
    if base > review.version:
        return Invalid.at("base", f"there is no version {base} of the review of {incident.id}; it has {review.version}")
    saved_at = rfc3339(review.saved_at) if review.saved_at else None
    message = (
        f"version {review.version} was saved by {review.saved_by} at {saved_at} while you wrote on version {base};"
        " take it in and save again"
    )
    newer = {"version": review.version, "document": newest, "saved_by": review.saved_by, "saved_at": saved_at}
    return Outdated(message, newer)


# --- approving and publishing: by people, and not by the same ones ---------------------------------------------------


def approve(state: State, incident_id: str, version: int, newest: str | None, asker: Asker) -> Decided:
    """
    Agree to a version, as somebody who wrote none of the document.

    Raises:
        Forbidden: The asker wrote part of it (also by a token of theirs), or is no person.
        Conflicting: There is a newer version, or none, or its words were redacted; or it is approved.
    """
    incident = _reviewable(state, incident_id)
    acting_person(state, asker, Right.COMMAND, "approving a review")
    review = incident.review
    _check_version(incident, version, newest)
    if review.approved == version:
        raise Conflicting(f"version {version} is approved already, by {review.approved_by}", code="already")
    check_another(state, _writers(state, review), asker)
    return Decided([Draft(ev.ReviewApproved(version=version), incident=incident.id)], subject=incident.id)


def publish(
    state: State, incident_id: str, version: int, newest: str | None, unready: Sequence[str], asker: Asker
) -> Decided:
    """
    Make an approved version the review, and the incident reviewed where it is resolved.

    Args:
        unready: What in that text keeps it from being published (``review_questions.unready``).

    Raises:
        Forbidden: The approver can't also publish (nor by a token of theirs).
        Conflicting: Not approved, no owner, questions open, or the incident is not resolved yet.
    """
    incident = _reviewable(state, incident_id)
    acting_person(state, asker, Right.COMMAND, "publishing a review")
    review = incident.review
    document = _check_version(incident, version, newest)
    if review.published == version:
        more = "; it was reopened since, so save what was learned as a new version" if _goes_on(incident) else ""
        raise Conflicting(f"version {version} is published already, by {review.published_by}{more}", code="already")
    blocked = not_published_yet(incident, unready)
    if blocked:
        raise Conflicting(f"the review of {incident.id} can't be published yet: {'; '.join(blocked)}", code="not-yet")
    approver = Hand(review.approved_by or "", review.approved_token, "approved this version")
    check_another(state, [approver], asker, does="publishes")
    digest = hashlib.sha256(document.encode()).hexdigest()
    drafts = [Draft(ev.ReviewPublished(version=version, digest=digest), incident=incident.id)]
    if incident.stage == "resolved":
        drafts.append(Draft(ev.IncidentReviewed(version=version), incident=incident.id))
    return Decided(drafts, subject=incident.id)


def not_published_yet(incident: Incident, unready: Sequence[str]) -> list[str]:
    """What keeps the newest version from being published, one clause each."""
    review, found = incident.review, []
    if incident.stage not in REVIEWED:
        found.append(f"the incident is {incident.status}, not resolved")
    if not review.owner:
        found.append("it has no owner")
    if review.version == 0:
        found.append("nothing is written")
    elif review.approved != review.version:
        found.append(f"version {review.version} is not approved yet")
    return found + list(unready)


def _goes_on(incident: Incident) -> bool:
    return incident.stage not in ("reviewed", "closed")


def _check_version(incident: Incident, version: int, newest: str | None) -> str:
    """The text of that version, which has to be the newest."""
    known = incident.review.version
    if known == 0:
        raise Conflicting(f"nothing is written in the review of {incident.id} yet")
    if version != known:
        raise Conflicting(f"version {known} is the newest, not {version}; read it first", code="version-conflict")
    if newest is None:
        raise Conflicting(f"the words of version {version} were redacted; save a new one", code="redacted")
    return newest


def _reviewable(state: State, incident_id: str) -> Incident:
    incident = get_incident(state, incident_id)
    if incident.status in (FALSE_ALARM, MERGED):
        raise Conflicting(f"{incident.id} ended as {incident.status}: it has no review; reopen it for one")
    return incident


def _writers(state: State, review: Review) -> Iterator[Hand]:
    """
    Everybody who wrote part of it, and the tokens that it was written with.

    Only people of the catalog count by name: whoever has the ledger's file makes everybody's first token.
    """
    did = "wrote part of this review"
    yield from (Hand(author, None, did) for author in review.authors if author in state.catalog.people)
    for id in review.tokens:
        token = state.tokens.get(id)
        if token is not None:
            yield Hand(token.person or token.name, id, did)
