"""
What people and the engine do with drills: start, end, call real, take part, read lists, reports and evidence.

Each operation turns plain values into a decision, as in ``incident_work``. Scores are computed from the log and kept
only as long as nothing new happens to their drill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from incidents import drill_report, drill_views, views
from incidents.clock import parse_rfc3339, rfc3339
from incidents.clockwork import Clockwork
from incidents.decisions import Asker, Decided, drill_reminding, drill_schedule, drills, needs
from incidents.decisions.incident import Declare
from incidents.decisions.sight import sees
from incidents.desk import Commit, Outcome
from incidents.drill_runs import Mode, Run
from incidents.drills import Score, better, score
from incidents.enforcement.points import Points
from incidents.errors import Invalid, Unavailable, Unknown, nearest
from incidents.events import SYSTEM, Event
from incidents.incident_work import IncidentWork
from incidents.ledger import Answer, AnswerKey
from incidents.operating import Json, Reply, as_reply, veils
from incidents.roles import Right
from incidents.state import State
from incidents.timeline import Row
from playbooks.drill_schedule import Schedule
from playbooks.durations import duration
from playbooks.loader import Library
from playbooks.occurrences import Spec, next_occurrences
from playbooks.schema import Playbook

log = structlog.get_logger("andon.drills")

EVIDENCE_DAYS = 30
CALENDAR_BACK, CALENDAR_AHEAD = timedelta(days=7), timedelta(days=90)
LOOKS_AHEAD = timedelta(days=800)  # far enough for a drill on 29 February
SCHEDULER = Asker(actor=SYSTEM, rights=frozenset({Right.READ, Right.RESPOND, Right.COMMAND}))
REMINDS_EVERY = timedelta(minutes=1)
SAID = ("incident:note:added", "incident:update:posted", "drill:run:ended")
SAID_MOST = 50  # lines of people that a report takes over from the timeline; the newest
TREND = 12  # runs of the same playbook and mode that a report looks back on


class DrillWork(IncidentWork):
    points: Points
    library: Library
    clockwork: Clockwork

    def prepare_drills(self) -> None:
        """Once, before anything else here."""
        self.schedule, self.seed = Schedule(), b""
        self._quiet_until: dict[tuple[str, str], datetime] = {}
        self._scores: dict[str, Score] = {}
        self._reminded_at: datetime | None = None
        self.desk.on_commit(self._forget_scores)

    # --- starting and ending ---

    def start_drill(self, asker: Asker, body: Mapping[str, Any], key: AnswerKey | None = None) -> Reply:
        """
        Start a drill now; answered when it is in the log.

        ``body``: playbook, parameters, mode, lasts (``30m``), announced, compress, title, summary.

        Raises:
            Refused: See ``decisions.drills.start``.
        """
        needs(asker, Right.RESPOND, "starting a drill")
        mode, lasts = _mode(body.get("mode")), _lasts(body.get("lasts"))
        wanted = self.drill_request({**body, "separate": True}, mode)
        announced = body.get("announced") is not False
        compress = _times(body.get("compress"))

        def decide(state: State, now: datetime) -> Decided:
            request = drills.Start(
                what=self._with_evidence(state, wanted),
                live_digest=self.desk.snapshot.live_digest,
                lasts=lasts,
                announced=announced,
                clocks=self._right_clocks(wanted),
                compress=compress,
            )
            return drills.start(state, request, asker, now)

        with self._veiled_refusals(asker):
            outcome = self.desk.submit(decide, actor=asker.actor, key=key, answer=self._declared)
        self._consider(outcome)
        return as_reply(outcome.answer, outcome.replayed)

    def end_drill(
        self, asker: Asker, id: str, how: str = "finished", reason: str = "", key: AnswerKey | None = None
    ) -> Reply:
        """A person ends a drill, ``finished`` or ``aborted`` (with a reason); what it held is lifted in that write."""
        known = self._id(asker, id)
        try:
            wanted = drills.How(how)
        except ValueError as error:
            raise Invalid.at("how", f"'{how[:40]}': a drill is ended as finished or aborted") from error
        points = self._containment_rows(known)

        def decide(state: State, now: datetime) -> Decided:
            because = f"{asker.actor.name} {'ended' if wanted is drills.How.FINISHED else 'aborted'} it"
            request = drills.End(how=wanted, because=because, reason=reason, points=points)
            return drills.end(state, known, request, self.desk.snapshot, asker)

        return self._do(asker, decide, _ended, key, about=known)

    def call_real(self, asker: Asker, id: str, body: Mapping[str, Any], key: AnswerKey | None = None) -> Reply:
        """
        "REAL": abort the drill and declare a new, real incident, in one write.

        Playbook and parameters are the drill's where ``body`` does not say others.

        Raises:
            Unavailable: It could not be recorded; grants stop until an append works again.
        """
        needs(asker, Right.RESPOND, "declaring an incident")
        known = self._id(asker, id)
        with self.desk.read(known) as state:
            run = drills.get_run(state, known)
            own = {} if body.get("playbook") not in (None, "", run.playbook) else dict(run.parameters)
            playbook = run.playbook
        said = {name: value for name, value in body.items() if value}
        parameters = {**own, **said.get("parameters", {})}
        wanted = self._request({"playbook": playbook, **said, "parameters": parameters, "kind": "real"})
        points = self._containment_rows(known)
        end = drills.End(how=drills.How.ABORTED, because=f"{asker.actor.name} called it real", points=points)

        def decide(state: State, now: datetime) -> Decided:
            request = self._with_evidence(state, wanted)
            return drills.call_real(state, known, request, self.desk.newest, asker, now, end)

        with self._veiled_refusals(asker):
            outcome = self.desk.submit(
                decide,
                actor=asker.actor,
                key=key,
                answer=self._declared,
                about=known,
                narrowing=f"{wanted.playbook.id} {dict(wanted.parameters)}",
            )
        self._consider(outcome)
        return as_reply(outcome.answer, outcome.replayed)

    def drill_people(
        self,
        asker: Asker,
        id: str,
        act: str,
        *,
        person: str = "",
        part: str = "participant",
        key: AnswerKey | None = None,
    ) -> Reply:
        """``join`` (as participant, facilitator or observer) or ``leave``, oneself or ``person``."""
        if act not in ("join", "leave"):
            raise Invalid.at("act", f"unknown act '{act[:40]}'.{nearest(act, ('join', 'leave'))} It is join or leave")

        def decide(state: State, known: str, now: datetime) -> Decided:
            if act == "join":
                return drills.join(state, known, person, part, asker)
            return drills.leave(state, known, person, asker)

        return self._work(asker, id, decide, key)

    def mind_drills(self) -> None:
        """What running drills owe now: their end at its time, or their abort because something real is open."""
        with self.desk.read() as state:
            owed = drills.owed(state, self.desk.clock.now())
        for id in owed:
            points = self._containment_rows(id)
            outcome = self.desk.submit(
                lambda state, now, id=id, points=points: drills.settle(  # type: ignore[misc]
                    state, id, self.desk.snapshot, now, points
                ),
                actor=SYSTEM,
                about=id,
            )
            if outcome.events:
                log.info("drill_ended", drill=id, how=outcome.events[-1].data["how"])

    # --- the schedule ---

    def hold_schedule(self) -> None:
        """Put the entries in force and hold what is due; meant for every second, and cheap while nothing is."""
        if self.schedule.problems:
            return  # said at the start and on every page of drills; what the log has in force stays as it is
        specs = self.schedule.specs
        with self.desk.read() as state:
            changed = bool(drill_schedule.put_in_force(state, specs).drafts)
        if changed:
            self.desk.submit(lambda state, now: drill_schedule.put_in_force(state, specs), actor=SYSTEM)
        for spec in specs:
            try:
                self._hold(spec)
            except Unavailable:
                raise
            except Exception:  # one entry that can't be judged must not keep the others waiting
                log.exception("drill_not_held", schedule=spec.id)

    def _hold(self, spec: Spec) -> None:
        now = self.desk.clock.now()
        with self.desk.read() as state:
            key = (spec.digest, rfc3339(state.drills.schedules[spec.id].upto))
            if now < self._quiet_until.get(key, now):
                return
            occurrence = drill_schedule.owed(state, spec, self.seed, now)
            if occurrence is None:
                self._quiet_until[key] = self._next_of(state, spec, now)
                return
        mode = Mode(spec.mode)
        wanted = self.drill_request({**_asked(spec), "separate": True}, mode)

        def starts(state: State, now: datetime) -> Decided:
            request = drills.Start(
                what=self._with_evidence(state, wanted),
                live_digest=self.desk.snapshot.live_digest,
                lasts=timedelta(seconds=spec.lasts_s) if spec.lasts_s else None,
                announced=not spec.unannounced,
                occurrence=occurrence.id,
                control=spec.control,
                clocks=self._right_clocks(wanted),
                compress=spec.compress,
            )
            return drills.start(state, request, SCHEDULER, now)

        outcome = self.desk.submit(
            lambda state, now: drill_schedule.handle(state, spec, occurrence, self.seed, now, starts), actor=SYSTEM
        )
        if outcome.events:
            self._consider(outcome)
            log.info(
                "drill_occurrence",
                occurrence=occurrence.id,
                became=outcome.events[0].kind,
                drill=outcome.decided.subject,
            )
            self._hold(spec)

    def _next_of(self, state: State, spec: Spec, now: datetime) -> datetime:
        upto = state.drills.schedules[spec.id].upto
        coming = next(next_occurrences(spec, upto, now + LOOKS_AHEAD, seed=self.seed), None)
        return coming.starts_at if coming is not None else now + LOOKS_AHEAD / 2

    # --- reminding ---

    def remind_of_drills(self) -> None:
        """Tell who is meant which playbooks wait for a drill; meant for every second, looks once a minute."""
        now = self.desk.clock.now()
        if self._reminded_at is not None and now - self._reminded_at < REMINDS_EVERY:
            return
        books = self._books()
        with self.desk.read() as state:
            owed = bool(drill_reminding.remind(state, books, now).drafts)
        if owed:
            self.desk.submit(lambda state, now: drill_reminding.remind(state, books, now), actor=SYSTEM)
        self._reminded_at = now

    def _containment_rows(self, id: str) -> list[Json]:
        """Who has confirmed so far; only known where points are served."""
        with self.desk.read(id) as state:
            found = state.incidents.get(id)
            if found is None or found.contained is not None:
                return []
            rows = self.points.containment(state, found, self.desk.clock.boot())["points"]
        return [{name: row[name] for name in ("name", "state", "revision", "ms")} for row in rows]

    # --- reading ---

    @veils
    def drills(self, asker: Asker, *, limit: int = 50, cursor: str = "") -> Json:
        """
        Drills, newest first, each with its score; ``cursor`` is the last id of the page before.

        ``playbooks``: when each was last rehearsed and is due. ``coming``: the schedule, the next of each first.
        """
        needs(asker, Right.READ, "reading drills")
        with self.desk.read() as state:
            runs = [run for run in reversed(state.drills.runs.values()) if sees(state, asker, run.drill)]
            standing = self._standing(state)
        if cursor:
            place = next((n for n, run in enumerate(runs) if run.drill == cursor), None)
            if place is None:
                raise Invalid.at("cursor", f"'{cursor[:40]}' is no drill; give `next` of the page before as it is")
            runs = runs[place + 1 :]
        page = [self._row(run) for run in runs[:limit]]
        more = runs[limit - 1].drill if len(runs) > limit else None
        return {
            "items": page,
            "next": more,
            "playbooks": standing,
            "coming": self.coming(asker),
            "schedule_problems": [str(problem) for problem in self.schedule.problems],
        }

    @veils
    def coming(self, asker: Asker) -> list[Json]:
        """The schedule, with what comes next of each entry; of an unannounced one only its control group reads when."""
        needs(asker, Right.READ, "reading the schedule")
        now = self.desk.clock.now()
        with self.desk.read() as state:
            rows = []
            for spec in self.schedule.specs:
                known = state.drills.schedules.get(spec.id)
                after = max(known.upto, now) if known is not None else now
                following = next_occurrences(spec, after, now + LOOKS_AHEAD, seed=self.seed)
                coming = next((one for one in following if one.barred is None), None)
                told = not spec.unannounced or asker.actor.person in spec.control or asker.may(Right.PEOPLE)
                rows.append(drill_views.coming(state, spec, coming, told=told))
        return sorted(rows, key=lambda row: str(row["starts_at"] or "9"))

    @veils
    def drill_calendar(self, asker: Asker) -> list[Json]:
        """
        Scheduled drills of the last days and the next months for a calendar, in order; nothing that is barred.

        An unannounced one is in its control group's calendar alone: one that leaves the house announces it.
        """
        needs(asker, Right.READ, "reading the schedule")
        now = self.desk.clock.now()
        mine = [s for s in self.schedule.specs if not s.unannounced or asker.actor.person in s.control]
        with self.desk.read() as state:
            upto = {id: known.upto for id, known in state.drills.schedules.items()}
            handled = [replace(known) for known in state.drills.occurrences.values()]
        rows = []
        for spec in mine:
            past = [o for o in handled if o.schedule == spec.id and parse_rfc3339(o.due_at) >= now - CALENDAR_BACK]
            ahead = drill_schedule.ahead(spec, upto.get(spec.id, now), now, now + CALENDAR_AHEAD, self.seed)
            rows += [
                drill_views.dated(spec, o.id, o.at if o.outcome == "started" else parse_rfc3339(o.due_at), o.outcome)
                for o in past
            ]
            rows += [drill_views.dated(spec, one.id, one.starts_at, "") for one in ahead]
        return sorted(rows, key=lambda row: (row["starts_at"], row["occurrence"]))

    @veils
    def drills_overdue(self, asker: Asker) -> list[Json]:
        """Playbooks whose rehearsal is overdue, and those whose text has changed since."""
        needs(asker, Right.READ, "reading drills")
        with self.desk.read() as state:
            return [row for row in self._standing(state) if row["overdue"] or (row["stale"] and row["every"])]

    def _standing(self, state: State) -> list[Json]:
        return drill_views.standing(state, self._books(), self.desk.clock.now())

    def _books(self) -> list[tuple[Playbook, str]]:
        return [(book, self.library.digest(book.id)) for book in self.library]

    def _row(self, run: Run) -> Json:
        return drill_views.row(run, self.desk.words(run.drill).get("title", ""), self._score(run.drill))

    @veils
    def drill_report(self, asker: Asker, id: str) -> Json:
        """One drill with its score, what it is measured against, its waterfall, and what comes next while it runs."""
        needs(asker, Right.READ, "reading a drill")
        with self._look(asker, id) as (state, known):
            run = drills.get_run(state, known)
            same = [r for r in state.drills.runs.values() if (r.playbook, r.mode) == (run.playbook, run.mode)]
            earlier = [r.drill for r in same if r.seq < run.seq and r.full and sees(state, asker, r.drill)]
            incident = state.incidents[known]
            containment = self.points.containment(state, incident, self.desk.clock.boot())
            names = views.names(state)
            coming = drill_views.comes_next(run, incident, containment)
            follow_ups = [replace(task) for task in incident.tasks.values() if task.follow_up]
        made = self._score(known)
        if made is None:
            raise Unknown(f"{known} has no score", code="no-drill")
        past = [found for old in earlier[-TREND:] if (found := self._score(old)) is not None]
        best = None
        for old in past:
            best = old if best is None or better(old, best) else best
        report = drill_report.report(self._row(run), made, past, best)
        if coming:
            coming = sorted(coming + drill_report.clocks_next(made), key=lambda r: str(r["by"] or ""))
        said = [
            {"at": row.at, "by": row.actor, "text": row.text}
            for row in self.timeline(asker, known)
            if row.kind in SAID and row.text
        ]
        rows = [
            {
                "number": task.number,
                "title": task.title or self._title_at(task.seq),
                "owner": task.owner,
                "due_at": task.due_at,
                "state": task.state,
            }
            for task in follow_ups
        ]
        more = {"next": coming, "names": names, "follow_ups": rows, "said": said[-SAID_MOST:]}
        return report | more | {"as_of": self._now()}

    def _now(self) -> str:
        return rfc3339(self.desk.clock.now())

    @veils
    def drill_evidence(self, asker: Asker, days: int = EVIDENCE_DAYS) -> Json:
        """Was the kill switch exercised through every registered gateway within so many days?"""
        needs(asker, Right.READ, "reading evidence")
        with self.desk.read() as state:
            overview = self.points.overview(state, self.desk.clock.boot())
            asks = [row["name"] for row in overview if row["ask_live"]]
            return drill_views.exercised(state, days, self.desk.clock.now(), asks)

    def _title_at(self, seq: int) -> str:
        line = self._event(seq)
        return (line.text or {}).get("title", "[redacted]") if line is not None else ""

    def _score(self, id: str) -> Score | None:
        if id not in self._scores:
            found = score(self.desk.ledger.incident(id))
            if found is None:
                return None
            self._scores[id] = found
        return self._scores[id]

    def _forget_scores(self, commit: Commit) -> None:
        for event in commit.events:
            self._scores.pop(event.incident or "", None)

    def _consider(self, outcome: Outcome) -> None:
        """Its clocks, in a write of their own, as after every declaration."""
        if outcome.events and outcome.decided.subject:
            self.clockwork.consider(outcome.decided.subject)

    # --- how an incident reads, and what a declaration is made of; see ``Operations`` ---

    def timeline(self, asker: Asker, id: str) -> list[Row]:
        raise NotImplementedError

    def _request(self, body: Mapping[str, Any]) -> Declare:
        raise NotImplementedError

    def _with_evidence(self, state: State, request: Declare) -> Declare:
        raise NotImplementedError

    def _declared(self, state: State, decided: Decided, events: Sequence[Event]) -> Answer:
        raise NotImplementedError

    def _right_clocks(self, wanted: Declare) -> tuple[str, ...]:
        goal, today = wanted.playbook.drill, self.desk.clock.now().date()
        clocks = goal.clocks if goal is not None else ()
        return tuple(self.clockwork.register.in_force(clocks, wanted.parameters.get("partner"), today))

    def drill_request(self, body: Mapping[str, Any], mode: Mode) -> Declare:
        """A declaration of kind drill, as ``body`` asks for it."""
        return replace(self._request({**body, "kind": "drill"}), mode=mode)


def _ended(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
    data = events[-1].data
    names = ("how", "because", "equal", "left", "meanwhile")
    lifted = [e.data["hold"] for e in events if e.kind == "access:hold:lifted"]
    return 200, {"id": decided.subject, "lifted": lifted, **{name: data[name] for name in names}}


def _asked(spec: Spec) -> Json:
    return {"playbook": spec.playbook, "parameters": dict(spec.parameters), "title": spec.title}


def _mode(name: object) -> Mode:
    try:
        return Mode(str(name or Mode.SHADOW))
    except ValueError as error:
        known = ", ".join(Mode)
        raise Invalid.at("mode", f"unknown mode '{str(name)[:40]}'.{nearest(str(name), Mode)} It is {known}") from error


def _times(said: object) -> int:
    """How many times as fast; as a number, or as it was typed."""
    if said in (None, "", 0):
        return 1
    try:
        return int(str(said))
    except ValueError as error:
        raise Invalid.at("compress", f"'{str(said)[:40]}': say how many times as fast, e.g. 60") from error


def _lasts(words: object) -> timedelta | None:
    if not words:
        return None
    try:
        found = duration(words).elapsed
    except ValueError as error:
        raise Invalid.at("lasts", str(error)) from error
    if found is None:
        raise Invalid.at("lasts", f"'{str(words)[:40]}': say minutes or hours, e.g. 30m")
    return found
