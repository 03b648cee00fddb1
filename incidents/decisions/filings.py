"""
Notices that clocks owe to authorities: drafted once a duty runs, withdrawn when it is not owed, settled with it.

One for each duty, however often its deadline moves. People approve it and file it; nothing here sends anything. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents import events as ev
from incidents.clock import parse_rfc3339
from incidents.decisions import Asker, Decided
from incidents.decisions.duties import get_duty
from incidents.decisions.owing import Owing
from incidents.decisions.persons import acting_person
from incidents.docket import Duty
from incidents.errors import Conflicting
from incidents.events import Draft
from incidents.life import COMMANDER, Incident
from incidents.notices import NoticeDraft, NoticeState
from incidents.recipients import About, about
from incidents.roles import Right
from incidents.state import State
from playbooks.regime_terms import Deadline, read_terms

TEMPLATE = "authority-notice"


def of_clock(incident: Incident, clock: str) -> NoticeDraft | None:
    """The newest notice that a clock has asked for."""
    return next((d for d in reversed(incident.drafts.values()) if d.clock == clock), None)


def ask(state: State, clock: str, asker: Asker, now: datetime) -> Decided:
    """
    A person wants the notice of a clock drafted: before anybody knows whether it is owed, or after it was refused.

    Raises:
        Unknown: There is no such clock.
        Conflicting: It has one, is settled, or its recipient is no authority.
    """
    acting_person(state, asker, Right.RESPOND, "to have a notice drafted")
    incident, duty = get_duty(state, clock)
    deadline, before = _deadline(state, incident, duty.id, ()), of_clock(incident, duty.id)
    if deadline is None or not deadline.authority or incident.kind == "test":
        raise Conflicting(f"{duty.id} goes to no authority: its filing pack is the draft", code="no-authority")
    if duty.settled:
        raise Conflicting(f"{duty.id} is {duty.state(now)}: there is nothing to file", code="settled")
    if before is not None and before.stands:
        raise Conflicting(f"{duty.id} has the notice {before.id} already: it is {before.state}", code="already")
    owing = Owing(state, asker.actor, now)
    fact = _notice(owing, about(incident), duty.id, asks=True)
    return Decided(owing.drafts, subject=fact.notice)


def moved(owing: Owing, incident: Incident, fact: ev.DutiesMoved, drafts: Sequence[Draft]) -> None:
    """A duty that runs now gets its notice, one that fell away loses it."""
    for move in fact.moves:
        if move.get("gone"):
            withdraw(owing, incident, str(move["clock"]), "the duty is not owed any more")
    running = [str(move["clock"]) for move in fact.moves if _runs(move)]
    _owe(owing, incident, running, drafts)


def taken(owing: Owing, incident: Incident, fact: ev.RegimeTaken, drafts: Sequence[Draft]) -> None:
    """By its new terms a duty that runs already may be one to an authority."""
    running = (d for d in incident.docket.duties.values() if d.regime == fact.regime and not d.settled)
    _owe_unmoved(owing, incident, running, drafts)


def reopened(owing: Owing, incident: Incident, clock: str, drafts: Sequence[Draft]) -> None:
    """What was submitted or decided does not stand: a notice is wanted again."""
    _owe_unmoved(owing, incident, [incident.docket.duties[clock]], drafts)


def _owe_unmoved(owing: Owing, incident: Incident, duties: Iterable[Duty], drafts: Sequence[Draft]) -> None:
    """Those that the same append moves are left to ``moved``."""
    moves = {move["clock"] for d in drafts if isinstance(d.fact, ev.DutiesMoved) for move in d.fact.moves}
    _owe(owing, incident, [d.id for d in duties if d.id not in moves and _is_running(d)], drafts)


def withdraw(owing: Owing, incident: Incident, clock: str, because: str) -> None:
    notice = of_clock(incident, clock)
    if notice is not None and notice.stands:
        refused = ev.NoticeRefused(notice=notice.id)
        owing.drafts.append(Draft(refused, incident=incident.id, text={"reason": because}))


def submitted(owing: Owing, incident: Incident, draft: Draft, drafts: Sequence[Draft]) -> None:
    """What was filed was the approved notice; or something else was, and the one that still waits is not wanted."""
    fact = draft.fact
    notice = of_clock(incident, fact.clock) if isinstance(fact, ev.DutySubmitted) else None
    if notice is None or not isinstance(fact, ev.DutySubmitted):
        return
    if any(isinstance(d.fact, ev.NoticeReceipted) and d.fact.notice == notice.id for d in drafts):
        return
    if notice.state == NoticeState.APPROVED:
        text, at = {"receipt": draft.text.get("receipt", "")}, parse_rfc3339(fact.at)
        owing.drafts.append(Draft(ev.NoticeReceipted(notice=notice.id), incident=incident.id, text=text, at=at))
    else:
        withdraw(owing, incident, fact.clock, "the duty was submitted without it")


def _runs(move: Mapping[str, Any]) -> bool:
    return bool(move.get("due")) and not any(move.get(name) for name in ("projected", "asks", "gone"))


def _is_running(duty: Duty) -> bool:
    return duty.due is not None and not duty.projected and not duty.asks and duty.gone is None


def _owe(owing: Owing, incident: Incident, clocks: Iterable[str], drafts: Sequence[Draft]) -> None:
    on = about(incident)
    if on.kind == "test" or (on.kind != "real" and incident.ended):
        return
    wanted = [clock for clock in clocks if _is_wanted(owing.state, incident, clock, drafts)]
    owing.ask_for_approval(on, [_notice(owing, on, clock, asks=False) for clock in wanted])


def _notice(owing: Owing, on: About, clock: str, *, asks: bool) -> ev.NoticeOwed:
    to = f"authority:{clock.split('.')[1]}"
    return owing.notice(on, to=to, template=TEMPLATE, approval=COMMANDER, clock=clock, asks=asks)


def _is_wanted(state: State, incident: Incident, clock: str, drafts: Sequence[Draft]) -> bool:
    """Its recipient is an authority, and it has no notice, or only one of a time when it was settled or not owed."""
    deadline = _deadline(state, incident, clock, drafts)
    if deadline is None or not deadline.authority:
        return False
    before, duty = of_clock(incident, clock), incident.docket.duties.get(clock)
    return before is None or (not before.stands and duty is not None and duty.settled)


def _deadline(state: State, incident: Incident, clock: str, drafts: Sequence[Draft]) -> Deadline | None:
    """By the terms that the incident has taken, perhaps in this very append."""
    _, regime, name, *_ = clock.split(".")
    for draft in drafts:
        if isinstance(draft.fact, ev.RegimeTaken) and draft.fact.regime == regime:
            return read_terms(draft.fact.terms).deadline(name)
    taken = incident.docket.taken.get(regime)
    return state.terms[taken.digest].deadline(name) if taken is not None else None
