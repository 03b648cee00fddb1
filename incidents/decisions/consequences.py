"""
What a change owes to the outside: worked out from its facts, and appended with them in the same write.

Whatever declares, proves, moves or ends an incident needs to know nothing of messages. Pure, and quick: a kill waits
for it. What can be worked out a moment later (a text, a list of partners) is left to later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.clock_views import row
from incidents.decisions import filings
from incidents.decisions.owing import APPROVAL_LIFE, Owing
from incidents.events import Actor, Draft, Fact
from incidents.life import COMMANDER, RESTRICTED, Incident
from incidents.outbox import Lane
from incidents.recipients import PLACES, About, about, of_role
from incidents.state import State

_MOMENT = "incident:life:"
MOMENTS = ("contained", "mitigated", "resolved", "reviewed", "closed")
PARTNERS = frozenset({"partner", "partners"})


def consequences(state: State, drafts: Sequence[Draft], actor: Actor, now: datetime) -> list[Draft]:
    """
    The drafts to append behind ``drafts``.

    Args:
        state: As it was before them.
        actor: Who makes the change.
    """
    owing = Owing(state, actor, now, drafts)
    for draft in drafts:
        follow = _FOLLOWS.get(draft.fact.kind)
        if follow is not None:
            follow(owing, draft, drafts)
    return owing.drafts


_FOLLOWS: dict[str, Callable[[Owing, Draft, Sequence[Draft]], None]] = {}


def _on(*facts: type[Fact]) -> Callable[[Callable[[Owing, Draft, Sequence[Draft]], None]], Any]:
    def register(follow: Callable[[Owing, Draft, Sequence[Draft]], None]) -> Any:
        _FOLLOWS.update({fact.kind: follow for fact in facts})
        return follow

    return register


# --- the moments of an incident ---------------------------------------------------------------------------------------


@_on(ev.DutiesOwed)
def _declared(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    opening = next((d.fact for d in drafts if isinstance(d.fact, ev.IncidentDeclared)), None)
    if opening is None or not isinstance(draft.fact, ev.DutiesOwed):
        return
    on = _opened(owing, opening)
    for notice in draft.fact.notices:
        if notice["at"] == "declared":
            _owe(owing, on, notice, "declared")


def _opened(owing: Owing, opening: ev.IncidentDeclared) -> About:
    """An incident that is being declared; restricted, whoever declares it is its only insider yet."""
    insiders = (owing.actor.name,) if opening.visibility == RESTRICTED else None
    return About(opening.incident, opening.incident_kind, opening.severity, insiders)


@_on(ev.IncidentContained, ev.IncidentMitigated, ev.IncidentResolved, ev.IncidentReviewed, ev.IncidentClosed)
def _moment(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    incident, moment = owing.state.incidents[draft.incident or ""], draft.fact.kind.removeprefix(_MOMENT)
    for notice in incident.notices:
        if notice["at"] == moment:
            _owe(owing, about(incident), notice, moment)


@_on(ev.IncidentEnded)
def _ended(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """Notices that still wait are not sent: what they were to say is not so."""
    fact = draft.fact
    if isinstance(fact, ev.IncidentEnded):
        words = f"it was merged into {fact.into}" if fact.into else "it was a false alarm"
        _tell_places(owing, draft, "ended", "ended", words)
        for notice in owing.state.incidents[draft.incident or ""].drafts.values():
            if notice.waits:
                refused = ev.NoticeRefused(notice=notice.id)
                owing.drafts.append(Draft(refused, incident=draft.incident, text={"reason": words}))


@_on(ev.ContainmentContradicted)
def _contradicted(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """Whoever was told that it is contained has to hear that it is not."""
    if isinstance(draft.fact, ev.ContainmentContradicted):
        words = f"{draft.fact.point}: {draft.fact.because}"
        _tell_places(owing, draft, "contradicted", "contained", words)
        on = about(owing.state.incidents[draft.incident or ""])
        owing.tell_role(COMMANDER, "contradicted", on, f"{on.incident}/contained", words=words)


@_on(ev.IncidentReopened)
def _reopened(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """Whoever heard that it was over has to hear that it goes on."""
    if isinstance(draft.fact, ev.IncidentReopened):
        _tell_places(owing, draft, "reopened", "reopened", f"it was {draft.fact.was}")


@_on(ev.UpdatePosted)
def _updated(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    _tell_places(owing, draft, "status-update", "update")


@_on(ev.SeveritySet)
def _severity(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.SeveritySet):
        _tell_places(
            owing, draft, "severity-changed", "severity", f"{draft.fact.was} before, {draft.fact.severity} now"
        )


def _tell_places(owing: Owing, draft: Draft, template: str, topic: str, words: str = "") -> None:
    """The places that the playbook tells without anybody's approval; a restricted incident has none."""
    incident = owing.state.incidents[draft.incident or ""]
    on = about(incident)
    if on.insiders is not None:
        return
    for notice in incident.notices:
        if _kind(notice) in PLACES and not notice.get("approval") and not notice.get("remind"):
            owing.tell(notice["to"], template, on, f"{incident.id}/{topic}", words=words)


