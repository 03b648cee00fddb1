"""
Everything that a person or program can have done, once, for every surface.

Each operation turns plain values into a decision, has the desk record it and returns what to answer: an HTTP-like
status and JSON values. Surfaces translate; they decide nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from incidents import catalog_file, drill_views, insights, views
from incidents.blast import compare, with_holds
from incidents.chat_work import ChatWork
from incidents.clock_operations import ClockOperations
from incidents.clockwork import Clockwork
from incidents.decisions import Asker, Decided, access, drills, incident, needs, restore
from incidents.decisions.incident import Declare, Kind
from incidents.decisions.restore_plan import canaries_of
from incidents.decisions.restore_steps import advance
from incidents.decisions.sight import hidden, sees, veiled_event
from incidents.desk import Desk
from incidents.drill_work import DrillWork
from incidents.enforcement.grants import bound
from incidents.enforcement.points import Points
from incidents.enforcement.usage import UsageBook
from incidents.errors import Invalid, Refused, Unknown, nearest
from incidents.events import SYSTEM, Event, Withheld
from incidents.finding import Finder, Wanted
from incidents.holds import LIVE, Hold
from incidents.incident_reading import IncidentReading
from incidents.ledger import Answer, AnswerKey
from incidents.notice_work import NoticeWork
from incidents.operating import Json, as_answer, as_reply, veils
from incidents.operating import Reply as Reply
from incidents.review_work import ReviewWork
from incidents.roles import Right
from incidents.state import Incident, State
from incidents.timeline import Row
from incidents.tokens import mask, new_secret
from playbooks.durations import duration
from playbooks.loader import Library, UnknownPlaybook
from playbooks.plan import Plan
from playbooks.schema import Playbook

BREAK_GLASS = "break-glass"
KILL_KINDS = ("partner", "capability", "model")


class Operations(IncidentReading, ClockOperations, NoticeWork, ChatWork, DrillWork, ReviewWork):
    def __init__(
        self,
        desk: Desk,
        points: Points,
        usage: UsageBook,
        library: Library,
        public_url: str,
        clockwork: Clockwork,
    ) -> None:
        ClockOperations.__init__(self, desk, clockwork)
        self.prepare_drills()
        self.points, self.usage, self.library = points, usage, library
        self.public_url = public_url

    # --- declaring ---

    def declare(self, asker: Asker, body: Mapping[str, Any], key: AnswerKey | None = None) -> Reply:
        """
        Declare an incident; answered when its containment is durable.

        Raises:
            Refused: See ``decisions.incident``.
            Unavailable: It could not be recorded; grants stop until an append works again.
        """
        needs(asker, Right.RESPOND, "declaring an incident")
        request = self._request(body)
        kind = Kind(request.kind)

        def decide(state: State, now: datetime) -> Decided:
            what = self._with_evidence(state, request)
            if kind is Kind.DRILL:
                return drills.start(
                    state, drills.Start(what=what, live_digest=self.desk.snapshot.live_digest), asker, now
                )
            return incident.declare(state, what, asker, now)

        with self._veiled_refusals(asker):
            outcome = self.desk.submit(
                decide,
                actor=asker.actor,
                key=key,
                answer=self._declared,
                narrowing="" if kind is not Kind.REAL else f"{request.playbook.id} {dict(request.parameters)}",
            )
        reply = as_reply(outcome.answer, outcome.replayed)
        if outcome.events:  # in a write of its own: the cord works whatever becomes of the clocks
            self.clockwork.consider(str(reply.body["id"]))
        return reply

    def _with_evidence(self, state: State, request: Declare) -> Declare:
        """What each point holds at this moment, and the table that it should hold."""
        return replace(request, points=self._points_seen(state), table_digest=self.desk.newest.digest)

    def _points_seen(self, state: State) -> tuple[Json, ...]:
        return tuple(self.points.overview(state, self.desk.clock.boot()))

    def kill(self, asker: Asker, what: str, name: str, reason: str, key: AnswerKey | None = None) -> Reply:
        """Direct break-glass: needs a reason and nothing else."""
        if what not in KILL_KINDS:
            message = f"unknown kind '{what[:40]}'.{nearest(what, KILL_KINDS)} Kill a partner, a capability or a model."
            raise Invalid.at("what", message)
        incident.check_reason(reason, "a kill needs a reason")
        body = {"playbook": BREAK_GLASS, "parameters": {what: name}, "summary": reason}
        return self.declare(asker, body, key)

    @veils
    def preview(self, asker: Asker, body: Mapping[str, Any]) -> Json:
        """The blast radius of a declaration. Changes nothing."""
        needs(asker, Right.READ, "a preview")
        request = self._request(body)
        with self.desk.read() as state:
            now = self.desk.clock.now()
            steps = incident.planned(state, request)
            kind = Kind(request.kind)
            table = incident.table_of(kind)
            holds = list(incident.holds_of(state, "preview", table, steps.actions).values())
            after = with_holds(state, holds)
            found = compare(state, after, holds, now, table or LIVE)
            joins = None if request.separate else incident.same_standing(state, request, asker)
            containment = self.points.fresh(state, holds, state.seq + 1, now, self.desk.clock.boot())
            return self._preview(request, steps, views.blast(found), holds, containment, joins, now, state)

    def _preview(
        self,
        request: Declare,
        steps: Plan,
        blast: Json,
        holds: Sequence[Hold],
        containment: Json,
        joins: Incident | None,
        now: datetime,
        state: State,
    ) -> Json:
        words = {h.action: h.words() for h in holds}
        partners = set(blast["partners"])
        return {
            "playbook": request.playbook.id,
            "title": request.title or incident.default_title(request),
            "kind": request.kind,
            "severity": request.severity or steps.severity,
            "actions": [
                {
                    "number": a.number,
                    "name": a.action.name,
                    "words": words.get(a.number, a.action.describe()),
                    "state": "skipped" if a.skipped else "waits" if a.waits else "would apply",
                    **({"because": a.skipped} if a.skipped else {}),
                }
                for a in steps.actions
            ],
            **blast,
            "usage": [row for row in self.usage.of(now=now) if row["partner"] in partners],
            "clocks": list(steps.clocks),
            "clocks_proposed": self.proposed_clocks(request.playbook.id, steps.clocks, request.parameters),
            "told": [notice.data() for notice in steps.notices],
            "tasks": [task.data(now) for task in steps.tasks],
            "roles": list(steps.roles),
            "left_out": list(steps.left_out),
            "points": containment["total"],
            "ask_live": containment["ask_live"],
            "may_serve": containment["may_serve"],
            "contained_within_s": bound(state.lease_seconds),
            "contained_by": containment["contained_by"],
            "would_join": joins.id if joins else None,
        }

    def _request(self, body: Mapping[str, Any]) -> Declare:
        name = str(body.get("playbook") or "")
        try:
            entry = self.library.entry(name)
        except UnknownPlaybook as error:
            raise Invalid.at("playbook", str(error), code="unknown-playbook") from error
        kind = body.get("kind") or Kind.REAL.value
        if kind not in tuple(Kind):
            raise Invalid.at("kind", f"unknown kind '{str(kind)[:40]}'; it is real, drill or test")
        return Declare(
            playbook=entry.playbook,
            digest=entry.digest,
            parameters=_masked(body.get("parameters") or {}),
            title=body.get("title") or "",
            summary=body.get("summary") or "",
            severity=body.get("severity") or "",
            kind=Kind(kind),
            separate=bool(body.get("separate")),
            visibility=body.get("visibility") or "open",
        )

    def _declared(self, state: State, decided: Decided, events: Sequence[Event]) -> Answer:
        """Made inside the transaction, so that the same key gets the same answer after a crash."""
        if decided.joined:
            known = state.incidents[decided.subject]
            containment = self._containment(state, known)
            first = views.names(state).get(known.declared_by, known.declared_by)
            row = views.incident_row(known, self.desk.words(known.id))
            return as_answer(200, row | {"joined": True, "first_by": first, "containment": containment})
        placed = [e for e in events if e.kind == "access:hold:placed"]
        revision = placed[-1].seq if placed else state.revision
        holds = [Hold.read(e.data["hold"]) for e in placed]
        ordered_at = events[-1].recorded_at
        facts = events[0].data
        became = [e.data["state"] for e in events if e.kind == "incident:action:recorded"]
        containment = self.points.fresh(state, holds, revision, ordered_at, self.desk.clock.boot())
        if not holds and "waiting" in became:  # nothing is off before a person gives the word
            containment["state"] = "pending"
        run = next((e.data for e in events if e.kind == "drill:run:started"), None)
        body = {
            "id": decided.subject,
            "kind": facts["incident_kind"],
            "status": "declared",
            "severity": facts["severity"],
            "title": (events[0].text or {}).get("title", ""),
            "revision": revision,
            "holds": [h.words() for h in holds],
            "skipped": [e.data["words"] for e in events if e.data.get("state") == "skipped"],
            "url": f"{self.public_url}/incidents/{decided.subject}",
            "joined": False,
            "containment": containment | {"outside": {"done": 0, "total": became.count("outside")}},
        }
        if run is not None:
            body["drill"] = {name: run[name] for name in ("mode", "ends_at", "announced")}
        return as_answer(201, body)

    # --- reading ---

    @veils
    def incident(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading an incident")
        known = self._id(asker, id)
        lines = self.lines.of(known).events
        with self.desk.read(known) as state:
            return self._whole(state, state.incidents[known], lines, self.desk.clock.now())

    @veils
    def incidents(
        self,
        asker: Asker,
        *,
        status: str = "",
        kind: str = "",
        severity: str = "",
        search: str = "",
        limit: int = 50,
        cursor: str = "",
    ) -> Json:
        """
        Newest first; ``cursor`` is the last id of the page before. With ``search`` each has its ``hits``.

        Raises:
            Invalid: An unknown cursor, or too many words.
        """
        needs(asker, Right.READ, "reading incidents")
        finder = Finder(self.desk, asker, Wanted(status, kind, severity, tuple(search.split())))
        ids = finder.ids(after=cursor, limit=limit + 1)
        found: list[Json] = []
        for id in ids[:limit]:
            words = self.desk.words(id)
            with self.desk.read(id) as state:
                found.append(views.incident_row(state.incidents[id], words))
        if search.split():
            found = views.with_hits(found, finder.hits(ids[:limit]))
        return {"items": found, "next": ids[limit - 1] if len(ids) > limit else None}

    def timeline(
        self, asker: Asker, id: str, *, after: int = 0, limit: int = 1000, handed_out: bool = False
    ) -> list[Row]:
        """Rows in the order in which they were recorded. ``handed_out``: without restricted words, whoever asks."""
        needs(asker, Right.READ, "reading a timeline")
        known = self._id(asker, id)
        lines = self.lines.of(known)
        with self.desk.read(known) as state:
            told = self._told(state, state.incidents[known], lines, asker, handed_out=handed_out)
        return [row for row in told if row.seq > after][:limit]

    def containment(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading an incident")
        with self._look(asker, id) as (state, known):
            return self._containment(state, state.incidents[known])

    @veils
    def before_and_now(self, asker: Asker, id: str) -> list[Json]:
        needs(asker, Right.READ, "reading an incident")
        with self._look(asker, id) as (state, known):
            return views.before_and_now(state, state.incidents[known], self.desk.clock.now())

    @veils
    def check(self, asker: Asker, partner: str, model: str, capability: str, region: str | None = None) -> Json:
        """The decision, with its reason; partners may ask for themselves and are not told who holds what."""
        own = asker.may(Right.OWN_ACCESS)
        if not own:
            needs(asker, Right.READ, "asking for a decision")
        now = self.desk.clock.now()
        who = asker.partner if own else partner
        decision = self.desk.snapshot.decide(
            who, model, capability, now=now, region=region, used=lambda p, f, per: self.usage.used(p, f, per, now)
        )
        held_by = [] if own else list(decision.held_by)
        return {
            "allowed": decision.allowed,
            "reason": decision.reason,
            "revision": decision.revision,
            "held_by": held_by,
        }

    @veils
    def board(self, asker: Asker, *, recent: int = 12) -> Json:
        """What a person needs first: open incidents, the newest others, who is dark now, whether points are there."""
        needs(asker, Right.READ, "reading the board")
        with self.desk.read() as state:
            seen = [id for id in list(state.incidents)[::-1] if sees(state, asker, id)]
            open_ids = [id for id in seen if views.stands_open(state.incidents[id])]
            shown = (id for id in reversed(state.order) if id not in open_ids and sees(state, asker, id))
            others = list(islice(shown, recent))
            points = self.points.overview(state, self.desk.clock.boot())
            dark = views.dark(state)
            broken = views.broken_glass(state, self.desk.clock.now())
            overdue = insights.overdue_follow_ups(state, self.desk.clock.now(), hidden(state, asker))
        return {
            "overdue_follow_ups": overdue,
            "open": [self._board_row(id) for id in open_ids],
            "recent": [self._board_row(id) for id in others],
            "dark": dark,
            "broken_glass": broken,
            "points": [row for row in points if row["standing"] != "retired"],
        }

    @veils
    def open_incidents(self, asker: Asker, most: int, *, recent: int = 5) -> Json:
        """
        Rows of the board alone, at most so many: ``open``, the real ones first, and where none is, the newest others.

        ``count`` is how many are open.
        """
        needs(asker, Right.READ, "reading incidents")
        with self.desk.read() as state:
            known = [i for i in reversed(state.incidents.values()) if views.stands_open(i) and sees(state, asker, i.id)]
            first = [i.id for i in sorted(known, key=lambda i: i.kind != Kind.REAL)[:most]]
            newest = (id for id in reversed(state.order) if sees(state, asker, id))
            others = [] if known else list(islice(newest, recent))
        return {
            "count": len(known),
            "open": [self._board_row(id) for id in first],
            "recent": [self._board_row(id) for id in others],
        }

    @veils
    def insights(self, asker: Asker, *, kind: str = Kind.REAL.value, playbook: str = "") -> Json:
        """How fast things went, of one kind; and what is overdue, whatever the kind."""
        needs(asker, Right.READ, "reading insights")
        if kind not in (Kind.REAL, Kind.DRILL):
            raise Invalid.at("kind", f"'{kind[:40]}': figures are of real incidents or of drills, never of both")
        now = self.desk.clock.now()
        rhythm = {each.id: _drill_every(each) for each in self.library}
        with self.desk.read() as state:
            without = hidden(state, asker)
            known = insights.outlines(state, without)
            overdue = insights.overdue_follow_ups(state, now, without)
            last = drill_views.last_rehearsed(state)
        return insights.insights(known, kind=kind, now=now, playbook=playbook) | {
            "overdue_follow_ups": [row | {"title": self._title_at(row["seq"])} for row in overdue],
            "drilled": insights.drilled(last, rhythm, now),
        }

    def _board_row(self, id: str) -> Json:
        words = self.desk.words(id)
        with self.desk.read(id) as state:
            found = state.incidents[id]
            containment = self.points.containment(state, found, self.desk.clock.boot())
            open_requests = [r for r in found.requests if restore.is_open(state.requests[r], self.desk.clock.now())]
            waiting = [a.number for a in found.actions.values() if a.state == "waiting"]
            return views.incident_row(found, words) | {
                "containment": {name: containment[name] for name in ("state", "confirmed", "total", "contained_by")},
                "restores_open": open_requests,
                "restores_running": [r for r in found.requests if state.requests[r].state == "running"],
                "actions_waiting": waiting,
            }

    def people_names(self, asker: Asker) -> dict[str, str]:
        """Person id -> name, for showing who did what."""
        needs(asker, Right.READ, "reading names")
        with self.desk.read() as state:
            return views.names(state)

    @veils
    def points_overview(self, asker: Asker) -> list[Json]:
        needs(asker, Right.READ, "reading enforcement points")
        with self.desk.read() as state:
            return self.points.overview(state, self.desk.clock.boot())

    # --- changing an incident ---

    def validate(self, asker: Asker, id: str, number: int, key: AnswerKey | None = None) -> Reply:
        """A person's word for an action that waits for it."""
        needs(asker, Right.RESPOND, "validating an action")
        id = self._id(asker, id)
        return self._do(
            asker,
            lambda state, now: incident.validate(
                state, id, number, now, points=self._points_seen(state), table_digest=self.desk.newest.digest
            ),
            lambda state, decided, events: (
                200,
                {"incident": decided.subject, "action": number, "revision": events[-1].seq},
            ),
            key,
            about=id,
            narrowing=f"action {number} of {id}",
        )

    # --- the way back ---

    def ask_restore(
        self,
        asker: Asker,
        id: str,
        only: Sequence[int],
        reason: str,
        key: AnswerKey | None = None,
        *,
        canary: str | None = None,
        soak: str | None = None,
        break_glass: bool = False,
    ) -> Reply:
        """``soak``: how long the rest waits after the canary, as ``30m``, ``2h``, ``1d``."""
        id = self._id(asker, id)
        way = restore.way_of(only=only, canary=canary, soak=_soak(soak), break_glass=break_glass)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            data = events[0].data
            return 201, {
                "id": decided.subject,
                "incident": events[0].incident,
                "state": "open",
                "plan": data["plan"],
                "plan_digest": data["plan_digest"],
                "approvals": data["approvals"],
                "expires_at": data["expires_at"],
            }

        reply = self._do(
            asker,
            lambda state, now: restore.ask(state, id, way, reason=reason, asker=asker, now=now),
            answered,
            key,
            about=id,
        )
        return replace(reply, body=self._veiled(asker, reply.body))  # the plan names who else holds the same things

    def canaries(self, asker: Asker, id: str) -> list[str]:
        """Partners that a restore of all that stands could begin with: they would gain something, and not alone."""
        needs(asker, Right.READ, "reading an incident")
        with self._look(asker, id) as (state, known):
            return canaries_of(state, state.incidents[known], self.desk.clock.now())

    @veils
    def restore_request(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading a restore request")
        id = self._request_id(asker, id)
        with self.desk.read(id) as state:
            return views.restore(restore.get_request(state, id), self.desk.clock.now())

    def approve(
        self, asker: Asker, id: str, plan_digest: str, key: AnswerKey | None = None, *, checks: Sequence[str] = ()
    ) -> Reply:
        """
        The last approval that is needed carries out the first step.

        An approval that is not allowed to count is refused, and the attempt is written down (see ``denials``).
        """
        id = self._request_id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            request = state.requests[decided.subject]
            left = max(0, request.approvals - len({*request.approved_by, asker.actor.person}))
            done = next((e.data for e in events if e.kind == "restore:step:done"), None)
            finished = done["step"] == done["of"] if done else left == 0
            return 200, {
                "id": decided.subject,
                "incident": request.incident,
                "state": "open" if left else "done" if finished else "running",
                "approvals_left": left,
                "lifted": [e.data["hold"] for e in events if e.kind == "access:hold:lifted"],
                "eased": [e.data["hold"] for e in events if e.kind == "access:hold:eased"],
                "next_at": done.get("next_at") if done else None,
                "revision": _revision_after(state, events),
            }

        try:
            return self._do(
                asker,
                lambda state, now: restore.approve(
                    state, id, plan_digest=plan_digest, checks=checks, asker=asker, now=now
                ),
                answered,
                key,
                about=id,
            )
        except Refused as error:
            self._write_denial(asker, id, error)
            raise

    def _write_denial(self, asker: Asker, id: str, error: Refused) -> None:
        with self.desk.read(id) as state:
            known = state.requests.get(id) or state.requests.get(id.upper())
        if known is not None and asker.may(Right.READ) and not isinstance(error, Unknown):
            self.denials.write(asker, known.id, error, lambda state, now: restore.denied(known, error))

    def refuse(self, asker: Asker, id: str, reason: str, key: AnswerKey | None = None) -> Reply:
        id = self._request_id(asker, id)
        return self._do(
            asker,
            lambda state, now: restore.refuse(state, id, reason=reason, asker=asker, now=now),
            lambda state, decided, events: (200, {"id": decided.subject, "state": "refused"}),
            key,
            about=id,
        )

    def stop_restore(
        self, asker: Asker, id: str, reason: str, *, keep: bool = False, key: AnswerKey | None = None
    ) -> Reply:
        """
        One person ends a restore at once; unless ``keep``, what it gave back is held again.

        Taking back is an order like a kill: where it can't be recorded, grants stop.
        """
        id = self._request_id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            held = [e.data.get("hold") for e in events if e.kind.startswith("access:hold:")]
            return 200, {
                "id": decided.subject,
                "incident": events[-1].incident,
                "state": "stopped",
                "taken_back": events[-1].data["taken_back"],
                "held_again": [hold["id"] if isinstance(hold, dict) else hold for hold in held],
                "revision": _revision_after(state, events),
            }

        return self._do(
            asker,
            lambda state, now: restore.stop(state, id, reason=reason, keep=keep, asker=asker),
            answered,
            key,
            about=id,
            narrowing="" if keep else f"taking back what {id} gave back",
        )

    def advance_restore(self, id: str) -> None:
        """Carry out a running request's next step if it is due, or halt it where it may not go on."""
        self.desk.submit(lambda state, now: advance(state, id, now), actor=SYSTEM, about=id)

    # --- catalog, tokens, points ---

    def catalog(self, asker: Asker) -> Json:
        """The whole catalog in the file's form; addresses only for those who respond."""
        needs(asker, Right.READ, "reading the catalog")
        directory = self.desk.ledger.directory() if asker.may(Right.RESPOND) or asker.may(Right.CATALOG) else {}
        with self.desk.read() as state:
            return catalog_file.as_file(state.catalog, directory)

    @veils
    def apply_catalog(self, asker: Asker, text: str | bytes, name: str, *, check: bool = False) -> Json:
        """
        Make the catalog what the file says (or, ``check``, only say what that would change).

        Applying twice changes nothing. A change that a hold overrides is accepted and named under ``overridden``.
        """
        needs(asker, Right.READ if check else Right.CATALOG, "changing the catalog")
        known = self.desk.ledger.directory()
        said: Json = {}
        # Whoever may not read addresses must not find one out by trying.
        tells = asker.may(Right.RESPOND) or asker.may(Right.CATALOG)
        if check and not asker.may(Right.CATALOG):  # a dry run changes nothing, so it takes no right to change
            asker = replace(asker, rights=asker.rights | {Right.CATALOG, Right.PEOPLE})

        def decide(state: State, now: datetime) -> Decided:
            wanted = catalog_file.read(text, name, state.catalog)
            decided, diff = access.apply_catalog(state, wanted.sections, wanted.directory, known, asker)
            lines = access.describe(state, diff)
            contacts = [f"~ {path}: address changed" for path in sorted(decided.directory)]
            said.update(changes=lines + (contacts if tells else []), overridden=list(decided.notes))
            return decided

        if check:
            with self.desk.read() as state:
                decide(state, self.desk.clock.now())
            return {"applied": False, "changed": bool(said["changes"]), **said, "revision": self.desk.snapshot.revision}
        outcome = self.desk.submit(decide, actor=asker.actor)
        changed = bool(outcome.events)
        return {"applied": changed, "changed": changed, **said, "revision": self.desk.snapshot.revision}

    def create_token(
        self, asker: Asker, request: access.CreateToken, key: AnswerKey | None = None
    ) -> tuple[Reply, str | None]:
        """The reply without the secret, and the secret: None where the answer is a repeated one."""
        secret = new_secret()
        reply = self._do(
            asker,
            lambda state, now: access.create_token(state, request, secret, asker),
            lambda state, decided, events: (
                201,
                {
                    "id": decided.subject,
                    "name": request.name,
                    "role": request.role,
                    "person": request.person,
                    "partner": request.partner,
                },
            ),
            key,
        )
        return reply, None if reply.replayed else secret

    def tokens(self, asker: Asker) -> list[Json]:
        needs(asker, Right.PEOPLE, "listing tokens")
        with self.desk.read() as state:
            return [views.token(t) for t in state.tokens.values()]

    def token(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.PEOPLE, "reading a token")
        with self.desk.read() as state:
            return views.token(access.find_token(state, id))

    def revoke_token(self, asker: Asker, id: str, key: AnswerKey | None = None) -> Reply:
        return self._do(
            asker,
            lambda state, now: access.revoke_token(state, id, asker),
            lambda state, decided, events: (200, {"id": decided.subject, "revoked": True}),
            key,
        )

    def retire_point(self, asker: Asker, name: str, key: AnswerKey | None = None) -> Reply:
        return self._do(
            asker,
            lambda state, now: access.retire_point(state, name, asker),
            lambda state, decided, events: (200, {"name": decided.subject, "retired": True}),
            key,
        )

    # --- what there is ---

    @veils
    def models(self, asker: Asker, *, limit: int = 50, cursor: str = "") -> Json:
        """By id; ``cursor`` is the last id of the page before, here and in the lists below."""
        needs(asker, Right.READ, "reading models")
        with self.desk.read() as state:
            return _page(state.catalog.models, limit, cursor, lambda id: views.model(state, id))

    @veils
    def model(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading a model")
        with self.desk.read() as state:
            _known(id, state.catalog.models, "model")
            return views.model(state, id)

    @veils
    def partners(self, asker: Asker, *, limit: int = 50, cursor: str = "") -> Json:
        needs(asker, Right.READ, "reading partners")
        with self.desk.read() as state:
            return _page(state.catalog.partners, limit, cursor, lambda id: views.partner(state, id))

    @veils
    def partner(self, asker: Asker, id: str) -> Json:
        """A partner with its grants and what each gives now; a partner may read its own, without incident ids."""
        own = asker.may(Right.OWN_ACCESS) and asker.partner == id
        if not own:
            needs(asker, Right.READ, "reading another's access")
        now = self.desk.clock.now()
        with self.desk.read() as state:
            _known(id, state.catalog.partners, "partner")
            held = [g.id for g in state.catalog.grants.values() if g.partner == id]
            grants = [views.grant(state, self.desk.snapshot, g, now) for g in sorted(held)]
            found = views.partner(state, id) | {"grants": grants}
        return _without_holders(found) if own else found

    @veils
    def capabilities(self, asker: Asker, *, limit: int = 50, cursor: str = "") -> Json:
        needs(asker, Right.READ, "reading capabilities")
        with self.desk.read() as state:
            return _page(state.catalog.capabilities, limit, cursor, lambda id: views.capability(state, id))

    @veils
    def flags(self, asker: Asker) -> list[Json]:
        """Every capability flag with its state now, who holds it, and how many grants there are on it."""
        needs(asker, Right.READ, "reading capability flags")
        with self.desk.read() as state:
            return views.flags(state, self.desk.snapshot)

    @veils
    def flag(self, asker: Asker, flag: str) -> Json:
        """The guardrail sheet of one capability flag."""
        needs(asker, Right.READ, "reading a capability flag")
        now = self.desk.clock.now()
        with self.desk.read() as state:
            _known(flag, state.catalog.flags(), "capability flag")
            return views.flag_sheet(state, self.desk.snapshot, flag, now, self.usage.of(flag=flag, now=now))

    @veils
    def grants(self, asker: Asker, *, limit: int = 50, cursor: str = "") -> Json:
        needs(asker, Right.READ, "reading grants")
        now = self.desk.clock.now()
        with self.desk.read() as state:
            return _page(
                state.catalog.grants, limit, cursor, lambda id: views.grant(state, self.desk.snapshot, id, now)
            )

    def log(self, asker: Asker, *, after: int = 0, limit: int = 500) -> list[Event | Withheld]:
        """
        Whole events of the log, in order, for verifying and exporting.

        Of what the asker may not know, only what the chain is made of: such a copy can be followed, but not proven.
        """
        needs(asker, Right.READ, "reading the log")
        events = self.desk.ledger.read(after=after, limit=limit)
        with self.desk.read() as state:
            without = hidden(state, asker)
        noted = {e.incident for e in events if e.incident and e.data.get("restricted") and e.incident not in without}
        inside = {id for id in noted if self.may_read_restricted(asker, id)}
        return [veiled_event(event, without, inside=event.incident in inside) for event in events]


def _page(ids: Iterable[str], limit: int, cursor: str, view: Callable[[str], Json]) -> Json:
    ordered = sorted(ids)
    start = bisect_right(ordered, cursor)
    page = ordered[start : start + limit]
    return {"items": [view(id) for id in page], "next": page[-1] if start + limit < len(ordered) else None}


def _known(id: str, known: Collection[str], what: str) -> None:
    if id not in known:
        raise Unknown(f"unknown {what} '{id[:80]}'.{nearest(id, known)}", code=f"unknown-{what.split()[-1]}")


def _without_holders(sheet: Json) -> Json:
    """Partners are told the reason alone, never which incident holds what."""
    grants = [{k: v for k, v in grant.items() if k != "held_by"} for grant in sheet["grants"]]
    return {k: v for k, v in sheet.items() if k != "held_by"} | {"grants": grants}


def _drill_every(playbook: Playbook) -> float | None:
    """How often a playbook wants to be drilled, in seconds; business days count as days of the week."""
    if playbook.drill is None:
        return None
    every = playbook.drill.every
    return every.elapsed.total_seconds() if every.elapsed is not None else every.business_days * 86_400 * 7 / 5


def _masked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters are chained for good, so a token that was pasted into one is masked before anything looks at it."""
    return {name: mask(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _soak(written: str | None) -> timedelta | None:
    if not written:
        return None
    try:
        found = duration(written).elapsed
    except ValueError as error:
        raise Invalid.at("soak", str(error)) from error
    if found is None:
        raise Invalid.at("soak", f"'{written[:60]}' needs a calendar; write minutes, hours or days: 30m, 2h, 1d")
    return found


def _revision_after(state: State, events: Sequence[Event]) -> int:
    """The answer may be made before the events are folded."""
    return max((e.seq for e in events if e.kind.startswith("access:")), default=state.revision)
