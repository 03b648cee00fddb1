"""
Everything that a person or program can have done, once, for every surface.

Each operation turns plain values into a decision, has the desk record it and returns what to answer: an HTTP-like
status and JSON values. Surfaces translate; they decide nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from incidents import catalog_file, views
from incidents.blast import compare, with_holds
from incidents.decisions import Asker, Decided, access, incident, needs, restore
from incidents.decisions.incident import Declare, Kind
from incidents.decisions.sight import hidden, sees, veiled
from incidents.desk import Desk
from incidents.enforcement.grants import bound
from incidents.enforcement.points import Points, point_row
from incidents.enforcement.usage import UsageBook
from incidents.errors import Invalid, Refused, Unknown, nearest
from incidents.events import Event
from incidents.holds import LIVE, SHADOW, Hold
from incidents.ledger import Answer, AnswerKey
from incidents.operating import Json, as_answer, as_reply, veils
from incidents.operating import Reply as Reply
from incidents.review_work import ReviewWork
from incidents.roles import Right
from incidents.state import Incident, State
from incidents.timeline import Row, rows
from incidents.tokens import mask, new_secret
from playbooks.loader import Library, UnknownPlaybook
from playbooks.plan import Plan

BREAK_GLASS = "break-glass"
KILL_KINDS = ("partner", "capability", "model")


class Operations(ReviewWork):
    def __init__(self, desk: Desk, points: Points, usage: UsageBook, library: Library, public_url: str) -> None:
        super().__init__(desk)
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
        outcome = self.desk.submit(
            lambda state, now: incident.declare(state, self._with_evidence(state, request), asker, now),
            actor=asker.actor,
            key=key,
            answer=self._declared,
            narrowing="" if kind is not Kind.REAL else f"{request.playbook.id} {dict(request.parameters)}",
        )
        return as_reply(outcome.answer, outcome.replayed)

    def _with_evidence(self, state: State, request: Declare) -> Declare:
        """What each point holds at this moment, and the table that it should hold."""
        return replace(request, points=tuple(self._points_now(state)), table_digest=self.desk.snapshot.digest)

    def _points_now(self, state: State) -> list[Json]:
        return self.points.overview(state, self.desk.clock.boot())

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
            table = SHADOW if kind is Kind.DRILL else LIVE
            holds = list(incident.holds_of(state, "preview", kind, steps.actions).values())
            after = with_holds(state, holds)
            found = compare(state, after, holds, now, table)
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
        return as_answer(201, body)

    # --- reading ---

    @veils
    def incident(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading an incident")
        known = self._id(asker, id)
        lines = self.desk.ledger.incident(known)
        with self.desk.read(known) as state:
            found = state.incidents[known]
            containment = self._containment(state, found)
            return views.incident_whole(state, found, lines, containment, self.desk.clock.now())

    @veils
    def incidents(
        self, asker: Asker, *, status: str = "", kind: str = "", search: str = "", limit: int = 50, cursor: str = ""
    ) -> Json:
        """Newest first; ``cursor`` is the last id of the page before."""
        needs(asker, Right.READ, "reading incidents")
        with self.desk.read() as state:
            known = state.order[::-1]
            # The page before is found among all of them: its last incident may have left the filter since.
            start = known.index(cursor) + 1 if cursor in known else 0
            ids = [
                id
                for id in known[start:]
                if sees(state, asker, id)
                and status in ("", (outline := state.incidents.get(id) or state.over[id]).status)
                and kind in ("", outline.kind)
            ]
        if cursor and start == 0:
            raise Invalid.at("cursor", f"unknown cursor '{cursor[:40]}'; take 'next' of the page before as it is")
        if search:
            ids = self._searched(ids, search)
        found: list[Json] = []
        for id in ids[: limit + 1]:
            words = self.desk.words(id)
            with self.desk.read(id) as state:
                found.append(views.incident_row(state.incidents[id], words))
        return {"items": found[:limit], "next": found[limit - 1]["id"] if len(found) > limit else None}

    def _searched(self, ids: Sequence[str], search: str) -> list[str]:
        """Those whose declaration, or what they hold now, has every word that was searched for."""
        declared = self.desk.ledger.find(search.split())
        found = []
        for id in ids:
            if id not in declared:
                with self.desk.read() as state:
                    known = state.incidents.get(id)
                    row = views.incident_row(known, {}) if known else None
                if row is None or not _matches(row, self.desk.words(id), search):
                    continue
            found.append(id)
        return found

    def timeline(
        self, asker: Asker, id: str, *, after: int = 0, limit: int = 1000, handed_out: bool = False
    ) -> list[Row]:
        """Rows in the order in which they were recorded. ``handed_out``: without restricted words, whoever asks."""
        needs(asker, Right.READ, "reading a timeline")
        known = self._id(asker, id)
        inside = not handed_out and self.may_read_restricted(asker, known)
        with self.desk.read() as state:
            names = views.names(state)
            without = hidden(state, asker)
        found = [row for row in rows(self.desk.ledger.incident(known), names, inside=inside) if row.seq > after]
        return [
            replace(row, text=veiled(row.text, without), data=veiled(row.data, without)) if without else row
            for row in found[:limit]
        ]

    def containment(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading an incident")
        with self._look(asker, id) as (state, known):
            return self._containment(state, state.incidents[known])

    def _containment(self, state: State, found: Incident) -> Json:
        """With every point's row: of what is still going on from memory, of what was written down from the log."""
        containment = self.points.containment(state, found, self.desk.clock.boot())
        if found.contained is not None:
            written = self.desk.ledger.read(after=found.contained.seq - 1, limit=1)[0]
            containment["points"] = [point_row(row) for row in written.data["points"]]
        return containment

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
        return {
            "open": [self._board_row(id) for id in open_ids],
            "recent": [self._board_row(id) for id in others],
            "dark": dark,
            "points": [row for row in points if row["standing"] != "retired"],
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
                state, id, number, now, self._points_now(state), self.desk.snapshot.digest
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
        self, asker: Asker, id: str, only: Sequence[int], reason: str, key: AnswerKey | None = None
    ) -> Reply:
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

        id = self._id(asker, id)
        return self._do(
            asker,
            lambda state, now: restore.ask(state, id, only=only, reason=reason, asker=asker, now=now),
            answered,
            key,
            about=id,
        )

    @veils
    def restore_request(self, asker: Asker, id: str) -> Json:
        needs(asker, Right.READ, "reading a restore request")
        id = self._request_id(asker, id)
        with self.desk.read(id) as state:
            return views.restore(restore.get_request(state, id), self.desk.clock.now())

    def approve(self, asker: Asker, id: str, plan_digest: str, key: AnswerKey | None = None) -> Reply:
        """An approval that is not allowed to count is refused, and the attempt is written down."""
        id = self._request_id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            lifted = [e.data["hold"] for e in events if e.kind == "access:hold:lifted"]
            request = state.requests[decided.subject]
            left = max(0, request.approvals - len({*request.approved_by, asker.actor.person}))
            return 200, {
                "id": decided.subject,
                "incident": request.incident,
                "state": "done" if lifted else "open",
                "approvals_left": left,
                "lifted": lifted,
                "revision": events[-1].seq if lifted else state.revision,
            }

        try:
            return self._do(
                asker,
                lambda state, now: restore.approve(state, id, plan_digest=plan_digest, asker=asker, now=now),
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
            self.desk.submit(lambda state, now: restore.denied(known, error), actor=asker.actor, about=id)

    def refuse(self, asker: Asker, id: str, reason: str, key: AnswerKey | None = None) -> Reply:
        id = self._request_id(asker, id)
        return self._do(
            asker,
            lambda state, now: restore.refuse(state, id, reason=reason, asker=asker, now=now),
            lambda state, decided, events: (200, {"id": decided.subject, "state": "refused"}),
            key,
            about=id,
        )

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

    def log(self, asker: Asker, *, after: int = 0, limit: int = 500) -> list[Event]:
        """
        Whole events of the log, in order, for verifying and exporting.

        Of an incident that the asker may not know of, only what the chain is made of: its data and words are withheld.
        """
        needs(asker, Right.READ, "reading the log")
        events = self.desk.ledger.read(after=after, limit=limit)
        with self.desk.read() as state:
            without = hidden(state, asker)
        return [_withheld(e) if e.incident in without else e for e in events]


def _withheld(event: Event) -> Event:
    return replace(event, incident=None, data={"withheld": True}, text=None, salt=None)


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


def _masked(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters are chained for good, so a token that was pasted into one is masked before anything looks at it."""
    return {name: mask(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _matches(row: Json, words: Mapping[str, str], search: str) -> bool:
    if not search:
        return True
    text = " ".join([row["id"], row["title"], row["playbook"], *row["holds"], words.get("summary", "")]).lower()
    return all(part in text for part in search.lower().split())