# --- one entry of the playbook's ``notify`` ---------------------------------------------------------------------------


def _owe(owing: Owing, on: About, notice: Mapping[str, Any], moment: str) -> None:
    """
    What an entry owes at its moment: a message, a draft that waits for people, or reminders from then on.

    Of a restricted incident no place is told: whoever reads there need not be one of its insiders.
    """
    kind, entry = _kind(notice), int(notice["number"])
    if notice.get("remind") or on.kind == "test":
        return
    topic = f"{on.incident}/{moment}"
    if notice.get("approval") or kind in PARTNERS:
        _owe_draft(owing, on, notice, moment)
    elif kind == "role":
        owing.tell_role(notice["to"].partition(":")[2], notice.get("template", moment), on, topic, entry=entry)
    elif on.insiders is None or notice["to"].partition(":")[2] in on.insiders:
        owing.tell(notice["to"], notice.get("template", moment), on, topic, entry=entry)


def _owe_draft(owing: Owing, on: About, notice: Mapping[str, Any], moment: str) -> None:
    kind = _kind(notice)
    owing.notice(
        on,
        to=notice["to"],
        template=notice.get("template", "partner-notice" if kind in PARTNERS else moment),
        approval=str(notice.get("approval", "commander")),
        number=int(notice["number"]),
        moment=moment,
    )


def _kind(notice: Mapping[str, Any]) -> str:
    return str(notice["to"]).partition(":")[0]


# --- the plan's actions -----------------------------------------------------------------------------------------------


