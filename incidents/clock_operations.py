"""
What people do with clocks, for every surface: list them, tell facts, answer, submit, decide, take the filing pack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from incidents import clock_views, filing
from incidents.agenda import NEVER
from incidents.agenda import Row as AgendaRow
from incidents.clock import parse_rfc3339, rfc3339
from incidents.decisions import Asker, Decided, clockfacts, duties, filings, needs, sight
from incidents.decisions.clockfacts import AnchorFact
from incidents.docket import OPEN, STATES, Duty, Hand, incident_of
from incidents.errors import Invalid, Unknown, nearest
from incidents.events import KINDS, Event, RegimeTaken
from incidents.incident_views import words_of
from incidents.ledger import AnswerKey
from incidents.life import Incident
from incidents.operating import Json, Reply, moment, veils
from incidents.register_operations import RegisterOperations
from incidents.roles import Right
from incidents.state import State
from incidents.timeline import rows
from incidents.views import names
from playbooks.regime_terms import read_terms
from playbooks.register import Proposal, UnknownRegime

CHUNK = 1_000  # clocks looked at between two looks of others at the state
LIST_STATES = (*STATES, "all")


class ClockOperations(RegisterOperations):
    # --- reading ---

    @veils
    def clocks(
        self,
        asker: Asker,
        *,
        state: str = "",
        incident: str = "",
        kind: str = "",
        owner: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> Json:
        """
        Clocks by strict due moment, without ``state`` those that are open; none of a drill or test that is over.

        ``cursor`` is ``next`` of the page before. ``owner``: a person's id.
        """
        needs(asker, Right.READ, "reading clocks")
        wanted = {"": OPEN, "all": frozenset(STATES)}.get(state, frozenset({state}))
        only = self._id(asker, incident) if incident else ""
        found: list[tuple[AgendaRow, Json]] = []
        for place, row in self._by_due(asker, only, _place(cursor)):
            if row["state"] in wanted and kind in ("", row["kind"]) and owner in ("", row["owner"]):
                found.append((place, row))
                if len(found) > limit:
                    break
        more = len(found) > limit
        return {"items": [row for _, row in found[:limit]], "next": _cursor(found[limit - 1][0]) if more else None}

    def _by_due(self, asker: Asker, only: str, after: AgendaRow | None) -> Iterator[tuple[AgendaRow, Json]]:
        self.clockwork.build()
        if only:
            with self.desk.read(only) as state:
                now = self.desk.clock.now()
                known = state.incidents[only]
                own = sorted((duty.due or NEVER, duty.id) for duty in known.docket.duties.values())
                made = [(p, clock_views.row(state, known, known.docket.duties[p[1]], now)) for p in own]
            yield from (pair for pair in made if after is None or pair[0] > after)
            return
        while True:
            with self.desk.read() as state:
                places = self.clockwork.agenda.by_due(after, CHUNK)
                made = list(self._rows(state, asker, places))
            yield from made
            if len(places) < CHUNK:
                return
            after = places[-1]

    def _rows(self, state: State, asker: Asker, places: Sequence[AgendaRow]) -> Iterator[tuple[AgendaRow, Json]]:
        now = self.desk.clock.now()
        for place in places:
            incident = state.incidents.get(incident_of(place[1]))
            duty = incident.docket.duties.get(place[1]) if incident is not None else None
            if incident is None or duty is None or (incident.ended and incident.kind != "real"):
                continue  # not in memory, or a rehearsal that is over: somebody has opened it to look back
            if sight.sees(state, asker, incident.id):
                yield place, clock_views.row(state, incident, duty, now)

    @veils
    def clock(self, asker: Asker, clock: str) -> Json:
        """One clock with its content, its history and the words that were said about it."""
        needs(asker, Right.READ, "reading a clock")
        known = self._id(asker, incident_of(clock))
        words = words_of(self.lines.of(known).events)
        with self.desk.read(known) as state:
            incident, duty = duties.get_duty(state, clock)
            return clock_views.whole(state, incident, duty, words, self.desk.clock.now())

    @veils
    def incident_clocks(self, asker: Asker, id: str) -> Json:
        """
        Everything about the clocks of one incident: ``clocks``, ``facts``, ``coming`` (regimes taken up within a
        second), ``left_out`` (those that its playbook names and that are not assessed, with the reason).
        """
        needs(asker, Right.READ, "reading clocks")
        known = self._id(asker, id)
        words = words_of(self.lines.of(known).events)
        now = self.desk.clock.now()
        with self.desk.read(known) as state:
            incident = state.incidents[known]
            return {
                "incident": known,
                "kind": incident.kind,
                "clocks": clock_views.rows(state, incident, now),
                "facts": clock_views.facts(state, incident, words),
                "left_out": self._left_out(incident, now),
                "coming": self._coming(incident, now),
                "may_add": self._may_add(incident, now),
            }

    def _left_out(self, incident: Incident, now: datetime) -> list[Json]:
        partner = incident.parameters.get("partner")
        _, left_out = self.clockwork.register.proposals(incident.playbook, incident.clocks, partner, now.date())
        return [{"regime": id, "because": why} for id, why in left_out if id not in incident.docket.taken]

    def _coming(self, incident: Incident, now: datetime) -> list[str]:
        """Regimes that will be taken up within a second: the incident was declared a moment ago."""
        partner = incident.parameters.get("partner")
        found, _ = self.clockwork.register.proposals(incident.playbook, incident.clocks, partner, now.date())
        return [p.terms.id for p in found if p.terms.id not in incident.docket.taken and not incident.ended]

    def _may_add(self, incident: Incident, now: datetime) -> list[Json]:
        register = self.clockwork.register
        return [
            {"regime": regime.id, "title": regime.title}
            for regime in register
            if regime.id not in incident.docket.taken and register.standing(regime.id, now.date()).enabled
        ]

    @veils
    def pack(self, asker: Asker, clock: str) -> Json:
        """The filing pack of one clock, as values and as a Markdown document."""
        needs(asker, Right.READ, "taking a filing pack")
        known = self._id(asker, incident_of(clock))
        lines = self.lines.of(known).events
        with self.desk.read(known) as state:
            incident, duty = duties.get_duty(state, clock)
            points = rows(lines, names(state), inside=False)
            return filing.pack(state, incident, duty, lines, points, self.desk.clock.now())

    # --- facts ---

    def tell_fact(self, asker: Asker, id: str, told: AnchorFact, key: AnswerKey | None = None) -> Reply:
        """Record, choose or withdraw the time of an anchor; answers with what moved."""
        return self._change(
            asker, id, lambda state, known, now: clockfacts.record(state, known, told, asker, now), key, status=201
        )

    def answer_condition(
        self, asker: Asker, id: str, condition: str, holds: bool, evidence: str = "", key: AnswerKey | None = None
    ) -> Reply:
        return self._change(
            asker,
            id,
            lambda state, known, now: clockfacts.answer(state, known, condition, holds, evidence, asker, now),
            key,
            status=201,
        )

    def take_regime(self, asker: Asker, id: str, regime: str, key: AnswerKey | None = None) -> Reply:
        """
        A person says that a regime concerns this incident too.

        Raises:
            Unknown: There is none of that id.
            Invalid: It is no obligation now (a bill, not in force, not checked, switched off).
        """
        proposal = self._offered(regime)
        return self._change(
            asker, id, lambda state, known, now: clockfacts.take(state, known, proposal, asker, now), key, status=201
        )

    def _offered(self, regime: str) -> Proposal:
        register = self.clockwork.register
        try:
            standing = register.standing(regime, self.desk.clock.now().date())
        except UnknownRegime as error:
            raise Unknown(str(error), code="unknown-regime") from error
        if not standing.enabled:
            raise Invalid.at("regime", f"{regime} can't be taken up: {standing.because}", code="not-an-obligation")
        return Proposal(register.terms(regime), "taken up by a person")

    # --- what becomes of a duty ---

    def submit_clock(
        self,
        asker: Asker,
        clock: str,
        receipt: str,
        *,
        at: str | None = None,
        late_because: str = "",
        key: AnswerKey | None = None,
    ) -> Reply:
        """The record that a person has sent or filed it; this sends nothing."""
        sent = moment(at)
        return self._change(
            asker,
            incident_of(clock),
            lambda state, known, now: duties.submit(
                state, clock, receipt=receipt, late_because=late_because, at=sent, asker=asker, now=now
            ),
            key,
            status=201,
        )

    def decide_clock(
        self,
        asker: Asker,
        clock: str,
        decision: str,
        reason: str,
        *,
        until: str | None = None,
        key: AnswerKey | None = None,
    ) -> Reply:
        """
        ``not-reportable``, ``stayed`` (perhaps ``until`` a moment) or ``open`` again; a clock or a whole regime.

        Raises:
            Invalid: Another decision, or ``until`` with one that knows none.
        """
        ends = moment(until, "until")
        if decision not in duties.DECISIONS:
            hint = nearest(decision, duties.DECISIONS)
            raise Invalid.at(
                "decision", f"unknown decision '{decision[:40]}'.{hint} It is {', '.join(duties.DECISIONS)}"
            )
        if ends is not None and decision != duties.STAYED:
            raise Invalid.at("until", "only a stay ends by itself")

        def decide(state: State, known: str, now: datetime) -> Decided:
            if decision == duties.NOT_REPORTABLE:
                return duties.decide_not_reportable(state, clock, reason=reason, asker=asker, now=now)
            if decision == duties.STAYED:
                return duties.stay(state, clock, reason=reason, until=ends, asker=asker, now=now)
            return duties.reopen(state, clock, reason=reason, asker=asker, now=now)

        return self._change(asker, incident_of(clock), decide, key)

    def draft_notice(self, asker: Asker, clock: str, key: AnswerKey | None = None) -> Reply:
        """Have the notice of a clock drafted that has none, for people to change and approve; this sends nothing."""
        known = self._id(asker, incident_of(clock))
        return self._do(
            asker,
            lambda state, now: filings.ask(state, clock, asker, now),
            lambda state, decided, events: (201, {"id": decided.subject, "incident": known, "clock": clock}),
            key,
            about=known,
        )

    # --- inside ---

    def _change(
        self,
        asker: Asker,
        id: str,
        decide: Callable[[State, str, datetime], Decided],
        key: AnswerKey | None,
        *,
        status: int = 200,
    ) -> Reply:
        """One change of one incident's clocks; answers what stands now for every clock that it touched."""
        known = self._id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            now = self.desk.clock.now()
            state, incident = _after(state, state.incidents[known], events)
            touched = [incident.docket.duties[clock] for clock in _touched(incident, events)]
            body: Json = {
                "incident": known,
                "seq": events[0].seq if events else state.seq,
                "clocks": [clock_views.row(state, incident, duty, now) for duty in touched],
                "shout": [line for duty in touched for line in shouts(duty, events)],
            }
            return (status, body) if events else (200, body | {"already": True})

        return self._do(asker, lambda state, now: decide(state, known, now), answered, key, about=known)


