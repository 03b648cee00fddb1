"""
What people do with the review of an incident, and what they read of it.

A text is taken apart before the desk is asked, never under its lock: a kill must not wait for a long document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from incidents import incident_views, review_views, views
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, needs, review
from incidents.decisions.sight import hidden, veiled
from incidents.errors import Conflicting, Unknown
from incidents.events import Event, ReviewSaved
from incidents.incident_work import IncidentWork
from incidents.ledger import AnswerKey
from incidents.measures import measure
from incidents.operating import Json, Reply, veils
from incidents.review_draft import draft
from incidents.review_questions import questions, unready
from incidents.roles import Right
from incidents.state import State
from incidents.timeline import rows


class ReviewWork(IncidentWork):
    def review_owner(self, asker: Asker, id: str, person: str, key: AnswerKey | None = None) -> Reply:
        return self._work(asker, id, lambda state, known, now: review.set_owner(state, known, person, asker), key)

    def save_review(self, asker: Asker, id: str, document: str, base: int, key: AnswerKey | None = None) -> Reply:
        """
        Raises:
            Outdated: Somebody saved meanwhile; ``more["newer"]`` holds what they saved.
        """
        return self._of_review(
            asker,
            id,
            lambda state, known, newest: review.save(state, known, document, base, newest, asker),
            key,
        )

    def approve_review(self, asker: Asker, id: str, version: int, key: AnswerKey | None = None) -> Reply:
        return self._of_review(
            asker, id, lambda state, known, newest: review.approve(state, known, version, newest, asker), key
        )

    def publish_review(self, asker: Asker, id: str, version: int, key: AnswerKey | None = None) -> Reply:
        self.desk.follow()  # what another process saved a moment ago is what would be published
        known = self._id(asker, id)
        with self.desk.read(known) as state:
            found = state.incidents[known]
            seq, ask = found.review.seq, found.postmortem.get("ask", [])
        read = self._document(seq)
        lacks = unready(ask, read or "")

        def decide(state: State, known: str, newest: str | None) -> Decided:
            if newest != read:
                raise Conflicting(f"the review of {known} was changed a moment ago; read it first")
            return review.publish(state, known, version, newest, lacks, asker)

        return self._of_review(asker, id, decide, key)

    def _of_review(
        self, asker: Asker, id: str, decide: Callable[[State, str, str | None], Decided], key: AnswerKey | None
    ) -> Reply:
        """One change of the review, decided on the text of its newest version; answers which version stands then."""

        def on_newest(state: State, known: str, now: datetime) -> Decided:
            return decide(state, known, self._document(state.incidents[known].review.seq))

        reply = self._work(asker, id, on_newest, key)
        if "version" in reply.body:
            return reply
        with self._look(asker, id) as (state, known):
            return Reply(reply.status, reply.body | {"version": state.incidents[known].review.version}, reply.replayed)

    def _document(self, seq: int) -> str | None:
        """The text that was saved with that event; None where there is none (any more)."""
        event = self._event(seq)
        return (event.text or {}).get("document") if event is not None else None

    # --- reading ---

    @veils
    def measures(self, asker: Asker, id: str) -> Json:
        """The incident in figures, see ``measures``."""
        needs(asker, Right.READ, "reading an incident")
        return measure(self.lines.of(self._id(asker, id)).events, self.desk.clock.now()).wire()

    def postmortem(self, asker: Asker, id: str) -> Json:
        """
        The review: its newest text (a first draft, where nothing is saved), where it stands, what is open, the facts.

        Whoever may write reads the document as it was written: a name that is veiled would be lost with the next save.
        """
        needs(asker, Right.READ, "reading a review")
        known, now = self._id(asker, id), self.desk.clock.now()
        with self.desk.read(known) as state:
            stands = state.incidents[known].review
            newest_seq, published_seq = stands.seq, stands.published_seq
            ask, without = state.incidents[known].postmortem.get("ask", []), hidden(state, asker)
        lines = self.lines.of(known).events
        by_seq = {line.seq: line for line in lines}
        newest, published = (_text_of(by_seq.get(seq)) for seq in (newest_seq, published_seq))
        document = newest if newest_seq else self._draft(asker, known, lines, now)
        texts = review_views.Texts(newest, published, questions(ask, document or ""), unready(ask, document or ""))
        with self.desk.read(known) as state:
            found = review_views.whole(state, known, texts, asker)
            found["follow_ups"] = self._follow_ups(state, known, lines)
        found["title"] = (lines[0].text or {}).get("title", "")
        found["versions"] = list(_versions(lines))
        found["as_of"], found["facts"] = rfc3339(now), measure(lines, now).wire()
        shown: Json = veiled(found, without)
        return shown | {"document": document if asker.may(Right.RESPOND) else veiled(document, without)}

    def review_version(self, asker: Asker, id: str, version: int) -> Json:
        """
        One version's text, as ``postmortem`` has that of the newest; ``document`` None where it was redacted.

        Raises:
            Unknown: There is no such version.
        """
        needs(asker, Right.READ, "reading a review")
        known = self._id(asker, id)
        with self.desk.read() as state:
            without = hidden(state, asker)
        for line in self.lines.of(known).events:
            if line.kind == ReviewSaved.kind and line.data["version"] == version:
                text = _text_of(line)
                document = text if asker.may(Right.RESPOND) else veiled(text, without)
                return _version(line) | {"incident": known, "document": document}
        raise Unknown(f"the review of {known} has no version {version}", code="unknown-version")

    def review_draft(self, asker: Asker, id: str, as_of: datetime) -> str:
        """The first draft as it was at a moment: what somebody who saves a first version has begun with."""
        needs(asker, Right.READ, "reading a review")
        known = self._id(asker, id)
        return self._draft(asker, known, self.lines.of(known).events, as_of)

    def _draft(self, asker: Asker, known: str, lines: Sequence[Event], as_of: datetime) -> str:
        """For everybody who may see the incident: without restricted notes, whoever asks."""
        seen = [line for line in lines if line.recorded_at <= as_of]
        words = incident_views.words_of(seen)
        with self.desk.read(known) as state:
            incident = state.incidents[known]
            about: dict[str, Any] = views.incident_row(incident, words.get(incident.seq, {}))
            about["summary"] = words.get(incident.seq, {}).get("summary", "")
            about["tasks"] = self._follow_ups(state, known, seen)
            names, without = views.names(state), hidden(state, asker)
        ask = incident.postmortem.get("ask", [])
        shown = rows(seen, names, inside=False)
        made: str = veiled(draft(about, ask, measure(seen, as_of), shown, names, as_of), without)
        return made

    def _follow_ups(self, state: State, known: str, lines: Sequence[Event]) -> list[Json]:
        now, words = self.desk.clock.now(), incident_views.words_of(lines)
        tasks = state.incidents[known].tasks.values()
        return [incident_views.task(task, words, now) for task in tasks if task.follow_up]


def _versions(lines: Sequence[Event]) -> Iterator[Json]:
    return (_version(line) for line in lines if line.kind == ReviewSaved.kind)


def _version(line: Event) -> Json:
    saved = {"saved_by": line.actor.name, "saved_at": rfc3339(line.at), "redacted": line.text is None}
    return {"version": line.data["version"], "base": line.data["base"], "seq": line.seq, **saved}


def _text_of(event: Event | None) -> str | None:
    return (event.text or {}).get("document") if event is not None else None
