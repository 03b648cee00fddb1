"""
What clocks run from: regimes that an incident takes, times and answers that people give, and the deadlines they move.

Every decision here ends with the deadlines computed anew, see ``moves``. Whatever can make a duty later or go away
takes the right to command.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs
from incidents.decisions.incident import REASON_LIMIT, SKEW, get_incident
from incidents.decisions.moves import recomputed, rules_in_use
from incidents.docket import Candidate
from incidents.errors import Conflicting, Invalid, Unknown, nearest
from incidents.events import Draft
from incidents.life import FALSE_ALARM, MERGED, Incident
from incidents.roles import Right
from incidents.state import State
from playbooks.anchors import ANCHORS, EACH, MAY_LIE_AHEAD
from playbooks.regime_terms import Terms
from playbooks.register import Proposal
from playbooks.zones import zone_fault

OLDEST = timedelta(days=20 * 365)
"""An anchor further back than this is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorFact:
    """
    When something happened, as it was told.

    ``choose``: of several times this one counts. ``withdraw``: this one was a mistake.
    """

    anchor: str
    at: datetime
    zone: str = "UTC"
    evidence: str = ""
    choose: bool = False
    withdraw: bool = False


# --- regimes --------------------------------------------------------------------------------------------------------


def consider(state: State, incident_id: str, proposals: Sequence[Proposal], now: datetime) -> Decided:
    """
    Take what is proposed and not taken yet (or was taken on other terms), and compute everything anew.

    A repeat changes nothing. What was merged into this incident brings its regimes and times along.
    """
    incident = get_incident(state, incident_id)
    if incident.ended and not incident.docket.open:
        return Decided([], subject=incident.id)
    drafts: list[Draft] = []
    for proposal in proposals if not incident.ended else ():
        taken = incident.docket.taken.get(proposal.terms.id)
        if taken is None or taken.digest != proposal.terms.digest:
            because = proposal.because if taken is None else "its entry in the register changed"
            drafts.append(Draft(_taking(proposal.terms, because), incident=incident.id))
    drafts += _brought_along(state, incident)
    because = drafts[0].fact.because if drafts and isinstance(drafts[0].fact, ev.RegimeTaken) else "the facts changed"
    return Decided(recomputed(state, incident, drafts, now, because), subject=incident.id)


def may_differ(incident: Incident, proposals: Sequence[Proposal]) -> bool:
    """Whether ``consider`` could find anything: a cheap look, because a start asks it of every open incident."""
    docket = incident.docket
    taken = all(p.terms.id in docket.taken and docket.taken[p.terms.id].digest == p.terms.digest for p in proposals)
    ended = incident.stage in (FALSE_ALARM, MERGED) and docket.open
    return docket.behind or not taken or ended or (bool(docket.duties) and docket.rules != rules_in_use())


def take(state: State, incident_id: str, proposal: Proposal, asker: Asker, now: datetime) -> Decided:
    """
    A person says that a regime concerns this incident too.

    Raises:
        Conflicting: It is taken already, or the incident has ended.
    """
    needs(asker, Right.RESPOND, "taking up a regime")
    incident = get_incident(state, incident_id)
    if proposal.terms.id in incident.docket.taken:
        raise Conflicting(f"{incident.id} assesses {proposal.terms.id} already", code="already")
    if incident.ended:
        raise Conflicting(f"{incident.id} is {incident.status}; reopen it first", code="ended")
    drafts = [Draft(_taking(proposal.terms, proposal.because), incident=incident.id)]
    return Decided(recomputed(state, incident, drafts, now, proposal.because), subject=incident.id)


def _taking(terms: Terms, because: str) -> ev.RegimeTaken:
    return ev.RegimeTaken(
        regime=terms.id, version=terms.version, digest=terms.digest, because=because, terms=terms.data()
    )


def _brought_along(state: State, incident: Incident) -> list[Draft]:
    """The duties of what was merged into this one go on here, from the earliest of their times."""
    drafts: list[Draft] = []
    known = set(incident.docket.taken)
    for other in (i for i in state.incidents.values() if i.into == incident.id):
        for taken in other.docket.taken.values():
            if taken.regime not in known:
                known.add(taken.regime)
                fact = _taking(state.terms[taken.digest], f"merged {other.id}")
                drafts.append(Draft(fact, incident=incident.id))
        for name, anchor in other.docket.anchors.items():
            here = incident.docket.anchors.get(name)
            times = {c.at for c in here.candidates} if here is not None else set()
            fresh = [c for c in anchor.standing if c.at not in times]
            drafts += [
                Draft(
                    ev.AnchorRecorded(anchor=name, at=rfc3339(c.at), zone=c.zone),
                    incident=incident.id,
                    text={"evidence": f"As recorded for {other.id}, which was merged into this incident"},
                )
                for c in fresh
            ]
    return drafts


# --- times and answers ----------------------------------------------------------------------------------------------


def record(state: State, incident_id: str, told: AnchorFact, asker: Asker, now: datetime) -> Decided:
    """
    Record a time for an anchor. It is one candidate among others; the earliest counts until one is chosen.

    A time that stands already is not recorded twice.

    Raises:
        Invalid: An unknown anchor or zone, a time in the future or long ago, words that are too long.
        Forbidden: Choosing and withdrawing take the right to command.
        Unknown: Nothing to withdraw.
    """
    needs(asker, Right.RESPOND, "recording a fact")
    incident = get_incident(state, incident_id)
    _check_told(told, now)
    standing = _standing(incident, told)
    if told.withdraw:
        return _withdrawn(state, incident, told, standing, asker, now)
    known = incident.docket.anchors.get(told.anchor)
    number = standing.id if standing else (len(known.candidates) if known else 0) + 1
    drafts: list[Draft] = []
    text = {"evidence": told.evidence} if told.evidence else {}
    if standing is None:
        fact = ev.AnchorRecorded(anchor=told.anchor, at=rfc3339(told.at), zone=told.zone)
        drafts.append(Draft(fact, incident=incident.id, text=text, at=min(told.at, now)))
    if told.choose and (known is None or known.chosen != number):
        drafts.append(_chosen(state, told, number, incident, text, asker))
    if not drafts:
        return Decided([], subject=incident.id, joined=True)
    return Decided(recomputed(state, incident, drafts, now, f"{told.anchor} was told"), subject=incident.id)