def _after(state: State, incident: Incident, events: Sequence[Event]) -> tuple[State, Incident]:
    """
    Both as they stand once the events are in: an answer that is kept for its key is made before they are folded.
    """
    fresh = [event for event in events if event.seq > state.seq]
    if not fresh:
        return state, incident
    docket, terms = deepcopy(incident.docket), dict(state.terms)
    for event in fresh:
        fact = KINDS[event.kind].read(event.data)
        if isinstance(fact, RegimeTaken):
            terms.setdefault(fact.digest, read_terms(fact.terms))
        docket.apply(fact, Hand(event.actor.name, event.recorded_at, event.seq))
    return replace(state, terms=terms), replace(incident, docket=docket)


def _touched(incident: Incident, events: Sequence[Event]) -> list[str]:
    named: dict[str, None] = {}
    for event in events:
        if "clock" in event.data:
            named[str(event.data["clock"])] = None
        named.update((str(move["clock"]), None) for move in event.data.get("moves", ()))
    return [clock for clock in named if clock in incident.docket.duties]


def shouts(duty: Duty, events: Sequence[Event]) -> list[str]:
    """What nobody may overlook: a deadline that moved earlier, or that is past already."""
    found = []
    for move in (m for e in events for m in e.data.get("moves", ()) if m["clock"] == duty.id):
        if move.get("earlier"):
            found.append(f"{duty.id} is due EARLIER: {move['due']} instead of {move['was']}")
        if move.get("past"):
            found.append(f"{duty.id} is PAST already: it was due {move['due']}")
    return found


def _cursor(place: AgendaRow) -> str:
    due, clock = place
    return f"{rfc3339(due) if due != NEVER else 'none'}~{clock}"


def _place(cursor: str) -> AgendaRow | None:
    """
    Raises:
        Invalid: Not a cursor of ours.
    """
    if not cursor:
        return None
    due, _, clock = cursor.partition("~")
    try:
        return (NEVER if due == "none" else parse_rfc3339(due)), clock
    except ValueError as error:
        message = f"unknown cursor '{cursor[:60]}'; take 'next' of the page before as it is"
        raise Invalid.at("cursor", message) from error
