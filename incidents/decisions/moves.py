"""
Which deadlines are other ones once some facts are taken in: computed on the docket as it will be, told as one line.

Every decision about clocks ends here, so that no fact is ever recorded without the deadlines that it makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from datetime import datetime
from functools import cache
from typing import Any

from incidents import events as ev
from incidents.clock import rfc3339
from incidents.deadlines import RULES_VERSION
from incidents.docket import Docket, Duty, Hand
from incidents.events import Draft
from incidents.life import FALSE_ALARM, MERGED, Incident
from incidents.reckoning import Reckoned, compressed, reckon
from incidents.state import State
from playbooks.calendars import source
from playbooks.regime_terms import read_terms


def recomputed(state: State, incident: Incident, drafts: Sequence[Draft], now: datetime, because: str) -> list[Draft]:
    """The drafts, and one more for the deadlines that are other ones once they are taken in."""
    docket, terms = deepcopy(incident.docket) if drafts else incident.docket, state.terms
    for draft in drafts:
        if isinstance(draft.fact, ev.RegimeTaken) and draft.fact.digest not in terms:
            terms = terms | {draft.fact.digest: read_terms(draft.fact.terms)}
        docket.apply(draft.fact, Hand(by="", at=now, seq=0))
    ended = incident.stage if incident.stage in (FALSE_ALARM, MERGED) else None
    run = state.drills.runs.get(incident.id)
    made = reckon(incident.id, docket, terms, ended)
    if run is not None and run.compress > 1:
        made = {clock: compressed(one, run.compress, incident.declared_at) for clock, one in made.items()}
    moves = list(_moves(docket, made, now))
    if not moves:
        return list(drafts)
    fact = ev.DutiesMoved(moves=moves, because=because, rules=rules_in_use())
    return [*drafts, Draft(fact, incident=incident.id)]


@cache
def rules_in_use() -> str:
    """What deadlines are computed with now: our rules, and the release of the calendars."""
    return f"{RULES_VERSION}; {source()}"


def _moves(docket: Docket, made: dict[str, Reckoned], now: datetime) -> Iterable[dict[str, Any]]:
    for clock, reckoned in made.items():
        duty = docket.duties.get(clock)
        if duty is None:
            yield _move(clock, None, reckoned, now)
        elif duty.submitted_seq is None and duty.decided_seq is None and _as_reckoned(duty) != reckoned:
            yield _move(clock, duty.due, reckoned, now)


def _as_reckoned(duty: Duty) -> Reckoned:
    return Reckoned(
        due=duty.due,
        latest=duty.latest,
        starts=duty.starts,
        projected=duty.projected,
        internal=duty.internal,
        waits_for=duty.waits_for,
        asks=tuple(duty.asks),
        sooner=tuple(sorted(duty.sooner.items())),
        gone=duty.gone,
        basis=duty.basis,
    )


def _move(clock: str, was: datetime | None, to: Reckoned, now: datetime) -> dict[str, Any]:
    """As JSON; what is empty is left out. ``earlier`` and ``past`` are what has to be shouted."""
    runs = to.due is not None and not to.projected and to.gone is None and not to.asks
    found: dict[str, Any] = {
        "clock": clock,
        "was": was and rfc3339(was),
        "due": to.due and rfc3339(to.due),
        "latest": to.latest and rfc3339(to.latest),
        "starts": to.starts and rfc3339(to.starts),
        "projected": to.projected,
        "internal": to.internal,
        "waits_for": to.waits_for,
        "asks": list(to.asks),
        "sooner": {name: rfc3339(at) for name, at in to.sooner},
        "gone": to.gone,
        "basis": to.basis,
        "earlier": runs and was is not None and to.due is not None and to.due < was,
        "past": runs and to.due is not None and to.due < now,
    }
    return {name: value for name, value in found.items() if value not in (None, False, "", [], {})}