@_on(ev.ActionRecorded)
def _action(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """An outside system is ordered to do its part, until it confirms; new holds may concern partners not told yet."""
    fact, opening = draft.fact, next((d.fact for d in drafts if isinstance(d.fact, ev.IncidentDeclared)), None)
    if not isinstance(fact, ev.ActionRecorded):
        return
    on = _opened(owing, opening) if opening is not None else about(owing.state.incidents[draft.incident or ""])
    if fact.state == "outside" and fact.order is not None:
        name = str(fact.order["connector"])
        topic = f"{on.incident}/action/{fact.number}"
        owing.order(
            f"connector:{name}",
            on,
            topic,
            channels=[name],
            lane=Lane.CONTAINMENT,
            action=fact.number,
            order=fact.order,
        )
    elif fact.state == "applied" and on.known is not None:
        _owe_partners_again(owing, on, on.known)


def _owe_partners_again(owing: Owing, on: About, incident: Incident) -> None:
    """An action that was validated later may concern partners whom no notice was made for."""
    for notice in incident.notices:
        reached = notice["at"] in incident.moments
        waits = any(d.number == notice["number"] and d.waits and d.kind == "partners" for d in incident.drafts.values())
        if _kind(notice) == "partners" and reached and not waits:
            _owe_draft(owing, on, notice, notice["at"])


@_on(ev.ActionSettled)
def _action_settled(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """A person did it by hand, or declined it: its order is not wanted any more."""
    fact = draft.fact
    if isinstance(fact, ev.ActionSettled):
        action = owing.state.incidents[draft.incident or ""].actions[fact.number]
        name = (action.order or {}).get("connector", "")
        topic = f"{draft.incident}/action/{fact.number}/connector:{name}"
        owing.supersede([topic], f"{fact.state} by a person")


# --- people -----------------------------------------------------------------------------------------------------------


@_on(ev.RoleOffered)
def _offered(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.RoleOffered):
        on = about(owing.state.incidents[draft.incident or ""])
        words = f"The role {draft.fact.role} of {on.incident} is offered to you; it is yours when you take it"
        owing.tell(f"person:{draft.fact.person}", "reminder", on, f"{on.incident}/role/{draft.fact.role}", words=words)


@_on(ev.RoleTaken)
def _given(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """Who was given a role by somebody else hears of it; so does who lost it."""
    if isinstance(draft.fact, ev.RoleTaken):
        on, fact, by = about(owing.state.incidents[draft.incident or ""]), draft.fact, owing.actor.name
        topic = f"{on.incident}/role/{fact.role}"
        if fact.person != by:
            owing.tell(
                f"person:{fact.person}", "reminder", on, topic, words=f"You are {fact.role} of {on.incident} now"
            )
        if fact.was is not None and fact.was not in (by, fact.person):
            words = f"{fact.person} is {fact.role} of {on.incident} now, after you"
            owing.tell(f"person:{fact.was}", "reminder", on, topic, words=words)


@_on(ev.RestoreAsked)
def _restore_asked(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.RestoreAsked):
        on = about(owing.state.incidents[draft.incident or ""])
        words = f"The restore {draft.fact.request} waits for the approval of a second person"
        topic = f"{on.incident}/restore/{draft.fact.request}"
        readers = of_role(owing.state, on, COMMANDER, but=[owing.actor.name])
        owing.tell_people(readers, "reminder", on, topic, role=COMMANDER, words=words, life=APPROVAL_LIFE)


@_on(ev.GlassBroken)
def _glass_broken(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """Everybody who could stop it hears of it, and not behind anything else."""
    if isinstance(draft.fact, ev.GlassBroken):
        known = about(owing.state.incidents[draft.incident or ""])
        on = replace(known, severity="sev1")
        words = (
            f"Break-glass: the restore {draft.fact.request} of {known.incident} was {draft.fact.moment} without its"
            f" waits and checks; `andon stop {draft.fact.request}` takes back what it gives"
        )
        for person in draft.fact.tells:
            owing.tell(
                f"person:{person}", "escalation", on, f"{known.incident}/glass/{draft.fact.request}", words=words
            )


@_on(ev.DutiesMoved)
def _moved(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    """
    A deadline that came nearer, or is past already, is told at once.

    Whoever planned by the old one has less time than they think.
    """
    if not isinstance(draft.fact, ev.DutiesMoved):
        return
    incident = owing.state.incidents[draft.incident or ""]
    filings.moved(owing, incident, draft.fact, drafts)
    for move in draft.fact.moves:
        if not (move.get("earlier") or move.get("past")):
            continue
        clock, due = str(move["clock"]), f"{move['due'][:16].replace('T', ' ')} UTC"
        duty = incident.docket.duties.get(clock)
        shown = row(owing.state, incident, duty, owing.now) if duty is not None else None
        what = f"{shown['title']} ({shown['regime_title']})" if shown is not None else f"The clock {clock}"
        words = f"{what} was due at {due} already" if move.get("past") else f"{what} is due earlier: {due}"
        before = f", before it was {move['was'][:16].replace('T', ' ')} UTC" if move.get("was") else ""
        role = shown["owner_role"] if shown is not None else COMMANDER
        owing.tell_role(role, "reminder", about(incident), f"{incident.id}/moved/{clock}", words=words + before)


@_on(ev.DutyDecided)
def _decided(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.DutyDecided):
        incident = owing.state.incidents[draft.incident or ""]
        filings.withdraw(owing, incident, draft.fact.clock, "it was decided not to report it")


@_on(ev.DutySubmitted)
def _submitted(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    filings.submitted(owing, owing.state.incidents[draft.incident or ""], draft, drafts)


@_on(ev.DutyReopened)
def _clock_reopened(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.DutyReopened):
        filings.reopened(owing, owing.state.incidents[draft.incident or ""], draft.fact.clock, drafts)


@_on(ev.RegimeTaken)
def _regime_taken(owing: Owing, draft: Draft, drafts: Sequence[Draft]) -> None:
    if isinstance(draft.fact, ev.RegimeTaken):
        filings.taken(owing, owing.state.incidents[draft.incident or ""], draft.fact, drafts)