def _check_told(told: AnchorFact, now: datetime) -> None:
    if told.anchor not in ANCHORS:
        hint = nearest(told.anchor, ANCHORS) or f" It is one of: {', '.join(ANCHORS)}."
        raise Invalid.at("anchor", f"unknown anchor '{told.anchor[:60]}'.{hint}", code="unknown-anchor")
    if told.at > now + SKEW and told.anchor not in MAY_LIE_AHEAD:
        raise Invalid.at("at", f"{rfc3339(told.at)} lies in the future; it is {rfc3339(now)} now", code="future")
    if abs(now - told.at) > OLDEST:
        raise Invalid.at("at", f"{rfc3339(told.at)} is {abs(now - told.at).days // 365} years away: is that meant?")
    if fault := zone_fault(told.zone):
        raise Invalid.at("zone", fault)
    _check_evidence(told.evidence)


def _check_evidence(evidence: str) -> None:
    if len(evidence) > REASON_LIMIT:
        message = f"the evidence has {len(evidence)} characters; at most {REASON_LIMIT} are taken"
        raise Invalid.at("evidence", message, code="too-long")


def _standing(incident: Incident, told: AnchorFact) -> Candidate | None:
    """The candidate of that very time; one that the service proposed counts as told only when it is chosen."""
    known = incident.docket.anchors.get(told.anchor)
    if known is None:
        return None
    same = [c for c in known.standing if rfc3339(c.at) == rfc3339(told.at)]
    return next((c for c in same if not c.proposed or told.choose or told.withdraw), None)


def _chosen(
    state: State, told: AnchorFact, number: int, incident: Incident, text: dict[str, str], asker: Asker
) -> Draft:
    needs(asker, Right.COMMAND, "choosing the time that counts")
    if told.anchor in _counted_each(state, incident):
        raise Invalid.at("choose", f"every recorded '{told.anchor}' counts for itself; there is nothing to choose")
    if not told.evidence.strip():
        raise Invalid.at("evidence", "say why this time counts and not another")
    fact = ev.AnchorChosen(anchor=told.anchor, candidate=number, at=rfc3339(told.at))
    return Draft(fact, incident=incident.id, text=text)


def _counted_each(state: State, incident: Incident) -> set[str]:
    """Anchors of which every recorded time starts a duty of its own."""
    terms = (state.terms[taken.digest] for taken in incident.docket.taken.values())
    repeated = (deadline for t in terms for deadline in t.deadlines if deadline.repeats == EACH)
    return {limit.start for deadline in repeated for limit in deadline.limits if limit.start}


def _withdrawn(
    state: State, incident: Incident, told: AnchorFact, standing: Candidate | None, asker: Asker, now: datetime
) -> Decided:
    needs(asker, Right.COMMAND, "withdrawing a recorded time")
    if standing is None:
        known = incident.docket.anchors.get(told.anchor)
        times = ", ".join(rfc3339(c.at) for c in known.standing) if known else ""
        raise Unknown(f"{incident.id} has no {told.anchor} at {rfc3339(told.at)}; it has {times or 'none'}")
    if not told.evidence.strip():
        raise Invalid.at("evidence", "say why it was a mistake")
    fact = ev.AnchorWithdrawn(anchor=told.anchor, candidate=standing.id, at=rfc3339(told.at))
    drafts = [Draft(fact, incident=incident.id, text={"evidence": told.evidence})]
    return Decided(recomputed(state, incident, drafts, now, f"{told.anchor} was withdrawn"), subject=incident.id)


def answer(
    state: State, incident_id: str, condition: str, holds: bool, evidence: str, asker: Asker, now: datetime
) -> Decided:
    """
    Say whether a condition holds that one of the incident's regimes asks for.

    Raises:
        Unknown: None of them asks for it; names those that are asked for.
        Forbidden: A "no" lets duties fall away, so it takes the right to command.
    """
    needs(asker, Right.RESPOND, "answering a question")
    incident = get_incident(state, incident_id)
    known = conditions(state, incident)
    if condition not in known:
        asked = f" It is asked: {', '.join(known)}." if known else " No regime of it asks anything."
        raise Unknown(
            f"{incident.id} is not asked '{condition[:60]}'.{nearest(condition, known) or asked}",
            code="unknown-condition",
        )
    if not holds:
        needs(asker, Right.COMMAND, f"saying that '{condition}' does not hold")
    _check_evidence(evidence)
    before = incident.docket.answers.get(condition)
    if before is not None and before.yes == holds:
        return Decided([], subject=incident.id, joined=True)
    fact = ev.ConditionAnswered(condition=condition, holds=holds)
    drafts = [Draft(fact, incident=incident.id, text={"evidence": evidence} if evidence else {})]
    said = f"{condition}: {'yes' if holds else 'no'}"
    return Decided(recomputed(state, incident, drafts, now, said), subject=incident.id)


def conditions(state: State, incident: Incident) -> dict[str, str]:
    """Condition -> question, of all regimes that the incident has taken."""
    found: dict[str, str] = {}
    for taken in incident.docket.taken.values():
        for name, question in state.terms[taken.digest].asks.items():
            found.setdefault(name, question)
    return found
