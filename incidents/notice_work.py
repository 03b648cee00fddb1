"""
What people do about notices and messages: read, write, approve, refuse, receipt, try again.

The texts come from the log, the tries from the table beside it. An approval that was not allowed to count is refused,
and the attempt is written down.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import datetime

from incidents import notice_views
from incidents.connectors import NotSent
from incidents.decisions import Asker, Decided, effects, needs, notices, sight
from incidents.errors import Conflicting, Forbidden, Refused
from incidents.events import SYSTEM, Event
from incidents.ledger import AnswerKey
from incidents.letters import Letters
from incidents.notices import NoticeState, digest_of
from incidents.operating import Json, Operating, Reply, moment, veils
from incidents.outbox import number
from incidents.roles import Right
from incidents.state import State


class NoticeWork(Operating):
    letters: Letters

    # --- reading ---

    @veils
    def notices(self, asker: Asker, id: str) -> Json:
        """All notices, messages and entries of the playbook of one incident."""
        needs(asker, Right.READ, "reading notices")
        known = self._id(asker, id)
        lines = self.lines.of(known).events
        claims = {claim.effect: claim for claim in self.desk.ledger.claims()}
        texts = {line.seq: line.text for line in lines if line.text is not None}
        with self.desk.read(known) as state:
            incident = state.incidents[known]
            rows = notice_views.messages(lines, state.outbox, claims)
            by_id = {row["id"]: row for row in rows}
            return {
                "incident": known,
                "notices": [
                    notice_views.notice(incident, draft, by_id, texts)
                    for draft in incident.drafts.values()
                    if draft.state != NoticeState.SHARED_OUT
                ],
                "messages": rows,
                "entries": notice_views.entries(incident, rows, self.desk.clock.now()),
            }

    def notice(self, asker: Asker, id: str) -> Json:
        """One notice with its text; where it has none yet, with the one that it would be given now."""
        needs(asker, Right.READ, "reading a notice")
        known = self._notice_id(asker, id)
        found: Json = next(n for n in self.notices(asker, known.rpartition("-N")[0])["notices"] if n["id"] == known)
        if found["state"] == NoticeState.UNDRAFTED:
            subject, body = self._drafted(known)
            found |= {"subject": subject, "body": body, "digest": digest_of(subject, body)}
        return found

    @veils
    def messages(self, asker: Asker, *, state: str = "dead", limit: int = 50, cursor: str = "") -> Json:
        """
        Dead letters, or what is owed now, across incidents, the newest first.

        Args:
            cursor: The id of the last one on the page before; it may have left the list meanwhile.
        """
        needs(asker, Right.READ, "reading messages")
        with self.desk.read() as known:  # copied, then looked through while others go on: there may be many
            every = list((known.outbox.letters if state == "dead" else known.outbox.owed).values())
            hidden = sight.hidden(known, asker)
        every.sort(key=lambda effect: number(effect.id), reverse=True)
        before = number(cursor) if cursor else None
        found = (e for e in every if e.incident not in hidden and (before is None or number(e.id) < before))
        page = list(itertools.islice(found, limit + 1))
        claims = {claim.effect: claim for claim in self.desk.ledger.claims()}
        with self.desk.read():
            rows = notice_views.letters(page[:limit], claims)
        return {"items": rows, "next": rows[-1]["id"] if len(page) > limit else None}

    # --- by people ---

    def write_notice(self, asker: Asker, id: str, subject: str, body: str, key: AnswerKey | None = None) -> Reply:
        return self._on_notice(
            asker, id, lambda state, known, now: notices.edit(state, known, subject, body, asker), key
        )

    def approve_notice(self, asker: Asker, id: str, digest: str, key: AnswerKey | None = None) -> Reply:
        """An approval that is not allowed to count is refused, and the attempt is written down."""
        known = self._notice_id(asker, id)
        self._draft_now(known)
        try:
            return self._on_notice(
                asker,
                known,
                lambda state, _, now: notices.approve(state, known, digest=digest, asker=asker, now=now),
                key,
            )
        except (Forbidden, Conflicting) as error:
            self._write_notice_denial(asker, known, error)
            raise

    def refuse_notice(self, asker: Asker, id: str, reason: str, key: AnswerKey | None = None) -> Reply:
        return self._on_notice(
            asker, id, lambda state, known, now: notices.refuse(state, known, reason=reason, asker=asker), key
        )

    def receipt_notice(
        self,
        asker: Asker,
        id: str,
        words: str,
        at: str | None = None,
        key: AnswerKey | None = None,
        *,
        late_because: str = "",
    ) -> Reply:
        """How it reached its reader; where a clock asked for it, that is the clock's submission too."""
        happened = moment(at)

        def decide(state: State, known: str, now: datetime) -> Decided:
            return notices.receipt(state, known, words, happened, asker, now, late_because=late_because)

        return self._on_notice(asker, id, decide, key)

    def retry_message(self, asker: Asker, id: str, key: AnswerKey | None = None) -> Reply:
        """Have a dead letter tried again."""
        needs(asker, Right.RESPOND, "trying a message again")
        return self._do(
            asker,
            lambda state, now: effects.retry(state, id, asker, now),
            lambda state, decided, events: (200, {"id": decided.subject, "state": "owed"}),
            key,
        )

    # --- inside ---

    def _notice_id(self, asker: Asker, id: str) -> str:
        with self.desk.read(id) as state:
            return notices.get_notice(state, id, asker)[1].id

    def _on_notice(
        self,
        asker: Asker,
        id: str,
        decide: Callable[[State, str, datetime], Decided],
        key: AnswerKey | None,
    ) -> Reply:
        known = self._notice_id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            incident, draft = notices.get_notice(state, known)
            said = {event.kind for event in events}  # the state may be as it was before them, or after
            agreed = {a.person for a in draft.approved}
            if "notice:draft:written" in said:
                agreed = set()
            elif "notice:draft:approved" in said:
                agreed.add(asker.actor.person or "")
            return 200, {
                "id": known,
                "incident": incident.id,
                "already": not events,
                "approvals_left": max(0, draft.approvals - len(agreed)),
                "digest": next((e.data["digest"] for e in events if "digest" in e.data), draft.digest),
            }

        return self._do(asker, lambda state, now: decide(state, known, now), answered, key, about=known)

    def _write_notice_denial(self, asker: Asker, id: str, error: Refused) -> None:
        incident = id.rpartition("-N")[0]
        self.denials.write(asker, id, error, lambda state, now: notices.denied(incident, id, error))

    def _drafted(self, id: str) -> tuple[str, str]:
        """The text that a notice would be given now."""
        with self.desk.read(id) as state:
            incident, draft = notices.get_notice(state, id)
            if draft.kind == "partners":
                return "", ""
            try:
                return self.letters.draft(state, incident, draft)
            except NotSent as error:
                return f"unknown: {error.because}", f"unknown: {error.because}\n"

    def _draft_now(self, id: str) -> None:
        """Where no service has drafted it yet."""
        with self.desk.read(id) as state:
            waits = notices.get_notice(state, id)[1].state == NoticeState.UNDRAFTED
        if waits:
            subject, body = self._drafted(id)
            if subject:
                self.desk.submit(lambda state, now: notices.draft(state, id, subject, body), actor=SYSTEM, about=id)
