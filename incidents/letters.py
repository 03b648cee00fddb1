"""
From what is owed to a finished letter: which text, with which facts, as of now.

Reads the state and the log; sends nothing. A text that was approved is taken as it is or not at all; others are
written when they leave, so that they say how things stand then and not when they were owed.
"""

from __future__ import annotations

from incidents import filing
from incidents.connectors import Letter, NotSent
from incidents.desk import Desk
from incidents.events import Event
from incidents.life import Incident
from incidents.notice_facts import (
    Facts,
    Said,
    concerning,
    for_authority,
    for_partner,
    for_team,
    partners_affected,
)
from incidents.notices import NoticeDraft, digest_of
from incidents.outbox import Effect
from incidents.state import State
from incidents.timeline import rows
from incidents.views import names
from playbooks.templates import Absent
from playbooks.wording import UnknownWording, Wording, Wordings

UPDATE = "incident:update:posted"
REHEARSED = "DRILL, NOT REAL"
MARK = f"{REHEARSED}. Never to be filed.\n\n"


class Letters:
    """Knows the texts that there are and how this service is called."""

    def __init__(self, desk: Desk, wordings: Wordings, *, page: str, sender: str) -> None:
        self._desk, self._wordings, self._page, self._sender = desk, wordings, page, sender

    def compose(self, effect: Effect) -> Letter:
        """
        The letter of an effect, without any office's marks.

        Raises:
            NotSent: Its text was redacted, changed, or can't be written.
        """
        owed = self._event(effect.seq)
        if effect.notice is not None:
            subject, body = self._approved(effect)
        elif effect.template:
            subject, body = self._written(effect, (owed.text or {}).get("words", "") if owed else "")
        else:
            subject, body = f"Order {effect.id}", ""
        if effect.doubt:
            ways = ", ".join(dict.fromkeys(effect.doubt))
            body = f"It is not known whether this has reached you by {ways} already.\n\n{body}"
        return Letter(
            id=effect.id,
            key=f"{owed.ledger if owed else self._desk.ledger.id}/{effect.id}",
            subject=subject,
            body=body,
            template=effect.template,
            thread=effect.incident or "",
            lane=effect.lane,
            order=effect.order,
            about=self._about(effect),
        )

    def draft(self, state: State, incident: Incident, notice: NoticeDraft) -> tuple[str, str]:
        """
        Subject and body of a notice as its template has it now; what is rehearsed says so.

        Raises:
            NotSent: There is no such template, or it is for other eyes.
        """
        kind, _, id = notice.to.partition(":")
        now, wording = self._desk.clock.now(), self._wording(notice.template)
        match kind:
            case "partner":
                rows = concerning(state, incident, now).get(id, [])
                facts = for_partner(state, incident, id, rows, self._sender)
            case "authority":
                clock = self._clock_facts(state, incident, notice.clock) if notice.clock is not None else {}
                facts = for_authority(state, incident, self._said(incident), id, self._sender, clock, now)
                subject, body = _filled(wording, facts)
                return (subject, body) if incident.kind == "real" else (f"{REHEARSED}: {subject}", f"{MARK}{body}")
            case _:
                facts = self._of_team(state, incident, wording, "", notice.template)
        return _filled(wording, facts)

    def _clock_facts(self, state: State, incident: Incident, clock: str) -> Facts:
        lines = self._desk.ledger.incident(incident.id)
        points = rows(lines, names(state), inside=False)
        return filing.notice_facts(state, incident, incident.docket.duties[clock], lines, points)

    def drafts_for_partners(self, id: str, template: str) -> dict[str, tuple[str, str]]:
        """
        Subject and body for every partner that an incident has taken something from, each from its own rows alone.

        The comparison of all grants is made once, and the texts are written after the state was let go.

        Raises:
            NotSent: As ``draft``.
        """
        with self._desk.read(id) as state:
            incident = state.incidents[id]
            facts = {
                partner: for_partner(state, incident, partner, rows, self._sender)
                for partner, rows in concerning(state, incident, self._desk.clock.now()).items()
            }
        wording = self._wording(template)
        return {partner: _filled(wording, known) for partner, known in facts.items()}

    def _written(self, effect: Effect, words: str) -> tuple[str, str]:
        wording = self._wording(effect.template)
        if effect.incident is None:
            return _filled(wording, {"words": words, "page": self._page})
        with self._desk.read(effect.incident) as state:
            incident = state.incidents[effect.incident]
            facts = self._of_team(state, incident, wording, words, effect.topic)
        return _filled(wording, facts)

    def _of_team(self, state: State, incident: Incident, wording: Wording, words: str, topic: str) -> Facts:
        page = f"{self._page}/incidents/{incident.id}"
        facts = for_team(state, incident, self._said(incident), words, topic, page)
        if "partners_affected" in wording.facts:
            facts["partners_affected"] = partners_affected(state, incident, self._desk.clock.now())
        return facts

    def _approved(self, effect: Effect) -> tuple[str, str]:
        with self._desk.read(effect.incident or "") as state:
            draft = state.incidents[effect.incident or ""].drafts[effect.notice or ""]
        event = self._event(draft.text_seq or 0)
        text = event.text if event is not None else None
        if text is None:
            raise NotSent("the approved text was redacted", for_good=True)
        subject, body = text["subject"], text["body"]
        if digest_of(subject, body) != effect.digest:
            raise NotSent("the text is not the one that was approved", for_good=True)
        return subject, body

    def _said(self, incident: Incident) -> Said:
        words = self._desk.words(incident.id)
        update = self._event(incident.update_seq) if incident.update_seq else None
        return Said(
            words.get("title") or None,
            words.get("summary") or None,
            (update.text or {}).get("update") if update is not None else None,
        )

    def _about(self, effect: Effect) -> dict[str, str]:
        if effect.incident is None:
            return {}
        with self._desk.read(effect.incident) as state:
            incident = state.incidents[effect.incident]
            return {
                "incident": incident.id,
                "kind": incident.kind,
                "severity": incident.severity,
                "status": incident.status,
            }

    def _wording(self, template: str) -> Wording:
        try:
            return self._wordings.get(template)
        except UnknownWording as error:
            raise NotSent("there is no such template any more", for_good=True) from error

    def _event(self, seq: int) -> Event | None:
        found = self._desk.ledger.read(after=seq - 1, limit=1) if seq > 0 else []
        return found[0] if found and found[0].seq == seq else None


def _filled(wording: Wording, facts: Facts) -> tuple[str, str]:
    try:
        return wording.written(facts)
    except Absent as error:
        raise NotSent(f"the text names facts that this reader is not told: {error}", for_good=True) from error
