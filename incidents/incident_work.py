"""
What people do to an incident after it was declared: its life, its roles, its tasks, its lines, its links.

Each operation turns plain values into a decision and returns what to answer. Kinds of events are facts of the log;
answers name the incident, the new line and what stands now.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from incidents import incident_views
from incidents.clock import rfc3339
from incidents.decisions import Asker, Decided, entries, incident, life, needs, people, sharing, tasks
from incidents.decisions.sight import is_insider
from incidents.errors import Invalid, Unavailable, nearest
from incidents.events import EntryCorrected, EntryPinned, Event, RoleOffered
from incidents.ledger import AnswerKey
from incidents.operating import Json, Operating, Reply, moment
from incidents.roles import Right
from incidents.state import State
from playbooks.durations import duration

SHARE_LIFE = timedelta(days=7)
TIDY_TURNS = 10  # about a second at most
CORRECTED = EntryCorrected.kind
PINNED = EntryPinned.kind


class IncidentWork(Operating):
    # --- notes, updates, lines ---

    def note(
        self,
        asker: Asker,
        id: str,
        text: str,
        at: str | None = None,
        key: AnswerKey | None = None,
        *,
        restricted: bool = False,
    ) -> Reply:
        needs(asker, Right.RESPOND, "writing a note")
        happened = moment(at)
        return self._work(
            asker,
            id,
            lambda state, known, now: incident.note(state, known, text, happened, now, restricted=restricted),
            key,
            status=201,
            shares=True,
        )

    def post_update(
        self, asker: Asker, id: str, words: str, next_at: str | None = None, key: AnswerKey | None = None
    ) -> Reply:
        following = moment(next_at, "next_at")
        return self._work(
            asker,
            id,
            lambda state, known, now: life.post_update(state, known, words, following, asker, now),
            key,
            status=201,
        )

    def correct(
        self,
        asker: Asker,
        id: str,
        seq: int,
        *,
        at: str | None = None,
        text: str | None = None,
        reason: str = "",
        key: AnswerKey | None = None,
    ) -> Reply:
        happened, line = moment(at), self._event(seq)
        return self._work(
            asker,
            id,
            lambda state, known, now: entries.correct(
                state, known, seq, line, at=happened, words=text, reason=reason, asker=asker, now=now
            ),
            key,
        )

    def pin(self, asker: Asker, id: str, seq: int, pinned: bool, key: AnswerKey | None = None) -> Reply:
        """Pinned twice is pinned once: the second answer says ``already``."""

        def decide(state: State, known: str, now: datetime) -> Decided:
            lines = {line.seq: line for line in self.desk.ledger.incident(known)}
            pins = [n.data["pinned"] for n in lines.values() if n.kind == PINNED and n.data["entry"] == seq]
            return entries.pin(
                state, known, seq, lines.get(seq), pinned=pinned, asker=asker, is_pinned=bool(pins and pins[-1])
            )

        return self._work(asker, id, decide, key)

    def redact(self, asker: Asker, id: str, seq: int, reason: str, key: AnswerKey | None = None) -> Reply:
        """
        The words of a line, and of what corrected it, can't be read or found any more when this answers.

        They have left the files by then as well, or, beside ten thousands of incidents, within a minute of the service.
        """

        def decide(state: State, known: str, now: datetime) -> Decided:
            lines = {line.seq: line for line in self.desk.ledger.incident(known)}
            corrections = [n for n, line in lines.items() if line.kind == CORRECTED and line.data["entry"] == seq]
            return entries.redact(
                state, known, seq, lines.get(seq), reason=reason, asker=asker, corrections=corrections
            )

        reply = self._work(asker, id, decide, key)
        with suppress(Unavailable):  # they are redacted; the service goes on with what is left in the files
            any(self.desk.ledger.tidy() for _ in range(TIDY_TURNS))
        return reply

    def _event(self, seq: int) -> Event | None:
        found = self.desk.ledger.read(after=seq - 1, limit=1) if seq > 0 else []
        return found[0] if found and found[0].seq == seq else None

    # --- life ---

    def move(
        self,
        asker: Asker,
        id: str,
        status: str,
        *,
        reason: str = "",
        at: str | None = None,
        into: str = "",
        clocks_go_on: bool = False,
        key: AnswerKey | None = None,
    ) -> Reply:
        """Bring it to another status; refused with every reason that stands against it."""
        happened = moment(at)
        if into:
            into = self._id(asker, into)

        def decide(state: State, known: str, now: datetime) -> Decided:
            due = _review_due(state, known, happened or now) if status == "resolved" else None
            request = life.Move(
                to=status, reason=reason, at=happened, into=into, review_due_at=due, clocks_go_on=clocks_go_on
            )
            return life.move(state, known, request, asker, now)

        return self._work(asker, id, decide, key)

    def acknowledge(self, asker: Asker, id: str, key: AnswerKey | None = None) -> Reply:
        return self._work(asker, id, lambda state, known, now: life.acknowledge(state, known, asker), key)

    def judge_exit(
        self, asker: Asker, id: str, number: int, met: bool, evidence: str, key: AnswerKey | None = None
    ) -> Reply:
        return self._work(
            asker,
            id,
            lambda state, known, now: life.judge_exit(state, known, number, met=met, evidence=evidence, asker=asker),
            key,
        )

    def settle_action(
        self, asker: Asker, id: str, number: int, to: str, reason: str, key: AnswerKey | None = None
    ) -> Reply:
        return self._work(
            asker,
            id,
            lambda state, known, now: life.settle_action(state, known, number, to=to, reason=reason, asker=asker),
            key,
        )

    def set_severity(self, asker: Asker, id: str, severity: str, reason: str, key: AnswerKey | None = None) -> Reply:
        return self._work(
            asker, id, lambda state, known, now: life.set_severity(state, known, severity, reason, asker), key
        )

    # --- people ---

    def role(
        self,
        asker: Asker,
        id: str,
        role: str,
        act: str,
        *,
        person: str = "",
        reason: str = "",
        force: bool = False,
        key: AnswerKey | None = None,
    ) -> Reply:
        """
        Take, assign, decline or leave a role (``people.Act``).

        Raises:
            Invalid: Another act.
        """
        wanted = _act(act)

        def decide(state: State, known: str, now: datetime) -> Decided:
            match wanted:
                case people.Act.TAKE:
                    return people.take(state, known, role, reason=reason, force=force, asker=asker)
                case people.Act.ASSIGN:
                    return people.assign(state, known, role, person, asker)
                case people.Act.DECLINE:
                    return people.decline(state, known, role, reason, asker)
                case people.Act.LEAVE:
                    return people.leave(state, known, role, reason, asker)

        return self._work(asker, id, decide, key)

    def set_visibility(
        self, asker: Asker, id: str, visibility: str, reason: str, key: AnswerKey | None = None
    ) -> Reply:
        return self._work(
            asker, id, lambda state, known, now: people.set_visibility(state, known, visibility, reason, asker), key
        )

    def change_members(
        self, asker: Asker, id: str, add: Sequence[str], remove: Sequence[str], key: AnswerKey | None = None
    ) -> Reply:
        return self._work(
            asker, id, lambda state, known, now: people.change_members(state, known, add, remove, asker), key
        )

    # --- tasks ---

    def add_task(self, asker: Asker, id: str, new: tasks.NewTask, key: AnswerKey | None = None) -> Reply:
        return self._work(
            asker, id, lambda state, known, now: tasks.add(state, known, new, asker, now), key, status=201
        )

    def change_task(
        self,
        asker: Asker,
        id: str,
        number: int,
        *,
        owner: str = "",
        due_at: str | None = None,
        follow_up: bool | None = None,
        key: AnswerKey | None = None,
    ) -> Reply:
        due = moment(due_at, "due_at")
        return self._work(
            asker,
            id,
            lambda state, known, now: tasks.change(
                state, known, number, owner=owner, due_at=due, follow_up=follow_up, asker=asker, now=now
            ),
            key,
        )

    def settle_task(
        self, asker: Asker, id: str, number: int, to: str, reason: str = "", key: AnswerKey | None = None
    ) -> Reply:
        return self._work(
            asker,
            id,
            lambda state, known, now: tasks.settle(state, known, number, to=to, reason=reason, asker=asker),
            key,
        )

    # --- links ---

    def share(self, asker: Asker, id: str, life_of_it: str = "", key: AnswerKey | None = None) -> Reply:
        """Make a read-only link; the answer has its id, the surface signs it."""
        lasts = _share_life(life_of_it)
        made = secrets.token_urlsafe(9)
        return self._work(
            asker,
            id,
            lambda state, known, now: sharing.share(state, known, made, lasts, asker, now),
            key,
            status=201,
        )

    def revoke_share(self, asker: Asker, id: str, share: str, key: AnswerKey | None = None) -> Reply:
        return self._work(asker, id, lambda state, known, now: sharing.revoke(state, known, share, asker), key)

    # --- inside ---

    def _work(
        self,
        asker: Asker,
        id: str,
        decide: Callable[[State, str, datetime], Decided],
        key: AnswerKey | None,
        *,
        status: int = 200,
        shares: bool = False,
    ) -> Reply:
        """One change of one incident; answers its id, status, and the line that was written (``seq``, ``at``, data)."""
        known = self._id(asker, id)

        def answered(state: State, decided: Decided, events: Sequence[Event]) -> tuple[int, Json]:
            body: Json = {"incident": known, "status": incident_views.status_after(state.incidents[known], events)}
            if not events:
                return 200, body | {"already": True}
            said: dict[str, Any] = {k: v for k, v in events[0].data.items() if k not in body}
            if events[0].kind == RoleOffered.kind:  # else nobody could tell it from one that was taken
                said["offered"] = True
            return status, said | body | {"seq": events[0].seq, "at": rfc3339(events[0].at)}

        return self._do(asker, lambda state, now: decide(state, known, now), answered, key, about=known, shares=shares)

    def may_read_restricted(self, asker: Asker, id: str) -> bool:
        """Whether restricted notes of an incident are for this asker."""
        with self._look(asker, id) as (state, known):
            return is_insider(asker, state.incidents[known].insiders)


def _act(act: str) -> people.Act:
    try:
        return people.Act(act)
    except ValueError as error:
        known = ", ".join(people.Act)
        raise Invalid.at("act", f"unknown act '{act[:40]}'.{nearest(act, people.Act)} It is {known}") from error


def _review_due(state: State, id: str, resolved_at: datetime) -> str | None:
    """The review's due time, counted from the moment of resolving, as the playbook said it."""
    words = state.incidents[id].postmortem.get("due")
    return rfc3339(duration(str(words)).end(resolved_at)) if words else None


def _share_life(words: str) -> timedelta:
    if not words:
        return SHARE_LIFE
    try:
        elapsed = duration(words).elapsed
    except ValueError as error:
        raise Invalid.at("for", str(error)) from error
    if elapsed is None:
        raise Invalid.at("for", f"'{words[:40]}': say hours or days, e.g. 7d")
    return elapsed
